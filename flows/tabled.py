"""After a mirror's commit: the tables of its data files, as one task where any are to be made.

The mirror is up to date by then. So nothing here can make its run fail: what went wrong is told in
the log and in the dashboard, and the next run tries again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blsquest.core.errors import Corrupt
from blsquest.products.tables import Tabled, make_tables, tables_stand
from flows.dashboard import tell

if TYPE_CHECKING:
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.stores.base import Store


@task(name="tables", task_run_name="tables {source}", cache_policy=NO_CACHE, persist_result=False)
def tables(store: Store, source: str) -> Tabled:
    """All of polars in one task: frames do not travel between tasks."""
    return make_tables(store, source)


def show_tables(outcome: Outcome, store: Store) -> None:
    """Make the tables that the newest generation lacks. Does nothing where all are there."""
    try:
        if tables_stand(store, outcome.source, outcome.generation):
            return
        get_run_logger().info(tables(store, outcome.source).sentence())
    except Exception as error:  # noqa: BLE001 - the mirror is done: nothing may fail its run now
        said = f"The tables of {outcome.source} were not made: {error}"
        _warn(outcome.source, said, _what_next(error))


def _what_next(error: Exception) -> str:
    if isinstance(error, Corrupt):
        return (
            "No run makes them before that. One with --recheck puts a vintage back that is gone, "
            "if it is what the publisher still has."
        )
    return "The mirror itself is up to date; the next run tries again."


def _warn(source: str, said: str, what_next: str) -> None:
    from blsquest.analytics.report.markdown import escape

    text = f"{escape(said)}\n\n{what_next}"
    get_run_logger().warning("%s %s", said, what_next)
    tell(
        get_run_logger(),
        "the word on tables",
        lambda: create_markdown_artifact(
            text, key=f"tables-{source.replace('/', '-')}", description=said
        ),
    )
