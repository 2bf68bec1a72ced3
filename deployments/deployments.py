"""Deployments in terms that can be compared: as prefect.yaml wants them, as the API has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.events import DeploymentTriggerTypes
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from pydantic import TypeAdapter

from deployments.automations import PREFIX, as_thing
from deployments.changes import Thing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefect import Flow
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.events.schemas.automations import Automation, AutomationCore

    from deployments.project_file import Deployment

KIND = "deployment"

_NOBODY = UUID(int=0)
_TRIGGER: TypeAdapter[Any] = TypeAdapter(DeploymentTriggerTypes)


def wanted(deployment: Deployment, pull: list[dict[str, Any]]) -> Thing:
    """One deployment of prefect.yaml, its variables filled in; imports its flow.

    Args:
        deployment: From the file.
        pull: The file's pull steps.
    """
    limit = deployment.concurrency_limit
    flow: Flow[..., Any] = load_flow_from_entrypoint(deployment.entrypoint)
    fields = {
        "description": deployment.description,
        "version": deployment.version,
        "tags": sorted(deployment.tags),
        "entrypoint": deployment.entrypoint,
        "path": None,
        "parameters": deployment.parameters,
        "form": _form(parameter_schema(flow).model_dump(mode="json")),
        "enforce_parameter_schema": True,
        "work_pool": deployment.work_pool.name,
        "work_queue": None,
        "job_variables": deployment.work_pool.job_variables,
        "pull_steps": pull,
        "paused": False,
        "concurrency": {**limit.model_dump(), "active": True},
        "schedules": {
            s.slug: {**s.model_dump(exclude={"slug"}), "day_or": True, "parameters": {}}
            for s in deployment.schedules
        },
        "triggers": _triggers(_trigger(spec) for spec in deployment.triggers),
    }
    return Thing(KIND, deployment.full_name, fields)


def present(
    deployment: DeploymentResponse,
    name: str,
    automations: Iterable[Automation],
    default_queue: str | None,
) -> Thing:
    """One deployment of the workspace.

    Args:
        deployment: As the API has it.
        name: `flow/name`.
        automations: All of the workspace; its triggers are found among them.
        default_queue: The name of its pool's default queue, which stands for none.
    """
    limit, options = deployment.global_concurrency_limit, deployment.concurrency_options
    queue = deployment.work_queue_name
    fields = {
        "description": deployment.description,
        "version": deployment.version,
        "tags": sorted(deployment.tags),
        "entrypoint": deployment.entrypoint,
        "path": deployment.path,
        "parameters": deployment.parameters,
        "form": _form(deployment.parameter_openapi_schema),
        "enforce_parameter_schema": deployment.enforce_parameter_schema,
        "work_pool": deployment.work_pool_name,
        "work_queue": None if queue == default_queue else queue,
        "job_variables": deployment.job_variables,
        "pull_steps": deployment.pull_steps,
        "paused": deployment.paused,
        "concurrency": {
            "limit": limit.limit if limit else None,
            "active": limit.active if limit else None,
            "collision_strategy": options.collision_strategy.value if options else None,
        },
        "schedules": {
            s.slug: {
                "cron": getattr(s.schedule, "cron", None),
                "timezone": getattr(s.schedule, "timezone", None),
                "day_or": getattr(s.schedule, "day_or", None),
                "active": s.active,
                "parameters": s.parameters,
            }
            for s in deployment.schedules
            # One without a slug was made by a person in the dashboard, and stays.
            if s.slug
        },
        "triggers": _triggers(a for a in automations if runs(a, deployment.id)),
    }
    return Thing(KIND, name, fields)


def runs(automation: Automation, deployment: UUID) -> bool:
    """Whether this is one of the project's triggers, and of that deployment."""
    return automation.name.startswith(PREFIX) and any(
        getattr(action, "deployment_id", None) == deployment for action in automation.actions
    )


def _form(schema: dict[str, Any] | None) -> dict[str, Any]:
    """The parameters' form, without the parts that are empty: the API leaves out some of them."""
    return {key: value for key, value in (schema or {}).items() if value}


def _trigger(spec: dict[str, Any]) -> AutomationCore:
    trigger = _TRIGGER.validate_python(spec)
    trigger.set_deployment_id(_NOBODY)
    automation: AutomationCore = trigger.as_automation()
    return automation


def _triggers(automations: Iterable[AutomationCore]) -> dict[str, Any]:
    """By name, a second one of a name by another; without the deployment's id, which they run."""
    found: dict[str, Any] = {}
    for thing in map(as_thing, automations):
        actions = [{**action, "deployment_id": None} for action in thing.fields["actions"]]
        name = thing.name
        while name in found:
            name += " (again)"
        found[name] = {**thing.fields, "actions": actions}
    return found
