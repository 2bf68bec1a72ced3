"""The flow `pipeline`: mirror, then population, then the report where one is due."""

from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import asdict, replace
from functools import partial
from time import perf_counter
from typing import Annotated, Any

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from blocks.lake import open_lake
from blsquest.analytics import Ddof
from blsquest.analytics.report.sections import changed
from blsquest.core.clock import utcnow
from blsquest.core.errors import Misuse, Mixed, QuestError
from blsquest.core.source import survey_of
from blsquest.core.stop import Workers, raise_if_stopped, stops_workers
from blsquest.lake.as_of import check_known, is_past, parse_as_of
from blsquest.lake.guards import Allowance
from blsquest.lake.log import held_surveys
from blsquest.products.question import Request, check_shared, is_alone, of_survey
from blsquest.products.report import Reported, current_report, unanswerable
from blsquest.products.surveys import READERS
from blsquest.sources.selection import is_code, offered, select
from flows.artifacts import leave_parts
from flows.mirror import mirror
from flows.population import population
from flows.report import report
from flows.run_names import pipeline_run, titled
from flows.states import Result, as_error, conclude, result_of, worst
from flows.surveys import SKIPPED, ReportRow
from flows.tasks import keep_front_page


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
    period: str | None = None,
    first_year: int = 2013,
    last_year: int = 2018,
    data_file: str | None = None,
    pairs: list[str] | None = None,
    ddof: Ddof = 1,
    tables: bool = True,
    revisions: bool = True,
    notice: str | None = None,
) -> State[Any]:
    """Mirror BLS surveys and the US population, and report on each of the surveys.

    A report is made when the survey's newest one does not name the newest generation of the survey
    (for pr, and where it is asked for, also of the population); a survey that has nothing to answer
    from is skipped, with the reason. An ingest or a report that fails stops no other, nor a report
    on the last good states, but the pipeline then ends Failed or Refused. The years and ddof are
    asked of all surveys; a series, a pair and a data file of the survey whose code they begin with.

    Args:
        surveys: Which surveys: a code (pr), a code with * or ? (c*), all, and any of these after a
            - to leave it out (-oe). Empty means pr (productivity).
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
        series: The series to show first and to join with the population; for pr the quest's,
            PRS30006032.
        period: The period of that series to join. Empty takes Q01 for pr, else that of its newest
            value.
        first_year: The first year of the population's statistics.
        last_year: Their last year, included.
        data_file: A survey's file to answer from. Empty takes its data.0.Current, or its only or
            complete one; a survey that has none is skipped, and said to be.
        pairs: Further series to join with the population, each with its period, for example
            PRS30006092:Q01.
        ddof: Which standard deviation is the headline: 1 for a sample's, 0 for a population's.
        tables: Also keep the data files as Parquet tables, for Athena, DuckDB and polars.
        revisions: When data files changed, also say which values were added, removed or revised.
        notice: A block that notifies people when a release changed observations (webhook/…,
            slack-webhook/…): what, how many, the largest, and where to look. Empty: no notice.
    """
    patterns = list(dict.fromkeys(text.strip().lower() for text in surveys or ["pr"]))
    asked = Request(
        series=series,
        period=period,
        first_year=first_year,
        last_year=last_year,
        data_file=data_file,
        pairs=pairs,
        ddof=ddof,
    )
    polite = {"contact": contact, "downloads_per_second": downloads_per_second, "dry_run": dry_run}
    of_bls = {"source": bls_source, "recheck": recheck, "allow": allow, **polite}
    of_bls |= {"tables": tables, "revisions": revisions, "notice": notice}
    years = {"first_year": first_year, "last_year": last_year}

    def work() -> Result:
        check_question_to(asked, patterns, as_of)
        results: list[Result] = []
        # Automations match our runs by tags, which Prefect does not pass to subflows by itself.
        with tags(*flow_run.tags):
            if is_past_state(as_of):
                codes = _held(lake, patterns)
            else:
                one = mirror(patterns, lake, return_state=True, **of_bls)
                results.append(result_of(one))
                if any(isinstance(error, Misuse) for error in results[0].errors):
                    return results[0]
                two = population(lake, population_source, return_state=True, **years, **polite)
                results.append(result_of(two))
                codes = _answerable(results[0], patterns)
            if not dry_run:
                requests = [of_survey(asked, code, alone=is_alone(patterns)) for code in codes]
                results += _reports(lake, requests, as_of, results, alone=is_alone(patterns))
        result = _together(results)
        keep_front_page(lake, result)
        leave_parts(result, patterns[0] if is_code(patterns[0]) else "surveys", as_of)
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


def check_question_to(asked: Request, patterns: Sequence[str], as_of: str | None) -> None:
    """Refuse an impossible question about these surveys at that state.

    Raises:
        Misuse: As `Request.spelled_out` and `check_shared`; or a generation is named for several
            surveys, each of which counts its own.
    """
    alone = is_alone(patterns)
    (replace(asked, survey=patterns[0]) if alone else asked).spelled_out()
    check_shared(asked, patterns)
    if as_of is not None and not alone and parse_as_of(as_of).generation is not None:
        raise Misuse(
            f"Generation {as_of} of which survey? Each counts its own.",
            "Name one survey, or a date or a time.",
        )


def _held(lake: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the lake's surveys that the patterns match; a single code as it is."""
    if is_alone(patterns):
        return tuple(patterns)
    return select(patterns, offered(held_surveys(open_lake(lake))))


def _answerable(mirrored: Result, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the surveys to report on: not those of which the lake holds the other kind.

    A person who asked for real data is never shown a sample's answers.
    """
    if mirrored.surveys is not None:
        rows = mirrored.surveys.rows
        return tuple(row.survey for row in rows if row.survey not in mirrored.surveys.mixed)
    if any(isinstance(error, Mixed) for error in mirrored.errors):
        return ()
    if is_alone(patterns):
        return tuple(patterns)
    return tuple(survey_of(outcome.source) for outcome in mirrored.ingests)


def _reports(
    lake: str,
    requests: Sequence[Request],
    as_of: str | None,
    ingests: Sequence[Result],
    *,
    alone: bool,
) -> list[Result]:
    """Make the reports that are due, one after the other: each may take all memory.

    Whether they are due is looked up in parallel. A report that fails stops no other.
    """
    with stops_workers(), Workers(READERS, "reports") as pool:
        look = partial(_look, lake, as_of=as_of, alone=alone)
        looks = [pool.submit(copy_context().run, look, request) for request in requests]
        seen = [each.result() for each in looks]
    results = []
    for request, said in zip(requests, seen, strict=True):
        raise_if_stopped()
        began, found = perf_counter(), said
        if found is None:
            made = result_of(report(lake, as_of=as_of, return_state=True, **asdict(request)))
            found = worst(made.errors) if made.errors else made.report
        elif isinstance(found, QuestError) and any(one.errors for one in ingests):
            # After an ingest that failed on a lake without an earlier state there is nothing to
            # report on, and nothing more to say than the ingest's own error.
            if alone:
                continue
            if isinstance(found, Misuse):
                found = found.what
        survey = request.survey
        result = Result(reports=(_row(survey, found, round(perf_counter() - began, 3)),))
        if isinstance(found, QuestError):
            of_it = type(found)(f"The report on {survey}: {found.what}", found.remedy)
            result = replace(result, errors=(found if alone else of_it,))
        elif alone and isinstance(found, Reported):
            result = replace(result, report=found)
        results.append(result)
    return results


def _look(
    lake: str, request: Request, *, as_of: str | None, alone: bool
) -> Reported | QuestError | str | None:
    """Return the current report, or why there can be none; None if one must be made."""
    try:
        store = open_lake(lake)
        try:
            current = current_report(store, request) if as_of is None else None
        except Misuse:  # the reason why nothing can be answered at all goes first
            if why := unanswerable(store, request):
                return why
            raise
        if current is None:
            return unanswerable(store, request)
        # Of sixty reports the answers are not held.
        few = {name: current.report[name] for name in ("folder", "checks")}
        return current if alone else replace(current, report=few)
    except Exception as raised:  # noqa: BLE001 - one survey's bug hides no other's report
        return as_error(raised)


def _row(survey: str, found: Reported | QuestError | str | None, seconds: float) -> ReportRow:
    if isinstance(found, QuestError):
        return ReportRow(survey, found.outcome, seconds, what=found.what)
    if not isinstance(found, Reported):
        return ReportRow(survey, SKIPPED, seconds, what=found or "")
    failed = [check["name"] for check in found.report["checks"] if check["passed"] is False]
    notes = [f"failed: {', '.join(failed)}"] if failed else []
    # Of a current one, `_look` keeps less.
    if found.name != "Unchanged" and found.report["changes"]:
        notes.append(f"{changed(found.report['changes']['counts'])} since the release before")
    return ReportRow(survey, found.name, seconds, found.report["folder"], "; ".join(notes))


def _together(results: list[Result]) -> Result:
    # The same cause (no lake, no block) may have stopped several parts: it is said once.
    errors = {str(error): error for one in results for error in one.errors}
    return Result(
        ingests=tuple(outcome for one in results for outcome in one.ingests),
        report=next((one.report for one in results if one.report), None),
        errors=tuple(errors.values()),
        surveys=next((one.surveys for one in results if one.surveys), None),
        reports=tuple(row for one in results for row in one.reports),
    )
