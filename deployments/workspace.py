"""What a Prefect workspace holds of the project, in terms that can be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.exceptions import ObjectNotFound

from deployments.automations import PREFIX, TAG, as_thing
from deployments.deployments import present, runs
from deployments.work_pool import POOL_TYPE, pool_thing
from flows.lake.model import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.events.schemas.automations import Automation

    from deployments.changes import Thing

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Workspace:
    """The project's things as they are.

    Attributes:
        pool: The work pool, if there is one of the name.
        deployments: By `flow/name`: those with the project's tag.
        automations: By name: those with the project's prefix that are no deployment's trigger. A
            second one of a name goes by its id too, so that nothing wants it.
        things: All of them, to compare.
    """

    pool: Thing | None
    deployments: dict[str, DeploymentResponse]
    automations: dict[str, Automation]
    things: tuple[Thing, ...]


def read_workspace(client: SyncPrefectClient, pool_name: str) -> Workspace:
    """Look at all that the project may have in a workspace.

    Raises:
        Misuse: The work pool is of another type.
    """
    pool = _read_pool(client, pool_name)
    every = _all(client.read_automations)
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found = _all(
        lambda limit, offset: client.read_deployments(
            deployment_filter=ours, limit=limit, offset=offset
        )
    )
    deployments = {f"{client.read_flow(d.flow_id).name}/{d.name}": d for d in found}
    automations: dict[str, Automation] = {}
    for automation in every:
        if automation.name.startswith(PREFIX) and not any(runs(automation, d.id) for d in found):
            taken = automation.name in automations
            name = f"{automation.name} ({automation.id})" if taken else automation.name
            automations[name] = automation
    things = [present(d, name, every) for name, d in deployments.items()]
    things += [replace(as_thing(a), name=name) for name, a in automations.items()]
    return Workspace(pool, deployments, automations, tuple(things))


def _read_pool(client: SyncPrefectClient, name: str) -> Thing | None:
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
    return pool_thing(name, pool.base_job_template)


def _all(read: Callable[..., list[Any]]) -> list[Any]:
    """Every page."""
    found: list[Any] = []
    while len(page := read(limit=_PAGE, offset=len(found))) == _PAGE:
        found += page
    return found + page
