"""Events that automations listen to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.context import FlowRunContext
from prefect.events import emit_event

if TYPE_CHECKING:
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.stores.base import Store

BLS_CHANGED = "bls.changed"
POPULATION_CHANGED = "population.changed"


def emit_changed(event: str, outcome: Outcome, store: Store) -> None:
    """Emit `event` where a run changed content; nothing otherwise.

    The event says in `by` whether a pipeline ran the ingest: the pipeline makes the report itself,
    so that the report's trigger listens only to ingests that ran alone. A part of a pipeline has a
    parent and no deployment; a run that `fan_out` started has both.
    """
    if not outcome.content_changed:
        return
    context = FlowRunContext.get()
    own = context.flow_run if context else None
    part = own is not None and own.parent_task_run_id is not None and own.deployment_id is None
    emit_event(
        event,
        resource={
            "prefect.resource.id": f"bls-data-quest.{outcome.source.replace('/', '.')}",
            "prefect.resource.name": outcome.source,
            "by": "pipeline" if part else "itself",
        },
        payload={
            "lake": store.url,
            "source": outcome.source,
            "generation": outcome.generation,
            "changes": [{"file": c.name, "change": c.change} for c in outcome.changes],
        },
    )
