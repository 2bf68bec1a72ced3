"""The flow `pipeline`: both ingests side by side, then the report where one is due."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from prefect import flow

from blocks.lake import open_lake
from blsquest.analytics import Ddof  # noqa: TC001 - Prefect reads the annotations
from blsquest.core.clock import utcnow
from blsquest.core.errors import Mixed, QuestError
from blsquest.core.stop import Workers, raise_if_stopped
from blsquest.lake.as_of import check_known, is_past, parse_as_of
from blsquest.lake.guards import Allowance  # noqa: TC001 - Prefect reads the annotations
from blsquest.lake.outcome import Outcome
from blsquest.products.question import (
    Request,
)
from blsquest.products.report import standing_report
from flows.in_turn import InTurn
from flows.mirror import mirror
from flows.part_tags import parts_tagged
from flows.parts import show_parts
from flows.population import population
from flows.report import report
from flows.results import Result, worst
from flows.run_names import surveys_and_day
from flows.states import completed, failed, told

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def report_if_due(question: dict[str, Any], *, ingested: list[Any]) -> list[Any]:
    """What the report came to, as a list of at most one; no run of its own where none is due.

    After an ingest that failed on a lake without an earlier state there is nothing to report on,
    and nothing more to say than the ingest's own error. Nor is there where the whole lake is of
    the other kind: nobody who asked for real data is shown a sample's answers.
    """
    if ingested and all(isinstance(one, Mixed) for one in ingested):
        return []
    if question["as_of"] is None:
        try:
            standing = standing_report(open_lake(question["lake"]), _asked_of(question))
        except QuestError as error:
            return [] if any(isinstance(i, QuestError) for i in ingested) else [error]
        if standing is not None:
            return [standing]
    return [told(report(**question, return_state=True))]


def _asked_of(question: dict[str, Any]) -> Request:
    """What a report is asked for, without where the lake is and which moment is meant."""
    return Request(**{k: v for k, v in question.items() if k not in {"lake", "as_of"}})


def _is_past(as_of: str) -> bool:
    meant, now = parse_as_of(as_of), utcnow()
    check_known(meant, now=now)
    return is_past(meant, now=now)


@flow(name="pipeline", flow_run_name=surveys_and_day, timeout_seconds=24 * 3600)
def pipeline(
    surveys: list[str] | None = None,
    lake: str = "s3-bucket/lake",
    bls_source: str = "bls-source/bls",
    population_source: str = "population-source/datausa",
    contact: str | None = None,
    downloads_per_second: float | None = None,
    recheck: bool = False,
    dry_run: bool = False,
    allow: list[Allowance] | None = None,
    as_of: str | None = None,
    series: str | None = None,
    period: str = "Q01",
    first_year: int = 2013,
    last_year: int = 2018,
    data_file: str | None = None,
    pairs: list[str] | None = None,
    ddof: Ddof = 1,
    tables: bool = True,
    revisions: bool = True,
) -> State[Any]:
    """Mirror BLS surveys and the US population, and answer the three questions over them.

    Both ingests run side by side; the report follows when the newest one does not name the newest
    generation of both. An ingest that fails stops neither the other nor a report on the last good
    states, but the pipeline then ends Failed or Refused. The report is on the first survey.

    Args:
        surveys: The surveys' folders at BLS. Empty means pr (productivity).
        lake: Where to keep it all: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a
            path.
        bls_source: Where BLS files come from: a block (bls-source/bls) or the URL that holds the
            surveys.
        population_source: Where the population comes from: a block (population-source/datausa)
            or the URL.
        contact: An e-mail address at which BLS can reach you. Empty takes the block's own.
        downloads_per_second: Overrides the blocks' pace; 0 is for a server of your own.
        recheck: Ask for every file again, also for those whose date and size are unchanged.
        dry_run: Show the plans and change nothing; no report.
        allow: Guards to lift for this run, by name, when a person knows better.
        as_of: A date, a time with zone, or a generation: report on that state. For a past one
            nothing is fetched. Empty means now.
        series: The series to join with the population; for pr the quest's, PRS30006032.
        period: The period of that series to join.
        first_year: The first year of the population's statistics.
        last_year: Their last year, included.
        data_file: The first survey's file to answer from. Empty takes its data.0.Current, or the
            first data file where it has none of that name.
        pairs: Further series to join with the population, each with its period, for example
            PRS30006092:Q01.
        ddof: Which standard deviation is the headline: 1 for a sample's, 0 for a population's.
        tables: Also keep the data files as Parquet tables, for Athena, DuckDB and polars.
        revisions: When data files changed, also say which values were added, removed or revised.
    """
    surveys = list(dict.fromkeys(surveys or ["pr"]))
    question = {
        "lake": lake,
        "survey": surveys[0],
        "as_of": as_of,
        "series": series,
        "period": period,
        "first_year": first_year,
        "last_year": last_year,
        "data_file": data_file,
        "pairs": pairs,
        "ddof": ddof,
    }
    polite = {"contact": contact, "downloads_per_second": downloads_per_second, "dry_run": dry_run}
    try:
        _asked_of(question).spelled_out()
        past = as_of is not None and _is_past(as_of)
    except QuestError as error:
        return failed(error, data=error)

    def ingest_surveys(side_by_side: InTurn) -> list[Any]:
        one = mirror.with_options(on_running=[side_by_side.first_runs])
        given = {"lake": lake, "source": bls_source, "recheck": recheck, "allow": allow, **polite}
        given |= {"tables": tables, "revisions": revisions}
        try:
            answers = []
            for survey in surveys:
                raise_if_stopped()
                answers.append(told(one(survey=survey, **given, return_state=True)))
            return answers
        finally:
            side_by_side.first_ends()

    def ingest_population(side_by_side: InTurn) -> Any:
        one = population.with_options(on_running=[side_by_side.second_runs])
        years = {"first_year": first_year, "last_year": last_year}
        try:
            side_by_side.wait_for_first()
            return told(
                one(lake=lake, source=population_source, **years, **polite, return_state=True)
            )
        finally:
            side_by_side.second_runs()

    answers: list[Any] = []
    with parts_tagged():
        if not past:
            turns = InTurn()
            with Workers(1, "surveys") as other:
                running = other.submit(copy_context().run, ingest_surveys, turns)
                of_population = ingest_population(turns)
                answers = [*running.result(), of_population]
        if not dry_run:
            answers += report_if_due(question, ingested=answers)
    # The same cause (no lake, no block) may have stopped several parts: it is said once.
    errors = tuple({str(a): a for a in answers if isinstance(a, QuestError)}.values())
    result = Result(
        ingests=tuple(a for a in answers if isinstance(a, Outcome)),
        report=next((a for a in answers if not isinstance(a, QuestError | Outcome)), None),
        errors=errors,
    )
    show_parts(result, survey=surveys[0])
    return failed(worst(errors), data=result) if errors else completed(result)


if __name__ == "__main__":
    from flows.cli import command_line

    command_line(pipeline)
