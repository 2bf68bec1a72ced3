"""A fleet's run that is stopped and started again, and an API that fails it for a while."""

from __future__ import annotations

import json
import logging
import signal
from contextlib import contextmanager
from threading import Event, Thread, main_thread
from typing import TYPE_CHECKING, Any, cast

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, WorkPoolCreate
from prefect.concurrency.sync import concurrency
from prefect.events.worker import EventsWorker
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Scheduled

from blsquest.sources.sample.pages import published
from flows import asking, children, grouping, waiting
from flows.settling import GROUPS_KEY
from flows.signals import STOPS, sigterm_unwinds, stopped_by
from flows.surveys import surveys
from flows.waiting import Waiting
from tests.support.hands import do, hands, scheduled
from tests.support.lakes import LONG_AGO
from tests.support.prefect_server import eventually
from tests.support.runs import CONTACT
from tests.support.s3_proxy import relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun, State

    from flows.fleet import Fleet
    from flows.results import Result
    from tests.support.prefect_server import PrefectServer
    from tests.support.runs import Runs
    from tests.support.s3_proxy import Request

POOL = "nobody"
NAME = "unattended"
DEPLOYMENT = f"surveys/{NAME}"
CODES = ("ap", "cu", "la", "oe")
REFUSED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@pytest.fixture
def bls(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """BLS with four surveys of one file, each of which is a task; and a deployment for them.

    Its pool has no worker.
    """
    runs.server.surveys.clear()
    for code in CODES:
        file = published(b"numbers of " + code.encode(), LONG_AGO, generated=True)
        runs.server.surveys[code] = {f"{code}.data.1.All": file}
    with runs.api.client() as api:
        api.create_work_pool(WorkPoolCreate(name=POOL, type="process"), overwrite=True)
        api.create_deployment(
            flow_id=api.create_flow(surveys), name=NAME, work_pool_name=POOL, entrypoint="x:y"
        )
        for left in scheduled(DEPLOYMENT):
            api.delete_flow_run(left.id)
    monkeypatch.setattr(grouping, "GROUP_FILES", 1)
    monkeypatch.setattr(children, "POLL", 0.05)
    monkeypatch.setattr(asking, "WAITS", (0.0,))
    return runs


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the runs' logs say, while they say it."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("prefect.flow_runs")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def parent(bls: Runs, **given: Any) -> UUID:
    """A run of all surveys over the deployment, as a worker finds it."""
    parameters = {
        "patterns": ["all"],
        "lake": str(bls.lake),
        "source": bls.server.bls_url,
        "contact": CONTACT,
        "downloads_per_second": 0.0,
        "tables": False,
        "deployment": DEPLOYMENT,
        "tasks": 2,
    }
    with bls.api.client() as api:
        return api.create_flow_run(surveys, parameters=parameters | given).id


def run(bls: Runs, run_id: UUID) -> State[Result]:
    with bls.api.client() as api:
        found = api.read_flow_run(run_id)
        return cast("State[Result]", run_flow(surveys, flow_run=found, return_type="state"))


def fleet(state: State[Result]) -> Fleet:
    found = cast("Result", state.result(raise_on_failure=False)).fleet
    assert found is not None
    return found


@contextmanager
def signalled(number: signal.Signals, when: str, said: list[str]) -> Iterator[None]:
    """This process gets a signal as soon as a log says that."""

    def watch() -> None:
        eventually(lambda: any(when in line for line in said), f"line with {when!r}")
        signal.pthread_kill(cast("int", main_thread().ident), number)

    watcher = Thread(target=watch)
    # Test runners' workers ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    watcher.start()
    try:
        yield
    finally:
        watcher.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_was_stopped_and_started_again_keeps_its_groups_and_its_children(
    bls: Runs, said: list[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(waiting, "WAITED", 0.01)
    run_id = parent(bls)

    with (
        sigterm_unwinds(),
        signalled(number, "still waits for a worker of the pool nobody", said),
        pytest.raises(STOPS) as stop,
    ):
        run(bls, run_id)

    told = stopped_by(stop.value)
    assert "The runs that it started, of surveys/unattended, go on by themselves." in told.what
    assert "Cancel them in the dashboard" in told.remedy
    assert str(told) in said
    for code, share in (("ap", "1/2"), ("cu", "2/2")):
        assert any(
            f"{code} " in s and f"the share {share} of the pace, for {code}." in s for s in said
        )

    # The same surveys are one group by now, and BLS has one more.
    monkeypatch.setattr(grouping, "GROUP_FILES", 150)
    bls.server.surveys["zz"] = bls.server.surveys["ap"]
    asked = bls.asked()
    with bls.api.client() as api:
        api.set_flow_run_state(run_id, Scheduled(), force=True)
    with hands(bls.api, DEPLOYMENT):
        state = run(bls, run_id)

    assert state.name == "Changed"
    assert [row.survey for row in fleet(state).rows] == list(CODES)
    assert [child.parameters["patterns"] for child in bls.children(state)] == [[c] for c in CODES]
    assert {child.parameters["share"] for child in bls.children(state)} == {"1/2", "2/2"}
    assert bls.asked() - asked == 4 * (1 + 3)  # the children's: the root, then their survey
    groups = [a for a in bls.all_artifacts(state) if a.key == GROUPS_KEY]
    assert [row["surveys"] for row in json.loads(str(groups[0].data))] == list(CODES)
    assert len(groups) == 1


def test_groups_that_cannot_be_read_start_nothing_and_say_what_to_do(bls: Runs) -> None:
    run_id = parent(bls)
    hostile = [{"task": "1 of 1", "surveys": "-ap", "files": 1, "bytes": 1, "disk": 1}]
    with bls.api.client() as api:
        api.create_artifact(
            ArtifactCreate(
                key=GROUPS_KEY, type="table", data=json.dumps(hostile), flow_run_id=run_id
            )
        )

    state = run(bls, run_id)

    assert state.name == "Failed"
    assert "the artifact surveys-groups, can't be read" in str(state.message)
    assert "Start a new run when those that this one started are over." in str(state.message)
    assert (bls.asked(), bls.children(state)) == (0, [])


@contextmanager
def faulty(api: PrefectServer, fails: Callable[[Request], bool]) -> Iterator[None]:
    """The API answers 500 to what `fails` says."""
    with relay(api.api_url) as wire:
        wire.fault = lambda request: REFUSED if fails(request) else None
        with temporary_settings({PREFECT_API_URL: f"{wire.endpoint}/api"}):
            yield
            EventsWorker.drain_all(timeout=10)


def test_an_api_that_fails_for_a_moment_loses_nothing(bls: Runs, said: list[str]) -> None:
    run_id = parent(bls)
    failing = ["/create_flow_run", "/artifacts/filter", "/v2/concurrency_limits"]

    def fails(request: Request) -> bool:
        found = next((part for part in failing if part in request.target), None)
        if found:
            failing.remove(found)
        return found is not None

    with hands(bls.api, DEPLOYMENT), faulty(bls.api, fails):
        state = run(bls, run_id)

    assert failing == []
    assert state.name == "Changed"
    assert {row.outcome for row in fleet(state).rows} == {"Changed"}
    assert len(bls.children(state)) == len(CODES)
    assert any("does not answer (PrefectHTTPStatusError) when asked to start" in s for s in said)


def test_a_run_that_is_deleted_or_cannot_be_started_is_a_row_and_loses_no_other(
    bls: Runs, said: list[str]
) -> None:
    def take(child: FlowRun) -> None:
        if child.parameters["patterns"] == ["cu"]:
            with get_client(sync_client=True) as client:
                client.delete_flow_run(child.id)
            deleted.set()
        else:
            do(child)

    def fails(request: Request) -> bool:
        # One at a time and in order: after `cu` comes `la`, until it is given up.
        given_up = any("What became of la is not known" in line for line in said)
        return deleted.is_set() and not given_up and "/create_flow_run" in request.target

    deleted = Event()
    run_id = parent(bls, tasks=1)
    with hands(bls.api, DEPLOYMENT, take), faulty(bls.api, fails):
        state = run(bls, run_id)

    rows = {row.survey: row for row in fleet(state).rows}
    assert {code: row.outcome for code, row in rows.items()} == {
        "ap": "Changed",
        "cu": "Unknown",
        "la": "Unknown",
        "oe": "Changed",
    }
    assert "surveys cu" in rows["cu"].what
    assert "somebody deleted it" in rows["cu"].what
    assert "answered 500" in rows["la"].what
    assert state.name == "Incomplete"
    assert "2 of 4 surveys are not up to date: cu (Unknown), la (Unknown)." in str(state.message)
    assert [row["survey"] for row in bls.table(state, "surveys")] == list(CODES)


def test_a_table_that_is_none_loses_only_what_it_would_have_told(bls: Runs) -> None:
    def take(child: FlowRun) -> None:
        left = ArtifactCreate(key="surveys", type="table", data="[1]", flow_run_id=child.id)
        with get_client(sync_client=True) as client:
            client.create_artifact(left)
            client.set_flow_run_state(child.id, Completed(name="Changed"), force=True)

    run_id = parent(bls, patterns=["ap"])
    with hands(bls.api, DEPLOYMENT, take):
        state = run(bls, run_id)

    (row,) = fleet(state).rows
    assert (row.survey, row.outcome, row.files) == ("ap", "Changed", None)


def test_a_wait_is_told_after_two_minutes_and_then_at_growing_intervals() -> None:
    worker = Waiting()
    told = [t for t in range(0, 3600, 5) if worker.tells(t, waits=True) is not None]
    assert told == [120, 240, 480, 960, 1920]

    assert worker.tells(3600, waits=False) is None
    assert worker.tells(3605, waits=True) is None
    assert worker.tells(3725, waits=True) == 120


def test_a_run_that_must_wait_for_its_share_says_so(bls: Runs, said: list[str]) -> None:
    with bls.api.client() as api:
        api.upsert_global_concurrency_limit_by_name("bls-share-5", limit=1)
    taken = Event()

    def take() -> None:
        with bls.api.in_use(), concurrency("bls-share-5", strict=True):
            taken.set()
            eventually(lambda: any("Waiting for the share 5/6" in s for s in said), "such a line")

    holder = Thread(target=take)
    holder.start()
    assert taken.wait(30)

    state = bls.surveys(patterns=["ap"], share="5/6")

    holder.join()
    assert state.name == "Changed"
