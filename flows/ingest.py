"""One survey within a flow: the run with its steps as tasks, and what the dashboard is told."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from blsquest.core.stop import raise_if_stopped
from blsquest.lake.run import run
from flows.announce import announce
from flows.revised import show_revisions
from flows.run_names import run_id
from flows.steps import steps, steps_of_many
from flows.tabled import show_tables

if TYPE_CHECKING:
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.run import Options
    from blsquest.lake.stores.base import Store
    from blsquest.sources.bls import BlsSurvey
    from flows.announce import Starter


_POLARS = Lock()
"""Each work with polars takes all cores and up to 600 MB: surveys side by side take turns."""


def ingest_survey(
    publisher: BlsSurvey,
    store: Store,
    options: Options,
    *,
    revisions: bool,
    tables: bool,
    by: Starter | None = None,
    beside_others: bool = False,
) -> Outcome:
    """Bring one survey up to date, and say so.

    Args:
        publisher: The survey.
        store: The lake.
        options: How the run is wanted.
        tables: Also keep the data files as Parquet tables.
        revisions: Also say which values a changed data file revised.
        by: See `announce`.
        beside_others: Many surveys run side by side; see `steps_of_many`.

    Raises:
        QuestError: See `blsquest.lake.run.run`.
    """
    how = steps_of_many() if beside_others else steps()
    outcome = run(publisher, store, options, steps=how, run_id=run_id())
    announce(outcome, store, event="bls.changed", by=by)
    if options.dry_run:
        return outcome
    with _POLARS:
        raise_if_stopped()
        if tables:
            show_tables(outcome, store)
        if revisions:
            show_revisions(outcome, store)
    return outcome
