"""What a Prefect workspace holds of the project, in terms that can be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

from deployments import limits
from deployments.automations import PREFIX, TAG, as_thing
from deployments.deployments import present, runs
from deployments.pool import read_pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.events.schemas.automations import Automation

    from deployments.changes import Thing
    from deployments.pool import Pool

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Workspace:
    """The project's things as they are.

    Attributes:
        pool: The work pool, if there is one of the name.
        deployments: By `flow/name`: those with the project's tag.
        automations: By name: those with the project's prefix that are no deployment's trigger. A
            second one of a name goes by its id too, so that nothing wants it.
        things: These and the shares' concurrency limits, to compare; the pool is not among them.
    """

    pool: Pool | None
    deployments: dict[str, DeploymentResponse]
    automations: dict[str, Automation]
    things: tuple[Thing, ...]


def read_workspace(client: SyncPrefectClient, pool_name: str) -> Workspace:
    """Look at all that the project may have in a workspace.

    Raises:
        Misuse: The work pool is of another type.
    """
    pool = read_pool(client, pool_name)
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
    queue = pool.queue.name if pool else None
    things = [present(d, name, every, queue) for name, d in deployments.items()]
    things += [replace(as_thing(a), name=name) for name, a in automations.items()]
    things += limits.present(_all(client.read_global_concurrency_limits))
    return Workspace(pool, deployments, automations, tuple(things))


def _all(read: Callable[..., list[Any]]) -> list[Any]:
    """Every page."""
    found: list[Any] = []
    while len(page := read(limit=_PAGE, offset=len(found))) == _PAGE:
        found += page
    return found + page
