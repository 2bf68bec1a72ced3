"""What a run leaves in the dashboard: a table of changes, and an event when content changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from prefect.artifacts import create_table_artifact
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.dashboard import as_text, tell
from flows.links import place

if TYPE_CHECKING:
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.stores.base import Store


Starter = Literal["pipeline", "itself"]


def announce(outcome: Outcome, store: Store, *, event: str, by: Starter | None = None) -> None:
    """Leave the table, and emit `event` (`bls.changed`, `population.changed`) on new content.

    The event says in `by` whether a pipeline ran the ingest: the pipeline makes the report
    itself, so that the report's trigger listens only to ingests that ran alone.

    Args:
        outcome: What happened.
        store: The lake.
        event: The event's name.
        by: Who ran the ingest; None for the pipeline where this flow run has a parent.
    """
    rows = [_row(row, store) for row in outcome.rows()] or as_text(
        [
            {
                "source": outcome.source,
                "outcome": outcome.name,
                "files": outcome.files,
                "bytes": outcome.size,
                "generation": outcome.generation,
            }
        ]
    )
    tell(
        get_run_logger(),
        "the table of changes",
        lambda: create_table_artifact(
            rows,
            key=f"changes-{outcome.source.replace('/', '-')}",
            description=outcome.sentence(),
        ),
    )
    if outcome.content_changed:
        emit_event(
            event,
            resource={
                "prefect.resource.id": f"bls-data-quest.{outcome.source.replace('/', '.')}",
                "prefect.resource.name": outcome.source,
                "by": by or ("pipeline" if flow_run.parent_flow_run_id else "itself"),
            },
            payload={
                "lake": store.url,
                "source": outcome.source,
                "generation": outcome.generation,
                "changes": [{"file": c.name, "change": c.change} for c in outcome.changes],
            },
        )


def _row(row: dict[str, Any], store: Store) -> dict[str, Any]:
    """A changed file, with the place of its vintage as text, or as a link where there is one."""
    where, is_link = place(store, row["vintage"])
    (shown,) = as_text([row | {"vintage": where}])
    return shown | {"vintage": where} if is_link else shown
