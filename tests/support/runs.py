"""Run a flow as a deployment would, and look at what it left in the lake and the dashboard."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect import Flow
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    TaskRunFilter,
    TaskRunFilterId,
)
from prefect.client.schemas.objects import Artifact, FlowRun, State, TaskRun
from prefect.events.worker import EventsWorker
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, temporary_settings

from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from flows.mirror import mirror
from flows.pipeline import pipeline
from flows.population import population
from flows.report import report
from flows.states import Result
from flows.surveys import Surveys
from tests.support.prefect_server import PrefectServer, eventually
from tests.support.s3_proxy import Request, relay

CONTACT = "tester@example.org"
REFUSED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@dataclass(frozen=True)
class Runs:
    """Runs on a Prefect server, over one sample server, into the lake of a directory."""

    server: SampleServer
    api: PrefectServer
    lake: Path

    def mirror(self, **given: Any) -> State[Any]:
        return self._run(mirror, {"source": self.server.bls_url, **self._polite()} | given)

    def population(self, **given: Any) -> State[Any]:
        source = {"source": self.server.population_url, **self._polite()}
        return self._run(population, source | given)

    def report(self, **given: Any) -> State[Any]:
        return self._run(report, given)

    def pipeline(self, **given: Any) -> State[Any]:
        return self._run(pipeline, self._of_pipeline() | given)

    def tagged_pipeline(self, *tags: str) -> State[Any]:
        """One run of `pipeline` that was made before it starts, with these tags, as a worker's."""
        given = {"lake": str(self.lake), **self._of_pipeline()}
        with self.api.client() as client:
            run = client.create_flow_run(pipeline, parameters=given, tags=tags)
        with self._recorded():
            return cast("State[Any]", run_flow(pipeline, flow_run=run, return_type="state"))

    def asked(self, path: str = "") -> int:
        """How many requests whose path ends so the publishers have seen."""
        return sum(r.path.endswith(path) for r in self.server.requests)

    def tree(self) -> dict[str, bytes]:
        """Every file of the lake, by its key."""
        return {
            str(p.relative_to(self.lake)): p.read_bytes()
            for p in self.lake.rglob("*")
            if p.is_file()
        }

    def generations(self, source: str = "bls/pr") -> int:
        return sum(1 for _ in (self.lake / "manifests" / source).glob("*.json"))

    def restamp(self, name: str) -> None:
        """Publish the same bytes of a file of `pr` under a new date."""
        file = self.server.surveys["pr"][name]
        moment = datetime(2025, 3, 3, 13, 30, tzinfo=UTC)
        self.server.surveys["pr"][name] = published(file.body, moment, generated=file.generated)

    def flow_run(self, state: State[Any]) -> FlowRun:
        with self.api.client() as client:
            return client.read_flow_run(_run_id(state))

    def children(self, state: State[Any]) -> list[FlowRun]:
        parent = FlowRunFilterParentFlowRunId(any_=[_run_id(state)])
        with self.api.client() as client:
            found = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
        return sorted(found, key=lambda run: run.name)

    def tasks(self, state: State[Any]) -> list[str]:
        """Return the names of the run's tasks."""
        return sorted(task.name for task in self._tasks(_run_id(state)))

    def artifacts(self, state: State[Any]) -> dict[str, Artifact]:
        """Return what the run left in the dashboard, by type."""
        return {str(artifact.type): artifact for artifact in self.all_artifacts(state)}

    def all_artifacts(self, state: State[Any]) -> list[Artifact]:
        of_run = ArtifactFilterFlowRunId(any_=[_run_id(state)])
        with self.api.client() as client:
            return client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=of_run))

    def table(self, state: State[Any], key: str | None = None) -> list[dict[str, Any]]:
        """Return the table that the run left; `key` tells one of several."""
        tables = [a for a in self.all_artifacts(state) if a.type == "table"]
        (data,) = [a.data for a in tables if key in {None, a.key}]
        return cast("list[dict[str, Any]]", json.loads(str(data)))

    def event(self, name: str) -> dict[str, Any]:
        """Return the first event of that name about this lake, as soon as the server has it."""

        def look() -> dict[str, Any] | None:
            return next(iter(self.events(name)), None)

        return eventually(look, f"event {name}")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of that name about this lake that the server has by now."""
        # The newest: the server has those of all tests, and gives 50 at a time.
        asked = {"filter": {"event": {"name": [name]}, "order": "DESC"}, "limit": 50}
        with self.api.client() as client:
            found = client.request("POST", "/events/filter", json=asked).json()["events"]
        return [e for e in reversed(found) if e["payload"].get("lake") == str(self.lake)]

    def _of_pipeline(self) -> dict[str, Any]:
        urls = {"bls_source": self.server.bls_url, "population_source": self.server.population_url}
        return urls | self._polite()

    def _polite(self) -> dict[str, Any]:
        return {"contact": CONTACT, "downloads_per_second": 0.0}

    def _run(self, flow: Flow[..., Any], given: dict[str, Any]) -> State[Any]:
        parameters = {"lake": str(self.lake)} | given
        with self._recorded():
            return cast("State[Any]", flow(**parameters, return_state=True))

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """Wait until the server has written down how every task of the block ended.

        It does so in its own time; a run created meanwhile would meet SQLite's one writer, and the
        client would wait 2 s. Which tasks there were, this process's log says.
        """
        ended: set[UUID] = set()
        handler, log = logging.Handler(), logging.getLogger("prefect.task_runs")
        handler.addFilter(lambda record: record.getMessage().startswith("Finished in state"))
        handler.emit = lambda record: ended.add(UUID(vars(record)["task_run_id"]))  # type: ignore[method-assign]
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)
        eventually(lambda: ended <= self._ended(ended), "record of the run's tasks")

    def _ended(self, tasks: set[UUID]) -> set[UUID]:
        asked = TaskRunFilter(id=TaskRunFilterId(any_=list(tasks)))
        with self.api.client() as client:
            found = client.read_task_runs(task_run_filter=asked)
        return {task.id for task in found if task.state is not None and task.state.is_final()}

    def _tasks(self, run: UUID) -> list[TaskRun]:
        with self.api.client() as client:
            return client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run]))
            )


def _run_id(state: State[Any]) -> UUID:
    found = state.state_details.flow_run_id
    assert found is not None
    return found


def result_of(state: State[Any]) -> Result:
    """Return what the flow returned."""
    return cast("Result", state.result(raise_on_failure=False))


def surveys_of(state: State[Any]) -> Surveys:
    """Return the rows of a run over many surveys."""
    found = result_of(state).surveys
    assert found is not None
    return found


def outcomes(state: State[Any]) -> dict[str, str]:
    """How each survey of such a run ended."""
    return {row.survey: row.outcome for row in surveys_of(state).rows}


@contextmanager
def failing_api(api: PrefectServer, fails: Callable[[Request], bool]) -> Iterator[None]:
    """Let the Prefect API answer 500 to the requests that `fails` names."""
    with relay(api.api_url) as wire:
        wire.fault = lambda request: REFUSED if fails(request) else None
        with temporary_settings({PREFECT_API_URL: f"{wire.endpoint}/api"}):
            yield
            EventsWorker.drain_all(timeout=10)
