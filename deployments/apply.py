"""Make a Prefect workspace what the repository declares, or say how it differs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from httpx import HTTPStatusError
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.objects import ConcurrencyOptions, VersionInfo
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import (
    ObjectAlreadyExists,
    ObjectLimitReached,
    ObjectNotFound,
    ObjectUnsupported,
)
from prefect.types import SecretDict
from pydantic import SecretStr

from blocks.register import VARIABLES, register, wanted_blocks
from blsquest.core.errors import QuestError
from deployments.automations import AUTOMATION, TAG, as_thing, desired_automations
from deployments.changes import Change, differences
from deployments.project_file import Deployment, ProjectFile, filled
from deployments.renames import carry_over_pauses, carry_over_schedules
from deployments.settings import Settings
from deployments.work_pool import make_pool, pool_changes, wanted_pool
from deployments.workspace import (
    DEPLOYMENT,
    Declared,
    Notify,
    Workspace,
    as_trigger,
    form,
    read_workspace,
    remove_deployment,
    runs,
    slots_held_by_no_run,
    wanted_deployment,
)

_UNKNOWN = UUID(int=0)
"""The id of the webhook's block while there is none yet."""
_NEEDED = {
    "work_pools": ("work pool", "one work pool of its own, with a worker of yours"),
    "block_documents": ("block", "it"),
    "deployments": ("deployment", "5 deployments"),
    "automations": ("automation", "5 automations, or 3 with NOTIFY_WEBHOOK_URL=none"),
}
"""By a part of the API's path: the kind of thing refused, and what the project needs of it."""
_IMPOSSIBLE = {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
_SHOWN = 1500
"""Characters of the API's words that an error shows."""


def declare(
    settings: Settings,
    environment: Mapping[str, str],
    project_file: dict[str, Any],
    template: dict[str, Any],
) -> Declared:
    """Return the declared state, from the settings and the files that `lint` has passed. Pure.

    Raises:
        Misuse: A block's variable is invalid.
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
        declared = carry_over_pauses(declared, workspace)
        automations = _automations(client, declared.notify)
        return (
            *pool_changes(declared.pool, workspace.pool),
            *_blocks(declared, dry_run=True),
            *_changes(declared, automations, workspace),
            *_drop_webhook(client, declared.notify, dry_run=True),
        )


def apply(declared: Declared) -> Iterator[Change]:
    """Bring the workspace to the declared state, each thing after those that it needs.

    Yields:
        Each change, as soon as it is made.

    Raises:
        QuestError: Something did not become as declared; or the API allows no more of something.
    """
    foreseen = drift(declared)
    try:
        yield from _apply(declared)
    except (
        HTTPStatusError,
        ObjectAlreadyExists,
        ObjectLimitReached,
        ObjectUnsupported,
    ) as error:
        # Prefect's own exceptions for some of the refusals hold the answer.
        answer: Any = getattr(error, "http_exc", error)
        if answer.response.status_code in _IMPOSSIBLE and _what(answer)[0] == "deployment":
            raise QuestError(
                f"The Prefect API took no such deployment ({answer.response.status_code}): "
                f"{_words(answer)}",
                "Correct what it names and run again: what is done is not done twice.",
            ) from error
        if answer.response.status_code != HTTPStatus.FORBIDDEN:
            raise answer from None
        left = drift(declared)
        raise _refusal(answer, [each for each in foreseen if each not in left], left) from error


def _apply(declared: Declared) -> Iterator[Change]:
    with get_client(sync_client=True) as client:
        # Read before anything is written: a pool of another type changes nothing.
        workspace = read_workspace(client, declared.pool.name)
        declared = carry_over_pauses(declared, workspace)
        yield from make_pool(client, declared.pool, workspace.pool)
        yield from _blocks(declared, dry_run=False)
        automations = _automations(client, declared.notify)
        by_name = {automation.name: automation for automation in automations}
        # Automations are made before deployments and deleted after them: nothing runs unwatched.
        for change in sorted(
            _changes(declared, automations, workspace),
            key=lambda c: (c.what == "delete", (c.kind == AUTOMATION) == (c.what == "delete")),
        ):
            if change.kind == AUTOMATION:
                _make_automation(client, change, by_name, workspace)
            elif change.kind != DEPLOYMENT:
                client.delete_global_concurrency_limit_by_name(change.name)
            elif change.what == "delete":
                carry_over_schedules(client, declared, workspace, change.name)
                remove_deployment(client, workspace.deployments[change.name])
            else:
                wanted = declared.deployments[change.name]
                _make_deployment(client, wanted, declared.pull, workspace)
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


def _make_deployment(
    client: SyncPrefectClient,
    wanted: Deployment,
    pull: list[dict[str, Any]],
    workspace: Workspace,
) -> None:
    """Create a deployment, or replace all of it but the schedules that people made."""
    try:
        there = client.read_deployment_by_name(wanted.full_name)
    except ObjectNotFound:
        there = None
    limit = wanted.concurrency_limit
    schedules = [
        DeploymentScheduleCreate(
            slug=each.slug,
            schedule=CronSchedule(cron=each.cron, timezone=each.timezone),
            active=each.active,
        )
        for each in wanted.schedules
    ]
    schedules += [
        DeploymentScheduleCreate(
            schedule=each.schedule, active=each.active, parameters=each.parameters
        )
        for each in (there.schedules if there else ())
        if not each.slug
    ]
    made = client.create_deployment(
        client.create_flow_from_name(wanted.flow_name),
        wanted.name,
        version=wanted.version,
        version_info=VersionInfo(type="prefect:simple", version=wanted.version),
        schedules=schedules,
        concurrency_limit=limit.limit if limit else None,
        concurrency_options=ConcurrencyOptions.model_validate(limit.model_dump(exclude={"limit"}))
        if limit
        else None,
        parameters=wanted.parameters,
        description=wanted.description,
        work_pool_name=wanted.work_pool.name,
        tags=wanted.tags,
        entrypoint=wanted.entrypoint,
        parameter_openapi_schema=form(wanted),
        paused=wanted.paused,
        pull_steps=pull,
        enforce_parameter_schema=True,
        job_variables=wanted.work_pool.job_variables,
    )
    held = there.global_concurrency_limit if there and limit else None
    if there and held:
        leaked = slots_held_by_no_run(client, there)
        # Slots are sent only to free some: a run may take or leave one meanwhile.
        free: dict[str, Any] = {"active_slots": held.active_slots - leaked} if leaked else {}
        if free or not held.active:
            client.update_global_concurrency_limit(
                held.name, GlobalConcurrencyLimitUpdate(active=True, **free)
            )
    # Whatever an earlier release called them; then copies that someone made by hand.
    client.delete_resource_owned_automations(f"prefect.deployment.{made}")
    for found in workspace.automations:
        if runs(found, made):
            _delete_automation(client, found.id)
    for spec in wanted.triggers:
        client.create_automation(as_trigger(spec, made))


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
        _delete_automation(client, workspace.watchers[change.name].id)


def _delete_automation(client: SyncPrefectClient, automation: UUID) -> None:
    try:
        client.delete_automation(automation)
    except HTTPStatusError as error:
        # An automation that runs a deployment without our tag is a watcher too, and already gone.
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise


def _refusal(answer: HTTPStatusError, done: Sequence[Change], left: Sequence[Change]) -> QuestError:
    """Return the error for a thing that the API allows no more of, with the changes made before.

    Prefect Cloud answers 403 if a plan does not include a thing, or not so many of it, and if a key
    lacks a permission. Its message is quoted, as nothing else names the limit.
    """
    kind, needed = _what(answer)
    listed = ["; ".join(f"{c.what} {c.kind} {c.name}" for c in each) for each in (done, left)]
    return QuestError(
        f"The Prefect API refused one {kind} more than this workspace may have, or than this key "
        f"may make (403): {_words(answer)}\n"
        f"Done: {listed[0] or 'nothing'}.\nNot done: {listed[1] or 'nothing'}.\n"
        "Nothing that has a schedule was left without what watches it.",
        f"The project needs {needed}: delete what the workspace does not need, or take a plan that "
        "has it (docs/ecs.md), or a key that may; then run again: what is done is not done twice.",
    )


def _what(answer: HTTPStatusError) -> tuple[str, str]:
    """Return the kind of thing that was asked for, and what the project needs of it."""
    parts = re.split(r"[/?]", str(answer.request.url))
    return next((of for part, of in _NEEDED.items() if part in parts), ("thing", "it"))


def _words(answer: HTTPStatusError) -> str:
    """Return what the API said, from JSON or as it is."""
    try:
        words = answer.response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        words = answer.response.text
    return str(words)[:_SHOWN] or "it did not say why."
