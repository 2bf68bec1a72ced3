"""The flow `pipeline`: mirror, then population, then the report where one is due."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from blocks.lake import open_lake
from blsquest.analytics import Ddof
from blsquest.core.clock import utcnow
from blsquest.core.errors import Misuse, Mixed, QuestError
from blsquest.lake.as_of import check_known, is_past, parse_as_of
from blsquest.lake.guards import Allowance
from blsquest.products.question import Request
from blsquest.products.report import standing_report
from flows.artifacts import leave_parts
from flows.mirror import mirror
from flows.population import population
from flows.report import report
from flows.run_names import pipeline_run, titled
from flows.states import Result, conclude, result_of, subflows_tagged


@titled
@flow(name="pipeline", flow_run_name=pipeline_run, timeout_seconds=24 * 3600)
def pipeline(
    surveys: list[str] | None = None,
    lake: str = "s3-bucket/lake",
    bls_source: str = "bls-source/bls",
    population_source: str = "population-source/datausa",
    contact: str | None = None,
    downloads_per_second: Annotated[float | None, Field(ge=0)] = None,
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

    The report is on the first survey, and made when the newest one does not name the newest
    generation of both. An ingest that fails stops neither the other nor a report on the last good
    states, but the pipeline then ends Failed or Refused.

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
        data_file: The first survey's file to answer from. Empty takes its data.0.Current, or
            its only or complete one; where there is none, name one.
        pairs: Further series to join with the population, each with its period, for example
            PRS30006092:Q01.
        ddof: Which standard deviation is the headline: 1 for a sample's, 0 for a population's.
        tables: Also keep the data files as Parquet tables, for Athena, DuckDB and polars.
        revisions: When data files changed, also say which values were added, removed or revised.
    """
    surveys = list(dict.fromkeys(code.strip().lower() for code in surveys or ["pr"]))
    question: dict[str, Any] = {
        "survey": surveys[0],
        "series": series,
        "period": period,
        "first_year": first_year,
        "last_year": last_year,
        "data_file": data_file,
        "pairs": pairs,
        "ddof": ddof,
    }
    polite = {"contact": contact, "downloads_per_second": downloads_per_second, "dry_run": dry_run}
    of_bls = {"source": bls_source, "recheck": recheck, "allow": allow, **polite}
    of_bls |= {"tables": tables, "revisions": revisions}
    years = {"first_year": first_year, "last_year": last_year}

    def work() -> Result:
        Request(**question).spelled_out()
        results: list[Result] = []
        with subflows_tagged():
            if not is_past_state(as_of):
                one = mirror(surveys, lake, return_state=True, **of_bls)
                results.append(result_of(one))
                if any(isinstance(error, Misuse) for error in results[0].errors):
                    return results[0]
                two = population(lake, population_source, return_state=True, **years, **polite)
                results.append(result_of(two))
            if not dry_run and _answerable(results):
                results.append(_report_if_due(lake, question, as_of, results))
        result = _together(results)
        leave_parts(result, surveys[0])
        return result

    return conclude(work)


def is_past_state(as_of: str | None) -> bool:
    """Say whether no run can change that state any more; None means now.

    Raises:
        Misuse: It is no date, time or generation, or lies in the future.
    """
    if as_of is None:
        return False
    meant, now = parse_as_of(as_of), utcnow()
    check_known(meant, now=now)
    return is_past(meant, now=now)


def _answerable(ingests: list[Result]) -> bool:
    """Whether there may be answers to show: not where a lake is of the other kind.

    Nobody who asked for real data is shown a sample's answers.
    """
    return not ingests or not all(
        one.errors and all(isinstance(error, Mixed) for error in one.errors) for one in ingests
    )


def _report_if_due(
    lake: str, question: dict[str, Any], as_of: str | None, ingests: list[Result]
) -> Result:
    """Report, or return the newest report where that one names the newest generations.

    After an ingest that failed on a lake without an earlier state there is nothing to report on,
    and nothing more to say than the ingest's own error.
    """
    if as_of is None:
        try:
            standing = standing_report(open_lake(lake), Request(**question))
        except QuestError as error:
            return Result() if any(one.errors for one in ingests) else Result(errors=(error,))
        if standing is not None:
            return Result(report=standing)
    return result_of(report(lake, as_of=as_of, return_state=True, **question))


def _together(results: list[Result]) -> Result:
    # The same cause (no lake, no block) may have stopped several parts: it is said once.
    errors = {str(error): error for one in results for error in one.errors}
    return Result(
        ingests=tuple(outcome for one in results for outcome in one.ingests),
        report=next((one.report for one in results if one.report), None),
        errors=tuple(errors.values()),
        surveys=next((one.surveys for one in results if one.surveys), None),
    )
