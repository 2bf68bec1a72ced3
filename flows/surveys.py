"""The flow `surveys`: all of BLS, or what patterns select of it, brought up to date in the lake."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger
from prefect.task_runners import ThreadPoolTaskRunner

from blocks.lake import open_lake
from blocks.publishers import open_bls_root
from blsquest.core.errors import QuestError
from blsquest.lake.model import Allowance  # noqa: TC001 - Prefect reads the annotations
from blsquest.lake.run import IN_FLIGHT, Options
from blsquest.sources.http import SURVEYS_AT_ONCE
from blsquest.sources.share import parse_share
from flows.children import TABLE_KEY
from flows.choosing import choose, decide
from flows.dashboard import as_text, tell
from flows.fan_out import Orders, fan_out
from flows.fleet import incomplete
from flows.mirror_many import mirror_many
from flows.results import Result
from flows.run_names import patterns_and_day
from flows.shares import held
from flows.states import completed, failed

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


@flow(
    name="surveys",
    flow_run_name=patterns_and_day,
    task_runner=ThreadPoolTaskRunner(max_workers=SURVEYS_AT_ONCE * IN_FLIGHT),  # type: ignore[arg-type]
    timeout_seconds=48 * 3600,
)
def surveys(
    patterns: list[str] | None = None,
    lake: str = "s3-bucket/lake",
    source: str = "bls-source/bls",
    contact: str | None = None,
    downloads_per_second: float | None = None,
    recheck: bool = False,
    dry_run: bool = False,
    allow: list[Allowance] | None = None,
    tables: bool = True,
    revisions: bool = False,
    deployment: str | None = None,
    tasks: int = 4,
    share: str | None = None,
) -> State[Any]:
    """Keep an exact, versioned mirror of many BLS surveys.

    Asks BLS which surveys there are, and brings those that the patterns select up to date, side by
    side and at one pace. Ends by the weightiest of their outcomes, or as a Failed state named
    Incomplete when some of them failed or were refused: the others are up to date all the same.
    A survey that the lake holds and BLS no longer lists is named, and kept as it is.

    Args:
        patterns: Which surveys: a code (pr), a code with * or ? (c*), all, and any of these after
            a - to leave it out (-oe). Empty fails, and says which surveys there are.
        lake: Where to keep it: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a path.
        source: Where to fetch it from: a block (bls-source/bls) or the URL that holds the surveys.
        contact: An e-mail address at which BLS can reach you. Empty takes the block's own.
        downloads_per_second: Overrides the block's pace (1 for BLS), which all surveys share; 0 is
            for a server of your own.
        recheck: Ask for every file again, also for those whose date and size are unchanged.
        dry_run: Show the plan and change nothing.
        allow: Guards to lift for this run, by name, when a person knows better.
        tables: Also keep the data files as Parquet tables, for Athena, DuckDB and polars.
        revisions: When data files changed, also say which values were added, removed or revised.
        deployment: Spread the surveys over runs of this deployment (surveys/group), small ones
            together and huge ones alone. Empty mirrors them all in this run.
        tasks: How many such runs may be under way at a time; they share the pace.
        share: This run's share of the pace among such runs, for example 2/4. Empty takes it whole.
    """
    polite: dict[str, Any] = {"contact": contact, "downloads_per_second": downloads_per_second}
    wanted: dict[str, Any] = {"tables": tables, "revisions": revisions}
    try:
        part = parse_share(share) if share else None
        with held(part):
            root = open_bls_root(source, **polite)
            if deployment:
                rules = {"recheck": recheck, "dry_run": dry_run, "allow": allow}
                given = {"lake": lake, "source": source, **polite, **rules, **wanted}
                orders = Orders(deployment, tasks, given)
                fleet = fan_out(orders, lambda: decide(root, open_lake(lake), patterns, tasks))
            else:
                choice = choose(root, open_lake(lake), patterns)
                options = Options(recheck, dry_run, frozenset(allow or ()))
                fleet = mirror_many(root, choice.codes, lake, options, **wanted)
                fleet = replace(fleet, unlisted=choice.unlisted)
    except QuestError as error:
        return failed(error, data=error)
    if fleet.unlisted:
        get_run_logger().warning(fleet.warning())
    tell(
        get_run_logger(),
        "the table of surveys",
        lambda: create_table_artifact(
            as_text(fleet.table()), key=TABLE_KEY, description=fleet.sentence()
        ),
    )
    lack = incomplete(fleet)
    if lack is None:
        return completed(Result((), None, (), fleet=fleet))
    return failed(lack, data=Result((), None, (lack,), fleet=fleet))


if __name__ == "__main__":
    from flows.cli import command_line

    command_line(surveys)
