"""One survey within a flow: the run with its steps as tasks, and what the dashboard is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.announce import announce
from flows.lake.run import run
from flows.revised import show_revisions
from flows.run_names import run_id
from flows.steps import steps

if TYPE_CHECKING:
    from flows.announce import Starter
    from flows.lake.model import Store
    from flows.lake.outcome import Outcome
    from flows.lake.run import Options
    from flows.sources.bls import BlsSurvey


def ingest_survey(
    publisher: BlsSurvey,
    store: Store,
    options: Options,
    *,
    revisions: bool,
    by: Starter | None = None,
) -> Outcome:
    """Bring one survey up to date, and say so.

    Args:
        publisher: The survey.
        store: The lake.
        options: How the run is wanted.
        revisions: Also say which values a changed data file revised.
        by: See `announce`.

    Raises:
        QuestError: See `flows.lake.run.run`.
    """
    outcome = run(publisher, store, options, steps=steps(), run_id=run_id())
    announce(outcome, store, event="bls.changed", by=by)
    if revisions:
        show_revisions(outcome, store)
    return outcome
