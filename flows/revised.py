"""After a mirror's commit: what the new generation revised, as one task, shown in the dashboard.

The mirror is up to date by then. So nothing here can make its run fail: what went wrong is told in
the log and in the artifact, and `blsquest.products.revisions` can
be asked again at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blsquest.core.source import survey_of
from blsquest.products.catalogue import data_prefix
from blsquest.products.revisions import Revised
from blsquest.products.revisions import revise as revise_generation

if TYPE_CHECKING:
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.stores.base import Store


@task(name="revise", task_run_name="revise {source}", cache_policy=NO_CACHE, persist_result=False)
def revise(store: Store, source: str, generation: int) -> Revised:
    """All of polars in one task: frames do not travel between tasks."""
    return revise_generation(store, source, generation)


def show_revisions(outcome: Outcome, store: Store) -> None:
    """Compare the data files that a run changed with their last vintages, and leave the summary.

    Does nothing for a run that changed none, or that made the first generation.
    """
    survey = survey_of(outcome.source)
    changed = [
        c.name
        for c in outcome.changes
        if c.change == "changed" and c.name.startswith(data_prefix(survey))
    ]
    if not changed:
        return
    try:
        revised = revise(store, outcome.source, outcome.generation)
        text, said = revised.markdown, revised.sentence()
        get_run_logger().info(said)
    except Exception as error:  # noqa: BLE001 - the mirror is done: nothing may fail its run now
        said = f"What {', '.join(changed)} revised is not known: {error}"
        from blsquest.analytics.report.markdown import escape

        text = f"{escape(said)}\n\nThe mirror itself is up to date."
        get_run_logger().warning(said)
    create_markdown_artifact(text, key=f"revisions-{survey}", description=said)
