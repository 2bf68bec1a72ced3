"""Whoever carries out the runs of a deployment in a worker's stead: a thread of the test."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.flow_engine import run_flow

from flows.mirror import mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect.client.schemas.objects import FlowRun

    from tests.support.prefect_server import PrefectServer


def do(run: FlowRun) -> None:
    """Carry a run of `mirror` out, as a worker's process would."""
    run_flow(mirror, flow_run=run, return_type="state")


@contextmanager
def hands(
    api: PrefectServer, deployment: str, take: Callable[[FlowRun], object] = do
) -> Iterator[None]:
    """Take each scheduled run of a deployment as soon as it is there, one after the other.

    A run that starts others is not among them: the test carries it out itself.
    """
    done = Event()

    def work() -> None:
        # A thread begins without its maker's settings.
        with api.in_use():
            while not done.wait(0.05):
                for run in scheduled(deployment):
                    if run.parameters.get("tasks", 1) == 1:
                        take(run)

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(60)


def scheduled(deployment: str) -> list[FlowRun]:
    """The deployment's runs that wait for a worker."""
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
        return client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[found.id])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
            ),
        )
