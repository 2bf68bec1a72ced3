"""The work pool: its job template work_pool.json, and making a workspace's pool from it.

Only `variables.*.default` of the template is set, so that the file also works as it is to make the
pool by hand: prefect work-pool create --type ecs --base-job-template …
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from blsquest.core.errors import Misuse, QuestError
from deployments.changes import Change, Thing, differences
from deployments.settings import Settings

TEMPLATE = Path(__file__).with_name("work_pool.json")

_TYPE = "ecs"
_DESCRIPTION = (
    "BLS Data Quest: each run is a Fargate task of its own. Made by `python -m deployments apply`."
)


@dataclass(frozen=True, slots=True)
class Pool:
    """A work pool in a workspace, and its default queue, which all of the project's runs take."""

    thing: Thing
    queue: WorkQueue


def read_template() -> dict[str, Any]:
    """Return the template as it is in the repository."""
    template: dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    return template


def wanted_pool(template: dict[str, Any], settings: Settings) -> Thing:
    """Return the pool of one installation.

    Prefect Cloud's key and another server's auth string reach a task by different variables; the
    one that does not apply stays empty.
    """
    secret, cloud = settings.prefect_api_secret_arn, settings.api_is_cloud
    defaults: dict[str, Any] = {
        "cluster": settings.cluster_arn,
        "launch_type": settings.capacity_provider,
        "cpu_architecture": settings.cpu_architecture,
        "subnets": list(settings.subnets),
        "security_groups": list(settings.security_groups),
        "assign_public_ip": "ENABLED" if settings.assign_public_ip else "DISABLED",
        "execution_role_arn": settings.execution_role_arn,
        "task_role_arn": settings.task_role_arn,
        "log_group": settings.log_group,
        "prefect_api_key_secret_arn": secret if cloud else None,
        "prefect_api_auth_string_secret_arn": None if cloud else secret,
    }
    result = deepcopy(template)
    variables = result["variables"]["properties"]
    for name, value in defaults.items():
        variables[name]["default"] = value
    if settings.glue_database:
        variables["env"]["default"]["GLUE_DATABASE"] = settings.glue_database
    free = {"paused": False, "concurrency_limit": None}
    return Thing("work pool", settings.work_pool, {"template": result, **free, "queue": free})


def read_pool(client: SyncPrefectClient, name: str) -> Pool | None:
    """Return the pool of that name, if there is one.

    Raises:
        Misuse: It is of another type.
    """
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        return None
    if pool.type != _TYPE:
        raise Misuse(
            f"The work pool {name} is of type {pool.type}, and a pool keeps its type.",
            f"Choose another name with WORK_POOL, or delete it: prefect work-pool delete {name!r} "
            "(nothing was changed).",
        )
    queue = client.read_work_queue(pool.default_queue_id)
    fields = {"template": pool.base_job_template, **_stops(pool), "queue": _stops(queue)}
    return Pool(Thing("work pool", name, fields), queue)


def pool_changes(wanted: Thing, present: Pool | None) -> tuple[Change, ...]:
    """Return the changes from the present to the wanted pool."""
    return differences([wanted], [present.thing] if present else [])


def make_pool(client: SyncPrefectClient, wanted: Thing, present: Pool | None) -> Iterator[Change]:
    """Create the pool, or give it its template and let it hand out runs again.

    Yields:
        The change, when it is made.
    """
    name, template = wanted.name, wanted.fields["template"]
    for change in pool_changes(wanted, present):
        if present is None:
            made = WorkPoolCreate(
                name=name, type=_TYPE, description=_DESCRIPTION, base_job_template=template
            )
            try:
                client.create_work_pool(made)
            except ObjectAlreadyExists as error:
                raise QuestError(
                    f"Somebody else made the work pool {name} at the same time.",
                    "Run again when their apply has ended: what is done is not done twice.",
                ) from error
        else:
            # A limit is sent only where it is 0: another one is a person's own.
            stops, free = present.thing.fields, {"concurrency_limit": None}
            update = WorkPoolUpdate(
                base_job_template=template,
                is_paused=False,
                **(free if stops["concurrency_limit"] == 0 else {}),
            )
            client.update_work_pool(name, update)
            limit = free if stops["queue"]["concurrency_limit"] == 0 else {}
            client.update_work_queue(present.queue.id, is_paused=False, **limit)
        yield change


def _stops(held: WorkPool | WorkQueue) -> dict[str, Any]:
    """Return what keeps runs from being handed out: a pause, and a limit of 0."""
    return {
        "paused": held.is_paused,
        "concurrency_limit": 0 if held.concurrency_limit == 0 else None,
    }
