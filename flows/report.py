"""The flow `report`: the three answers, from a pinned state of the lake."""

from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State

from blocks.lake import open_lake
from blsquest.analytics import Ddof
from blsquest.core.progress import Step, emit
from blsquest.lake.stores.base import Store
from blsquest.products.question import Request
from blsquest.products.report import Reported, make_report
from flows.artifacts import leave_report
from flows.run_names import report_run, titled
from flows.states import Result, conclude
from flows.tasks import ONCE, keep_front_page


@task(task_run_name="answer {request.survey}", timeout_seconds=3600, **ONCE)
def answer(store: Store, request: Request, as_of: str | None) -> Reported:
    """Answer with polars, all in one task: frames do not travel between tasks."""
    return make_report(store, request, as_of)


@titled
@flow(name="report", flow_run_name=report_run, timeout_seconds=2 * 3600)
def report(
    lake: str = "s3-bucket/lake",
    survey: str = "pr",
    as_of: str | None = None,
    series: str | None = None,
    period: str | None = None,
    first_year: int = 2013,
    last_year: int = 2018,
    data_file: str | None = None,
    pairs: list[str] | None = None,
    ddof: Ddof = 1,
) -> State[Any]:
    """Answer the three questions from one exact state of the lake.

    Latest values and each series' best year; for pr, or where it is asked for, also the mean and
    standard deviation of the population, and a series joined with it. Does nothing when the newest
    report already names the newest generation of what it uses. Asked for a past day, it gives that
    day's answers again, byte for byte.

    Args:
        lake: Where it is kept: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a path.
        survey: The survey to answer from.
        as_of: A date (its end in UTC), a time with zone, or a generation. Empty means now.
        series: The series to show first and to join with the population; for pr the quest's,
            PRS30006032.
        period: The period of that series to join. Empty takes Q01 for pr, else that of its newest
            value.
        first_year: The first year of the population's statistics.
        last_year: Their last year, included.
        data_file: The survey's file to answer from. Empty takes its data.0.Current, or its only
            or complete one; where there is none, name one.
        pairs: Further series to join with the population, each with its period, for example
            PRS30006092:Q01.
        ddof: Which standard deviation is the headline: 1 for a sample's, 0 for a population's.
    """

    def work() -> Result:
        request = Request(
            survey=survey.strip().lower(),
            series=series,
            period=period,
            first_year=first_year,
            last_year=last_year,
            data_file=data_file,
            pairs=pairs,
            ddof=ddof,
        )
        emit(Step(f"the report on {request.survey}: answering"))
        store = open_lake(lake)
        reported: Reported = answer(store, request, as_of)
        leave_report(reported, store, request.survey, as_of)
        result = Result(report=reported)
        keep_front_page(lake, result)
        return result

    return conclude(work)
