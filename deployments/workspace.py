"""The project's present and wanted things in a Prefect workspace, in comparable form."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from prefect import Flow
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events import DeploymentTriggerTypes
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from pydantic import TypeAdapter

from deployments.automations import EARLIER_NAMES, PREFIX, TAG, as_thing
from deployments.changes import Thing
from deployments.project_file import Deployment
from deployments.work_pool import Pool, read_pool

Notify = Literal["set", "kept", "none"]
"""`set`: a webhook's address was given; `kept`: none was given; `none`: there is to be none.

Without NOTIFY_WEBHOOK_URL (for a person at a terminal, where CI has it as a secret), notices that
somebody set up stay. Only `none` removes them.
"""


@dataclass(frozen=True, slots=True)
class Declared:
    """The wanted state but for automations, which name a block by an id of the workspace.

    Blocks are by `type/name`, each after those that it refers to; deployments by `flow/name`, with
    all variables filled in.
    """

    pool: Thing
    blocks: dict[str, Block]
    deployments: dict[str, Deployment]
    pull: list[dict[str, Any]]
    notify: Notify


DEPLOYMENT, LIMIT = "deployment", "concurrency limit"

_PAGE = 200
_PLAIN = {
    *("description", "version", "entrypoint", "path", "parameters", "enforce_parameter_schema"),
    *("job_variables", "pull_steps", "paused"),
}
"""The fields that the API has under the same name and in the same form."""
_NOBODY = UUID(int=0)
_TRIGGER: TypeAdapter[Any] = TypeAdapter(DeploymentTriggerTypes)
_HOLDING = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
"""The states in which a run holds a slot of its deployment's limit."""
_SHARE = re.compile(r"bls-share-\d+")
"""The concurrency limits by which an earlier release shared BLS's pace; nothing wants them now."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The project's things as they are.

    Attributes:
        pool: The work pool, if there is one of the name.
        deployments: By `flow/name`: those with the project's tag.
        automations: All of the workspace.
        watchers: By name: those with the project's prefix that are no deployment's trigger. A
            duplicate's name has its id added, so that it is not wanted. One with an earlier
            release's name is under today's, so that it is changed and never missing.
        things: Deployments, watchers and leftovers, to compare; the pool is not among them.
    """

    pool: Pool | None
    deployments: dict[str, DeploymentResponse]
    automations: list[Automation]
    watchers: dict[str, Automation]
    things: tuple[Thing, ...]


def read_workspace(client: SyncPrefectClient, pool_name: str) -> Workspace:
    """Read all that the project may have in a workspace.

    Raises:
        Misuse: The work pool is of another type.
    """
    pool = read_pool(client, pool_name)
    automations = _all(client.read_automations)
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found = _all(
        lambda limit, offset: client.read_deployments(
            deployment_filter=ours, limit=limit, offset=offset
        )
    )
    deployments = {f"{client.read_flow(d.flow_id).name}/{d.name}": d for d in found}
    watchers: dict[str, Automation] = {}
    for automation in automations:
        if automation.name.startswith(PREFIX) and not any(runs(automation, d.id) for d in found):
            name = EARLIER_NAMES.get(automation.name, automation.name)
            taken = name in watchers
            watchers[f"{automation.name} ({automation.id})" if taken else name] = automation
    queue = pool.queue.name if pool else None
    limits = _all(client.read_global_concurrency_limits)
    things = (
        *(
            _present_deployment(client, d, name, automations, queue)
            for name, d in deployments.items()
        ),
        *(replace(as_thing(a), name=name) for name, a in watchers.items()),
        *(Thing(LIMIT, limit.name, {}) for limit in limits if _SHARE.fullmatch(limit.name)),
    )
    return Workspace(pool, deployments, automations, watchers, things)


def wanted_deployment(deployment: Deployment, pull: list[dict[str, Any]]) -> Thing:
    """Return one deployment of prefect.yaml, its variables filled in; imports its flow."""
    limit = deployment.concurrency_limit
    fields = {
        "description": deployment.description,
        "version": deployment.version,
        "tags": sorted(deployment.tags),
        "entrypoint": deployment.entrypoint,
        "path": None,
        "parameters": deployment.parameters,
        "form": _as_text(form(deployment)),
        "enforce_parameter_schema": True,
        "work_pool": deployment.work_pool.name,
        "work_queue": None,
        "job_variables": deployment.work_pool.job_variables,
        "pull_steps": pull,
        "paused": deployment.paused,
        "concurrency": {**limit.model_dump(), "active": True, "slots_held_by_no_run": 0}
        if limit
        else None,
        "schedules": {
            s.slug: {**s.model_dump(exclude={"slug"}), "day_or": True, "parameters": {}}
            for s in deployment.schedules
        },
        "triggers": _triggers(as_trigger(spec, _NOBODY) for spec in deployment.triggers),
    }
    return Thing(DEPLOYMENT, deployment.full_name, fields)


def _present_deployment(
    client: SyncPrefectClient,
    deployment: DeploymentResponse,
    name: str,
    automations: Iterable[Automation],
    default_queue: str | None,
) -> Thing:
    limit, options = deployment.global_concurrency_limit, deployment.concurrency_options
    # The default queue of its pool is what no queue means.
    queue = deployment.work_queue_name
    fields = {
        **{name: getattr(deployment, name) for name in _PLAIN},
        "tags": sorted(deployment.tags),
        "form": _as_text(deployment.parameter_openapi_schema),
        "work_pool": deployment.work_pool_name,
        "work_queue": None if queue == default_queue else queue,
        "concurrency": {
            "limit": limit.limit,
            "active": limit.active,
            "collision_strategy": options.collision_strategy.value if options else None,
            "slots_held_by_no_run": slots_held_by_no_run(client, deployment),
        }
        if limit
        else None,
        "schedules": {
            s.slug: {
                "cron": getattr(s.schedule, "cron", None),
                "timezone": getattr(s.schedule, "timezone", None),
                "day_or": getattr(s.schedule, "day_or", None),
                "active": s.active,
                "parameters": s.parameters,
            }
            for s in deployment.schedules
            if s.slug
        },
        "triggers": _triggers(a for a in automations if runs(a, deployment.id)),
    }
    return Thing(DEPLOYMENT, name, fields)


def runs(automation: Automation, deployment: UUID) -> bool:
    """Return whether this is one of the project's triggers, and of that deployment."""
    return automation.name.startswith(PREFIX) and any(
        getattr(action, "deployment_id", None) == deployment for action in automation.actions
    )


def remove_deployment(client: SyncPrefectClient, deployment: DeploymentResponse) -> None:
    """Delete a deployment with its triggers."""
    client.delete_resource_owned_automations(f"prefect.deployment.{deployment.id}")
    client.delete_deployment(deployment.id)


def slots_held_by_no_run(client: SyncPrefectClient, deployment: DeploymentResponse) -> int:
    """Return how many slots of the limit are held for runs that are over, or gone.

    With a limit of 1 such a slot would cancel every run. Only slots that were held both before and
    after the runs were read count: a run that begins or ends meanwhile has no effect.
    """
    before = deployment.global_concurrency_limit
    if not before or not before.active_slots:
        return 0
    under_way = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment.id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(_HOLDING))),
    )
    held = len(_all(lambda **page: client.read_flow_runs(flow_run_filter=under_way, **page)))
    now = client.read_global_concurrency_limit_by_name(before.name)
    return max(0, min(before.active_slots, now.active_slots) - held)


def _all(read: Callable[..., list[Any]]) -> list[Any]:
    """Return every page."""
    found: list[Any] = []
    while len(page := read(limit=_PAGE, offset=len(found))) == _PAGE:
        found += page
    return found + page


def form(deployment: Deployment) -> dict[str, Any]:
    """Return the form of the parameters that the flow takes; imports it."""
    flow: Flow[..., Any] = load_flow_from_entrypoint(deployment.entrypoint)
    schema: dict[str, Any] = parameter_schema(flow).model_dump(mode="json")
    return schema


def _as_text(schema: dict[str, Any] | None) -> str:
    """Return a form as text, without its empty parts: the API leaves out some of them.

    One text: a list of each title and position that a release changed would say nothing.
    """
    return json.dumps({k: v for k, v in (schema or {}).items() if v}, sort_keys=True)


def as_trigger(spec: dict[str, Any], deployment: UUID) -> AutomationCore:
    """Return one trigger of prefect.yaml as the automation that runs a deployment."""
    trigger = _TRIGGER.validate_python(spec)
    trigger.set_deployment_id(deployment)
    automation: AutomationCore = trigger.as_automation()
    return automation


def _triggers(automations: Iterable[AutomationCore]) -> dict[str, Any]:
    """Return triggers by name, a second one of a name by another; without the deployment's id."""
    found: dict[str, Any] = {}
    for thing in map(as_thing, automations):
        actions = [{**action, "deployment_id": None} for action in thing.fields["actions"]]
        name = thing.name
        while name in found:
            name += " (again)"
        found[name] = {**thing.fields, "actions": actions}
    return found
