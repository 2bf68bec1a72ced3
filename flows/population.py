"""The flow `population`: the US population by year, brought up to date in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow

from blocks.lake import open_lake
from blocks.publishers import open_population
from blsquest.lake.run import Options, run
from blsquest.products.question import asked_years
from flows.announce import announce
from flows.run_names import population_and_day, run_id
from flows.states import conclude
from flows.steps import steps

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from blsquest.lake.outcome import Outcome


@flow(name="population", flow_run_name=population_and_day, timeout_seconds=3600)
def population(
    lake: str = "s3-bucket/lake",
    source: str = "population-source/datausa",
    contact: str | None = None,
    downloads_per_second: float | None = None,
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

    def work() -> Outcome:
        store = open_lake(lake)
        publisher = open_population(
            source,
            asked_years(first_year, last_year),
            contact=contact,
            downloads_per_second=downloads_per_second,
        )
        outcome = run(publisher, store, Options(dry_run=dry_run), steps=steps(), run_id=run_id())
        announce(outcome, store, event="population.changed")
        return outcome

    return conclude(work)


if __name__ == "__main__":
    from flows.cli import command_line

    command_line(population)
