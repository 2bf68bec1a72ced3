"""What a RunTask asks for: its task definition with its overrides upon it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.ecs.models import Task, TaskDefinition

STOP_TIMEOUT = 30
"""ECS's default, in seconds."""


@dataclass(frozen=True)
class Asked:
    """One task as it is to run.

    Attributes:
        arn: The task's.
        id: The last part of it.
        region: Where it runs.
        family: Its task definition's family.
        definition: The ARN of its task definition.
        container: The name of its container.
        image: A reference.
        command: What to run.
        environment: The definition's, overridden.
        secrets: Variable → where its value lies (Secrets Manager's ARN).
        cpu: In 1/1024 of a CPU.
        memory: In MiB.
        task_role: The ARN of the role that the task's own calls have.
        logs: The awslogs options; empty without that driver.
        stop_timeout: Seconds between SIGTERM and SIGKILL.
        init: Whether an init is the container's first process.
        capacity: The capacity provider, or the launch type.
        tags: Its own.
    """

    arn: str
    id: str
    region: str
    family: str
    definition: str
    container: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    cpu: int
    memory: int
    task_role: str
    logs: Mapping[str, str]
    stop_timeout: int
    init: bool
    capacity: str
    tags: Mapping[str, str]


def asked(task: Task, definition: TaskDefinition) -> Asked:
    """What that task asks for; a task here has one container."""
    container: dict[str, Any] = definition.container_definitions[0]
    over = _override(task.overrides, container["name"])
    logs = container.get("logConfiguration") or {}
    return Asked(
        arn=task.task_arn,
        id=task.id,
        region=task.region_name,
        family=definition.family,
        definition=definition.arn,
        container=container["name"],
        image=container["image"],
        command=(
            *container.get("entryPoint", ()),
            *(over.get("command") or container.get("command", ())),
        ),
        environment=_named(container.get("environment")) | _named(over.get("environment")),
        secrets={each["name"]: each["valueFrom"] for each in container.get("secrets", ())},
        cpu=int(task.overrides.get("cpu") or definition.cpu or 0),
        memory=int(task.overrides.get("memory") or definition.memory or 0),
        task_role=str(
            task.overrides.get("taskRoleArn") or getattr(definition, "task_role_arn", "")
        ),
        logs=logs.get("options", {}) if logs.get("logDriver") == "awslogs" else {},
        stop_timeout=int(container.get("stopTimeout", STOP_TIMEOUT)),
        init=bool((container.get("linuxParameters") or {}).get("initProcessEnabled")),
        capacity=task.capacity_provider_name or task.launch_type,
        tags={tag["key"]: tag["value"] for tag in task.tags},
    )


def _override(overrides: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    every = overrides.get("containerOverrides", ())
    return next((each for each in every if each.get("name") == name), {})


def _named(pairs: list[dict[str, str]] | None) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in pairs or ()}
