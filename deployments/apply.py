"""Make a Prefect workspace what the repository declares, or say how it differs."""

from __future__ import annotations

import os
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID

import yaml
from httpx import HTTPStatusError
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate, GlobalConcurrencyLimitUpdate
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectLimitReached, ObjectNotFound, ObjectUnsupported
from prefect.settings import get_current_settings
from prefect.types import SecretDict
from pydantic import SecretStr

from blocks.register import VARIABLES, register, wanted_blocks
from blsquest.core.errors import QuestError
from deployments.automations import AUTOMATION, TAG, as_thing, desired_automations
from deployments.changes import Change, differences
from deployments.project_file import PROJECT, ProjectFile, filled
from deployments.refusals import PlanRefused, refused, refused_in
from deployments.renames import brought_over, copy_schedules, hand_over, renamed
from deployments.work_pool import make_pool, pool_changes, wanted_pool
from deployments.workspace import (
    DEPLOYMENT,
    LIMIT,
    Declared,
    Notify,
    read_workspace,
    runs,
    slots_held_by_no_run,
    wanted_deployment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.client.orchestration import SyncPrefectClient

    from deployments.settings import Settings
    from deployments.workspace import Workspace

_SHOWN = 1500
"""Characters of `prefect deploy`'s output that an error shows: its end, which holds the cause."""
_UNKNOWN = UUID(int=0)
"""The id of the webhook's block while there is none yet."""


def declare(
    settings: Settings,
    environment: Mapping[str, str],
    project_file: dict[str, Any],
    template: dict[str, Any],
) -> Declared:
    """Bring the repository's files and the settings together. Pure.

    Args:
        settings: See `read_settings`.
        environment: The process's, for the blocks' further variables (see `blocks.register`).
        project_file: prefect.yaml, in which `lint` finds nothing.
        template: work_pool.json, likewise.

    Raises:
        Misuse: A block's variable is impossible.
    """
    image = {"IMAGE_REPOSITORY": settings.image_repository, "IMAGE_TAG": settings.image_tag}
    file = ProjectFile.model_validate(filled(project_file, image))
    for deployment in file.deployments:
        deployment.work_pool.name = settings.work_pool
    given = {name: value for name, value in environment.items() if name in VARIABLES and value}
    given |= {
        "LAKE": settings.lake,
        "LAKE_ENCRYPTION": settings.lake_encryption or "",
        "LAKE_KMS_KEY": settings.lake_kms_key or "",
        "BLS_CONTACT": settings.bls_contact,
    }
    blocks = wanted_blocks({"LAKE_REGION": settings.aws_region} | given)
    url = settings.notify_webhook_url
    notify: Notify = "kept" if url is None else "none"
    if isinstance(url, SecretStr):
        notify = "set"
        headers = SecretDict({"Content-Type": "application/json"})
        blocks[f"webhook/{TAG}"] = Webhook(method="POST", url=url, headers=headers)
    return Declared(
        pool=wanted_pool(template, settings),
        blocks=blocks,
        deployments={deployment.full_name: deployment for deployment in file.deployments},
        pull=file.pull,
        notify=notify,
    )


def drift(declared: Declared) -> tuple[Change, ...]:
    """Return how the workspace differs from what is declared; change nothing."""
    with get_client(sync_client=True) as client:
        workspace = read_workspace(client, declared.pool.name)
        declared = brought_over(declared, workspace)
        automations = _automations(client, declared.notify)
        return (
            *pool_changes(declared.pool, workspace.pool),
            *_blocks(declared, dry_run=True),
            *_changes(declared, automations, workspace),
            *_drop_webhook(client, declared.notify, dry_run=True),
        )


def apply(declared: Declared) -> Iterator[Change]:
    """Make the workspace as declared, in an order in which each thing finds what it needs.

    Yields:
        Each change, as soon as it is made.

    Raises:
        QuestError: Something did not become as declared; or the API allows no more of something.
    """
    foreseen = drift(declared)
    try:
        yield from _apply(declared)
    except (HTTPStatusError, ObjectLimitReached, ObjectUnsupported, PlanRefused) as error:
        refusal = error if isinstance(error, PlanRefused) else refused(error)
        if refusal is None:
            raise
        left = drift(declared)
        done = [change for change in foreseen if change not in left]
        raise refusal.after(done, left) from error


def _apply(declared: Declared) -> Iterator[Change]:
    with get_client(sync_client=True) as client:
        # Read before anything is written: a pool of another type changes nothing.
        workspace = read_workspace(client, declared.pool.name)
        declared = brought_over(declared, workspace)
        yield from make_pool(client, declared.pool, workspace.pool)
        yield from _blocks(declared, dry_run=False)
        automations = _automations(client, declared.notify)
        by_name = {automation.name: automation for automation in automations}
        changes = _changes(declared, automations, workspace)
        watching = [c for c in changes if c.kind == AUTOMATION and c.what != "delete"]
        # What watches comes before what runs: nothing that is half applied runs unwatched.
        for change in watching:
            _make_automation(client, change, by_name, workspace)
            yield change
        _drop_triggers(client, changes, workspace)
        _deploy(declared, changes)
        for old, new in renamed(declared, workspace):
            hand_over(client, workspace, old, new)
        for change in changes:
            if change in watching:
                continue
            if change.kind == DEPLOYMENT:
                _finish_deployment(client, change, declared, workspace)
            elif change.kind == LIMIT:
                client.delete_global_concurrency_limit_by_name(change.name)
            else:
                _make_automation(client, change, by_name, workspace)
            yield change
        yield from _drop_webhook(client, declared.notify, dry_run=False)
        left = _changes(declared, automations, read_workspace(client, declared.pool.name))
    if left:
        raise QuestError(
            "Prefect took the changes, and still differs:\n"
            + "\n".join(f"  {change.sentence()}" for change in left),
            "Run again; if it stays so, the server may be of another version than the client.",
        )


def notices(client: SyncPrefectClient, notify: Notify) -> str | None:
    """Return what a person should know about notices, if anything."""
    if notify == "set":
        return None
    if notify == "none":
        return "Nobody is notified of failures: NOTIFY_WEBHOOK_URL is none."
    if webhook_id(client):
        return (
            f"NOTIFY_WEBHOOK_URL is not set: the block webhook/{TAG} that is registered stays, and "
            "its notices with it (none removes them)."
        )
    return "Nobody is notified of failures: NOTIFY_WEBHOOK_URL is not set."


def webhook_id(client: SyncPrefectClient) -> UUID | None:
    """Return the id of the block that notices are sent through, if there is one."""
    try:
        return client.read_block_document_by_name(TAG, "webhook").id
    except ObjectNotFound:
        return None


def _changes(
    declared: Declared, automations: tuple[AutomationCore, ...], workspace: Workspace
) -> tuple[Change, ...]:
    things = [wanted_deployment(each, declared.pull) for each in declared.deployments.values()]
    return differences([*map(as_thing, automations), *things], workspace.things)


def _automations(client: SyncPrefectClient, notify: Notify) -> tuple[AutomationCore, ...]:
    block = webhook_id(client)
    if notify == "set":
        return desired_automations(block or _UNKNOWN)
    return desired_automations(block if notify == "kept" else None)


def _blocks(declared: Declared, *, dry_run: bool) -> Iterator[Change]:
    for done in register(declared.blocks, dry_run=dry_run):
        if done.what == "created":
            yield Change("create", "block", done.reference)
        elif done.what == "updated":
            yield Change("update", "block", done.reference, done.fields)


def _drop_webhook(client: SyncPrefectClient, notify: Notify, *, dry_run: bool) -> Iterator[Change]:
    """Delete the block where there is to be none; after the automations that call it."""
    block = webhook_id(client) if notify == "none" else None
    if block:
        if not dry_run:
            client.delete_block_document(block)
        yield Change("delete", "block", f"webhook/{TAG}")


# -- Deployments and automations --------------------------------------------------------------


def _drop_triggers(
    client: SyncPrefectClient, changes: tuple[Change, ...], workspace: Workspace
) -> None:
    """Delete the triggers that `prefect deploy` will make anew; it leaves copies made by hand."""
    for change in changes:
        there = workspace.deployments.get(change.name) if change.kind == DEPLOYMENT else None
        if there is not None and change.what == "update":
            for found in workspace.automations:
                if runs(found, there.id):
                    client.delete_automation(found.id)


def _deploy(declared: Declared, changes: tuple[Change, ...]) -> None:
    """Create or update deployments by `prefect deploy`.

    A file of their own chooses them: `--name` does not tell deployments of one name apart whose
    flows are named by module.

    Raises:
        QuestError: The command failed.
    """
    names = [c.name for c in changes if c.kind == DEPLOYMENT and c.what != "delete"]
    if not names:
        return
    # An update leaves what is not said: parameters might not be checked.
    said = {"enforce_parameter_schema": True}
    chosen = [declared.deployments[name].model_dump(mode="json") | said for name in names]
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    with TemporaryDirectory(prefix="bls-data-quest-") as folder:
        file = Path(folder, "prefect.yaml")
        file.write_text(yaml.safe_dump({"pull": declared.pull, "deployments": chosen}))
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own file
            [
                sys.executable,
                *("-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)),
            ],
            cwd=PROJECT,
            env={**os.environ, **settings, "COLUMNS": "10000"},  # a line of an error stays one
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        if refusal := refused_in(done.stdout):
            raise refusal
        raise QuestError(
            f"`prefect deploy` failed ({done.returncode}):\n{done.stdout[-_SHOWN:]}",
            "Correct what it names and run again: what is done is not done twice.",
        )


def _finish_deployment(
    client: SyncPrefectClient, change: Change, declared: Declared, workspace: Workspace
) -> None:
    """Do what `prefect deploy` leaves: remove what the file no longer has, and what stops runs."""
    there = workspace.deployments.get(change.name)
    if there is None:
        return
    if change.what == "delete":
        client.delete_resource_owned_automations(f"prefect.deployment.{there.id}")
        client.delete_deployment(there.id)
        return
    if there.path is not None:
        client.update_deployment(there.id, DeploymentUpdate(path=None))
    limit = there.global_concurrency_limit
    if limit and not limit.active:
        client.update_global_concurrency_limit(
            limit.name, GlobalConcurrencyLimitUpdate(active=True)
        )
    leaked = slots_held_by_no_run(client, there)
    if limit and leaked:
        free = GlobalConcurrencyLimitUpdate(active_slots=limit.active_slots - leaked)
        client.update_global_concurrency_limit(limit.name, free)
    now = client.read_deployment(there.id)
    kept = {None, *(schedule.slug for schedule in declared.deployments[change.name].schedules)}
    for schedule in now.schedules:
        if schedule.slug not in kept:
            client.delete_deployment_schedule(there.id, schedule.id)
    # Where one schedule of a deployment has no slug, `prefect deploy` removes them all first.
    copy_schedules(client, there, now)


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
        whole = wanted_by_name[change.name].model_dump(exclude={"owner_resource"})
        client.update_automation(workspace.watchers[change.name].id, AutomationCore(**whole))
    else:
        try:
            client.delete_automation(workspace.watchers[change.name].id)
        except HTTPStatusError as error:
            # `prefect deploy` makes triggers anew: one that was read before may be gone with that.
            if error.response.status_code != HTTPStatus.NOT_FOUND:
                raise
