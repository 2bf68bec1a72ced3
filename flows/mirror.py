"""The flow `mirror`: one survey's files, brought up to date in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from blocks.lake import open_lake
from blocks.publishers import open_bls
from blsquest.lake.guards import Allowance  # noqa: TC001 - Prefect reads the annotations
from blsquest.lake.run import IN_FLIGHT, Options
from flows.ingest import ingest_survey
from flows.run_names import survey_and_day
from flows.states import conclude

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from blsquest.lake.outcome import Outcome


@flow(
    name="mirror",
    flow_run_name=survey_and_day,
    task_runner=ThreadPoolTaskRunner(max_workers=IN_FLIGHT),  # type: ignore[arg-type]
    timeout_seconds=12 * 3600,
    validate_parameters=True,
)
def mirror(
    survey: str = "pr",
    lake: str = "s3-bucket/lake",
    source: str = "bls-source/bls",
    contact: str | None = None,
    downloads_per_second: float | None = None,
    recheck: bool = False,
    dry_run: bool = False,
    allow: list[Allowance] | None = None,
    tables: bool = True,
    revisions: bool = True,
) -> State[Any]:
    """Keep an exact, versioned mirror of one BLS survey.

    Lists the survey's folder, fetches only what is new, commits one immutable manifest, and makes
    the public view equal to it. Ends as Changed, Restamped, Unchanged or Repaired; Refused when a
    guard does not believe the publisher; Failed otherwise. Nothing is ever uploaded twice.

    Args:
        survey: The survey's folder at BLS, for example pr (productivity) or cu (consumer prices).
        lake: Where to keep it: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a path.
        source: Where to fetch it from: a block (bls-source/bls) or the URL that holds the surveys.
        contact: An e-mail address at which BLS can reach you. Empty takes the block's own.
        downloads_per_second: Overrides the block's pace (1 for BLS); 0 is for a server of your own.
        recheck: Ask for every file again, also for those whose date and size are unchanged.
        dry_run: Show the plan and change nothing.
        allow: Guards to lift for this run, by name, when a person knows better.
        tables: Also keep the data files as Parquet tables, for Athena, DuckDB and polars.
        revisions: When data files changed, also say which values were added, removed or revised.
            Takes up to 25 s for each GB compared, after the mirror is up to date.
    """

    def work() -> Outcome:
        store = open_lake(lake)
        publisher = open_bls(
            source, survey, contact=contact, downloads_per_second=downloads_per_second
        )
        options = Options(recheck=recheck, dry_run=dry_run, allow=frozenset(allow or ()))
        return ingest_survey(publisher, store, options, tables=tables, revisions=revisions)

    return conclude(work)


if __name__ == "__main__":
    from flows.cli import command_line

    command_line(mirror)
