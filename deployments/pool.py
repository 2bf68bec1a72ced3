"""The work pool in the workspace: reading it, making it as declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from blsquest.core.errors import Misuse, QuestError
from deployments.changes import Change, Thing, differences
from deployments.work_pool import POOL_DESCRIPTION, POOL_TYPE, pool_thing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import WorkQueue


@dataclass(frozen=True, slots=True)
class Pool:
    """A work pool that there is.

    Attributes:
        thing: To compare.
        queue: Its default queue, which all of the project's runs go through.
    """

    thing: Thing
    queue: WorkQueue


def read_pool(client: SyncPrefectClient, name: str) -> Pool | None:
    """The pool of that name, if there is one.

    Raises:
        Misuse: It is of another type.
    """
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        return None
    if pool.type != POOL_TYPE:
        raise Misuse(
            f"The work pool {name} is of type {pool.type}, and a pool keeps its type.",
            f"Choose another name with WORK_POOL, or delete it: prefect work-pool delete {name!r} "
            "(nothing was changed).",
        )
    queue = client.read_work_queue(pool.default_queue_id)
    thing = pool_thing(
        name,
        pool.base_job_template,
        pool=(pool.is_paused, pool.concurrency_limit),
        queue=(queue.is_paused, queue.concurrency_limit),
    )
    return Pool(thing, queue)


def pool_changes(declared: Thing, present: Pool | None) -> tuple[Change, ...]:
    """What makes the pool as declared."""
    return differences([declared], [present.thing] if present else [])


def make_pool(client: SyncPrefectClient, declared: Thing, present: Pool | None) -> Iterator[Change]:
    """Create the pool, or give it its template and let it hand out runs again.

    Yields:
        The change, when it is made.
    """
    name, template = declared.name, declared.fields["template"]
    for change in pool_changes(declared, present):
        if present is None:
            made = WorkPoolCreate(
                name=name,
                type=POOL_TYPE,
                description=POOL_DESCRIPTION,
                base_job_template=template,
            )
            try:
                client.create_work_pool(made)
            except ObjectAlreadyExists as error:
                raise QuestError(
                    f"Somebody else made the work pool {name} at the same time.",
                    "Run again when their apply has ended: what is done is not done twice.",
                ) from error
        else:
            stops = present.thing.fields
            # Sent only where it is 0: another limit is a person's own.
            limit = {"concurrency_limit": None} if stops["concurrency_limit"] == 0 else {}
            update = WorkPoolUpdate(base_job_template=template, is_paused=False, **limit)
            client.update_work_pool(name, update)
            limit = {"concurrency_limit": None} if stops["queue"]["concurrency_limit"] == 0 else {}
            client.update_work_queue(present.queue.id, is_paused=False, **limit)
        yield change
