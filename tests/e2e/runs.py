"""Flow runs of the deployed project, looked at through Prefect's API."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, Log, State
from prefect.client.schemas.sorting import FlowRunSort

from blsquest.sources.sample.server import Request, SampleServer
from tests.support.prefect_server import eventually

RUN_SECONDS = 400
"""More than any run here takes, with its task's start, on two cores that others use too."""

soon = partial(eventually, seconds=RUN_SECONDS)
"""Wait for something that a run here brings about."""


@dataclass(frozen=True)
class Run:
    """One flow run."""

    id: UUID

    @property
    def now(self) -> FlowRun:
        with _client() as client:
            return client.read_flow_run(self.id)

    @property
    def state(self) -> State[Any]:
        state = self.now.state
        assert state is not None
        return state

    @property
    def history(self) -> list[State[Any]]:
        """All its states, the oldest first."""
        with _client() as client:
            return client.read_flow_run_states(self.id)

    @property
    def names(self) -> list[str]:
        return [str(state.name) for state in self.history]

    @property
    def logs(self) -> list[Log]:
        """What the dashboard shows of its log."""
        with _client() as client:
            return client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.id])))

    def reaches(self, name: str, *, seconds: float = RUN_SECONDS) -> State[Any]:
        """Wait until it has been in a state of that name; that state."""

        def look() -> State[Any] | None:
            return next((state for state in self.history if state.name == name), None)

        return eventually(look, f"state {name} of run {self.id}", seconds=seconds)

    def ends(self, *, seconds: float = RUN_SECONDS) -> State[Any]:
        """Wait for its end; its last state. A crash that is followed by another try is no end."""

        def look() -> State[Any] | None:
            state = self.state
            return state if state.is_final() and not state.is_crashed() else None

        return eventually(look, f"end of run {self.id}", seconds=seconds)


def start(deployment: str, **given: Any) -> Run:
    """Start a run of `flow/deployment`; `given` are `parameters`, `job_variables`, `state`."""
    with _client() as client:
        found = client.read_deployment_by_name(deployment)
        return Run(client.create_flow_run_from_deployment(found.id, **given).id)


def runs_of(deployment: str) -> list[Run]:
    """All runs of `flow/deployment`, the first one first."""
    with _client() as client:
        found = client.read_deployment_by_name(deployment)
        ours = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[found.id]))
        every = client.read_flow_runs(
            flow_run_filter=ours, sort=FlowRunSort.EXPECTED_START_TIME_ASC
        )
    return [Run(run.id) for run in every]


@contextmanager
def held(publishers: SampleServer, path: str) -> Iterator[Event]:
    """Hold every request whose path ends so until the block ends, and so the run that asks.

    Yields:
        Set once somebody is held.
    """
    asked, go_on = Event(), Event()

    def hold(request: Request) -> None:
        before(request)
        if request.path.endswith(path):
            asked.set()
            go_on.wait()

    before, publishers.on_request = publishers.on_request, hold
    try:
        yield asked
    finally:
        publishers.on_request = before
        go_on.set()


def _client() -> SyncPrefectClient:
    return get_client(sync_client=True)
