"""Make a Prefect workspace what the repository declares, or tell how it differs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from httpx import HTTPStatusError
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate, GlobalConcurrencyLimitUpdate

from blocks.register import register, register_types
from blsquest.core.errors import QuestError
from deployments import webhook
from deployments.automations import as_thing
from deployments.changes import Change, differences
from deployments.deployments import KIND as DEPLOYMENT
from deployments.deployments import runs, wanted
from deployments.limits import KIND as LIMIT
from deployments.limits import put_right
from deployments.limits import wanted as wanted_limits
from deployments.pool import make_pool, pool_changes
from deployments.prefect_deploy import deploy
from deployments.workspace import read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

    from deployments.declared import Declared
    from deployments.workspace import Workspace


def drift(declared: Declared) -> tuple[Change, ...]:
    """How the workspace differs from what is declared; changes nothing."""
    with get_client(sync_client=True) as client:
        workspace = read_workspace(client, declared.pool.name)
        automations = webhook.automations(client, declared.notify)
        return (
            *pool_changes(declared.pool, workspace.pool),
            *_block_changes(declared, dry_run=True),
            *_changes(declared, automations, workspace),
            *webhook.drop(client, declared.notify, dry_run=True),
        )


def apply(declared: Declared) -> Iterator[Change]:
    """Make the workspace as declared, in an order in which each thing finds what it needs.

    Yields:
        Each change, as soon as it is made.

    Raises:
        QuestError: Something did not become as declared.
    """
    with get_client(sync_client=True) as client:
        # Looked at before anything is written: a pool of another type changes nothing.
        workspace = read_workspace(client, declared.pool.name)
        yield from make_pool(client, declared.pool, workspace.pool)
        register_types()
        yield from _block_changes(declared, dry_run=False)
        automations = webhook.automations(client, declared.notify)
        changes = _changes(declared, automations, workspace)
        _drop_triggers(client, changes, workspace)
        _deploy(declared, changes)
        by_name = {automation.name: automation for automation in automations}
        for change in changes:
            if change.kind == DEPLOYMENT:
                _finish_deployment(client, change, declared, workspace)
            elif change.kind == LIMIT:
                put_right(client, change.name)
            else:
                _make_automation(client, change, by_name, workspace)
            yield change
        yield from webhook.drop(client, declared.notify, dry_run=False)
        left = _changes(declared, automations, read_workspace(client, declared.pool.name))
    if left:
        raise QuestError(
            "Prefect took the changes, and still differs:\n"
            + "\n".join(f"  {change.sentence()}" for change in left),
            "Run again; if it stays so, the server may be of another version than the client.",
        )


def _changes(
    declared: Declared, automations: tuple[AutomationCore, ...], workspace: Workspace
) -> tuple[Change, ...]:
    things = [wanted(deployment, declared.pull) for deployment in declared.deployments.values()]
    limits = wanted_limits(workspace.things)
    return differences([*things, *map(as_thing, automations), *limits], workspace.things)


def _block_changes(declared: Declared, *, dry_run: bool) -> Iterator[Change]:
    for done in register(declared.documents, dry_run=dry_run):
        if done.what == "created":
            yield Change("create", "block", done.reference)
        elif done.what == "updated":
            yield Change("update", "block", done.reference, done.fields)


def _drop_triggers(
    client: SyncPrefectClient, changes: tuple[Change, ...], workspace: Workspace
) -> None:
    """`prefect deploy` makes triggers anew and removes its own; a copy made by hand would stay."""
    for change in changes:
        there = workspace.deployments.get(change.name) if change.kind == DEPLOYMENT else None
        if there is not None and change.what == "update":
            for found in client.read_resource_related_automations(f"prefect.deployment.{there.id}"):
                if runs(found, there.id):
                    client.delete_automation(found.id)


def _deploy(declared: Declared, changes: tuple[Change, ...]) -> None:
    names = [c.name for c in changes if c.kind == DEPLOYMENT and c.what != "delete"]
    if names:
        deploy([declared.deployments[name] for name in names], declared.pull)


def _finish_deployment(
    client: SyncPrefectClient, change: Change, declared: Declared, workspace: Workspace
) -> None:
    """What `prefect deploy` leaves: what the file no longer has, and what stops its runs."""
    there = workspace.deployments.get(change.name)
    if there is None:
        return
    if change.what == "delete":
        client.delete_resource_owned_automations(f"prefect.deployment.{there.id}")
        client.delete_deployment(there.id)
        return
    if there.paused:
        client.resume_deployment(there.id)
    if there.path is not None:
        client.update_deployment(there.id, DeploymentUpdate(path=None))
    limit = there.global_concurrency_limit
    if limit and not limit.active:
        client.update_global_concurrency_limit(
            limit.name, GlobalConcurrencyLimitUpdate(active=True)
        )
    kept = {schedule.slug for schedule in declared.deployments[change.name].schedules}
    for schedule in there.schedules:
        if schedule.slug and schedule.slug not in kept:
            client.delete_deployment_schedule(there.id, schedule.id)


def _make_automation(
    client: SyncPrefectClient,
    change: Change,
    wanted_by_name: Mapping[str, AutomationCore],
    workspace: Workspace,
) -> None:
    if change.what == "create":
        client.create_automation(wanted_by_name[change.name])
    elif change.what == "update":
        # The client sends only what was set: an automation that someone paused would stay so.
        awake = wanted_by_name[change.name].model_copy(update={"enabled": True})
        client.update_automation(workspace.automations[change.name].id, awake)
    else:
        try:
            client.delete_automation(workspace.automations[change.name].id)
        except HTTPStatusError as error:
            # `prefect deploy` makes triggers anew: one that was read before may be gone with that.
            if error.response.status_code != HTTPStatus.NOT_FOUND:
                raise
