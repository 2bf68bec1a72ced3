"""The flow `population`: the US population by year, brought up to date in the lake."""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from blocks.lake import open_lake
from blocks.publishers import open_population
from blsquest.lake.run import Options
from blsquest.products.question import asked_years
from flows.events import POPULATION_CHANGED
from flows.ingest import ingest
from flows.run_names import population_run, titled
from flows.states import Result, conclude
from flows.tasks import keep_front_page


@titled
@flow(name="population", flow_run_name=population_run, timeout_seconds=3600)
def population(
    lake: str = "s3-bucket/lake",
    source: str = "population-source/datausa",
    contact: str | None = None,
    downloads_per_second: Annotated[float | None, Field(ge=0)] = None,
    first_year: int = 2013,
    last_year: int = 2018,
    dry_run: bool = False,
) -> State[Any]:
    """Keep the US population by year, as DataUSA publishes it.

    Fetches one document, checks that it is the nation by year and whole, and keeps it when its
    content changed. A document that fails a check is Refused and the last good one stays.

    Args:
        lake: Where to keep it: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a path.
        source: Where to fetch it from: a block (population-source/datausa) or the whole URL.
        contact: An e-mail address to send along. Empty takes the block's own.
        downloads_per_second: Overrides the block's pace; 0 is for a server of your own.
        first_year: The first year that the document must hold.
        last_year: The last year that it must hold, and every one between.
        dry_run: Show the plan and change nothing.
    """

    def work() -> Result:
        years = asked_years(first_year, last_year)
        polite = {"contact": contact, "downloads_per_second": downloads_per_second}
        publisher = open_population(source, years, **polite)  # type: ignore[arg-type]
        options = Options(dry_run=dry_run)
        result = Result((ingest(publisher, open_lake(lake), options, POPULATION_CHANGED),))
        keep_front_page(lake, result)
        return result

    return conclude(work)
