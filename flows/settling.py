"""What a run over tasks decides once: its children change the lake by which it decided.

Killed and started again, it would group otherwise, and start surveys a second time beside the runs
that it started before. So it leaves its decision in the dashboard before it starts the first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.logging import get_run_logger

from blsquest.core.errors import QuestError
from flows.asking import asked
from flows.run_names import run_id
from flows.spread import read_spread

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from prefect.client.schemas.objects import Artifact

    from flows.spread import Spread

GROUPS_KEY = "surveys-groups"
"""The artifact in which a run over tasks leaves how it spread the surveys."""

_TOLD = "How the surveys are spread over runs. A run that is started again goes by this table."


def settled(decide: Callable[[], Spread]) -> Spread:
    """What this flow run decided when it was first started; else what it decides now, once left.

    Args:
        decide: Asks BLS and the lake; not called when the decision is there.

    Raises:
        QuestError: What was left can't be read: deciding anew would start surveys a second time.
        ApiError: The API does not answer.
    """
    left = _left()
    if left is None:
        rows = decide().table()
        asked(
            lambda: create_table_artifact(rows, key=GROUPS_KEY, description=_TOLD),
            "to keep the groups",
        )
        # Read back: should this run have been started twice at once, both go by the first table.
        left = _left()
    else:
        get_run_logger().info("Started again: the surveys stay grouped as in %s.", GROUPS_KEY)
    try:
        return read_spread(json.loads(str(left.data if left else None)))
    except ValueError as error:
        raise QuestError(
            f"What this run left of its groups in the dashboard, the artifact {GROUPS_KEY}, can't "
            f"be read: {error}",
            "Start a new run when those that this one started are over.",
        ) from error


def artifacts_of(run: UUID | str, key: str) -> list[Artifact]:
    """Those of that key that a flow run left, the oldest first."""
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[run]), key=ArtifactFilterKey(any_=[key])
    )
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=wanted)
    return sorted(found, key=lambda artifact: (str(artifact.created), str(artifact.id)))


def _left() -> Artifact | None:
    found = asked(lambda: artifacts_of(run_id(), GROUPS_KEY), "for the groups")
    return found[0] if found else None
