"""The deployments' names in release dd47f93, and the move of their settings to today's names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.automations import AutomationCore

from deployments.workspace import Declared, Workspace, runs

RENAMED = {
    "pipeline/daily": "pipeline/daily-pipeline",
    "mirror/alone": "mirror/mirror-surveys",
    "surveys/all": "mirror/mirror-surveys",
    "surveys/group": "mirror/mirror-surveys",
    "population/alone": "population/population-ingest",
    "report/on-change": "report/report-on-change",
    "audit/weekly": "audit/weekly-audit",
}
"""The deployments of release dd47f93, and which one each of them is now. Of several, the first
there is decides whether it is paused."""
PARAMETERS = {"survey": "surveys", "patterns": "surveys", "deployment": None, "share": None}
"""The parameters of that release's `mirror` and `surveys` that `mirror` calls otherwise now."""


def carry_over_pauses(declared: Declared, workspace: Workspace) -> Declared:
    """Pause the deployments, or the schedules, that are paused under their old names."""
    deployments = dict(declared.deployments)
    for name, new in reversed(RENAMED.items()):
        if name not in workspace.deployments or new not in declared.deployments:
            continue
        old = workspace.deployments[name]
        active = {schedule.slug: schedule.active for schedule in old.schedules}
        wanted = declared.deployments[new]
        schedules = [
            each.model_copy(update={"active": each.active and active.get(each.slug, True)})
            for each in wanted.schedules
        ]
        update = {"paused": wanted.paused or old.paused, "schedules": schedules}
        deployments[new] = wanted.model_copy(update=update)
    return replace(declared, deployments=deployments)


def carry_over_schedules(
    client: SyncPrefectClient, declared: Declared, workspace: Workspace, name: str
) -> None:
    """Move people's schedules and automations from a deployment's old name to its new one.

    Schedules that people made have no slug. Those of a paused deployment stay inactive in one that
    is not paused.
    """
    if RENAMED.get(name) not in declared.deployments:
        return
    old, new = workspace.deployments[name], client.read_deployment_by_name(RENAMED[name])
    there = [(each.schedule, each.parameters) for each in new.schedules if not each.slug]
    for each in old.schedules:
        parameters = _as_today(each.parameters, new)
        if not each.slug and (each.schedule, parameters) not in there:
            active = each.active and (new.paused or not old.paused)
            made = DeploymentScheduleCreate(
                schedule=each.schedule, active=active, parameters=parameters
            )
            client.create_deployment_schedules(new.id, [made])
    for automation in workspace.automations:
        actions: list[Any] = [
            action
            for action in automation.actions
            if getattr(action, "deployment_id", None) == old.id and not runs(automation, old.id)
        ]
        for action in actions:
            action.deployment_id = new.id
            if getattr(action, "parameters", None):
                action.parameters = _as_today(action.parameters, new)
        if actions:
            sent = AutomationCore.model_fields.keys() - {"owner_resource"}
            core = {field: getattr(automation, field) for field in sent}
            client.update_automation(automation.id, AutomationCore(**core))


def _as_today(given: Mapping[str, Any], deployment: DeploymentResponse) -> dict[str, Any]:
    """Return a person's parameters under the names that the deployment's flow has for them."""
    if deployment.name != "mirror-surveys":
        return dict(given)
    new = {PARAMETERS.get(name, name): value for name, value in given.items()}
    if isinstance(new.get("surveys"), str):
        new["surveys"] = [new["surveys"]]
    return {name: value for name, value in new.items() if name}
