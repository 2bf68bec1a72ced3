"""The detail of an "ECS Task State Change" event. Pure.

The fields are ECS's:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.ecs_standin.asked import Asked

DETAIL_TYPE = "ECS Task State Change"


@dataclass(frozen=True)
class End:
    """Why a task stopped, or is to stop.

    Attributes:
        code: ECS's stopCode.
        reason: ECS's stoppedReason.
    """

    code: str
    reason: str


EXITED = End("EssentialContainerExited", "Essential container in task exited")
SPOT = End("SpotInterruption", "Your Spot Task was interrupted.")
"""Two minutes' notice: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html"""


def not_started(reason: str) -> End:
    """The end of a task whose container never ran."""
    return End("TaskFailedToStart", reason)


@dataclass
class Status:
    """Where a task is.

    Attributes:
        last: PROVISIONING, PENDING, RUNNING or STOPPED.
        end: Why it is to stop, or stopped.
        exit_code: The container's; None while it runs and where it never ran.
        version: The number of its changes.
        times: createdAt, startedAt, stoppedAt.
    """

    last: str = "PROVISIONING"
    end: End | None = None
    exit_code: int | None = None
    version: int = 0
    times: dict[str, str] = field(default_factory=dict)

    def become(self, last: str, *, at: str | None = None) -> None:
        """Go on to that status, and note the time under that name."""
        self.last = last
        if at is not None:
            self.times[at] = datetime.now(UTC).isoformat()


def detail(task: Asked, cluster: str, status: Status) -> dict[str, Any]:
    """The event's detail.

    Args:
        task: What was asked for.
        cluster: The cluster's ARN.
        status: Where the task is.
    """
    container = {
        "containerArn": f"{task.arn}/{task.container}",
        "name": task.container,
        "image": task.image,
        "taskArn": task.arn,
        "lastStatus": status.last if status.last in {"RUNNING", "STOPPED"} else "PENDING",
    }
    said: dict[str, Any] = {
        "clusterArn": cluster,
        "taskArn": task.arn,
        "taskDefinitionArn": task.definition,
        "group": f"family:{task.family}",
        "lastStatus": status.last,
        "desiredStatus": "STOPPED" if status.end else "RUNNING",
        "version": status.version,
        "updatedAt": datetime.now(UTC).isoformat(),
        "containers": [container],
        **status.times,
    }
    if status.exit_code is not None:
        container["exitCode"] = status.exit_code  # type: ignore[assignment]
    if status.end is not None:
        said |= {"stopCode": status.end.code, "stoppedReason": status.end.reason}
    if status.end is not None and status.end.code == "TaskFailedToStart":
        container["reason"] = status.end.reason
    return said
