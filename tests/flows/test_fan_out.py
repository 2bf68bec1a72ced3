"""Surveys spread over runs of one deployment: as planned, interrupted, and with a failing API."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread, main_thread
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.flow_engine import run_flow
from prefect.states import Cancelled, Completed, Crashed, Failed, Running, Scheduled

from blocks import api as blocks_api
from blsquest.core.stop import sleep_unless_stopped
from blsquest.products import surveys
from blsquest.sources.sample.pages import published
from flows import fan_out
from flows.cli.run import STOPS, signals_unwind
from flows.fan_out import RESCHEDULED_WITHIN, is_over
from flows.mirror import mirror
from flows.states import Result
from tests.support import HANG
from tests.support.faults import Fault, status
from tests.support.lakes import LONG_AGO
from tests.support.prefect_server import PrefectServer, eventually
from tests.support.runs import CONTACT, Runs, failing_api, outcomes, surveys_of
from tests.support.s3_proxy import Request

PROJECT = Path(__file__).resolve().parents[2]
POOL = "fleet"
NAME = "mirror-surveys"
DEPLOYMENT = f"mirror/{NAME}"
CODES = ("ap", "cu", "la", "oe")


def do(run: FlowRun) -> None:
    """Carry a run of `mirror` out, as a worker's process would."""
    run_flow(mirror, flow_run=run, return_type="state")


@contextmanager
def hands(api: PrefectServer, take: Callable[[FlowRun], object] = do) -> Iterator[None]:
    """Take each scheduled run of the deployment as soon as it is there, one after the other.

    A run that starts others is not among them: the test carries it out itself.
    """
    done = Event()

    def work() -> None:
        # A thread begins without its maker's settings.
        with api.in_use(), get_client(sync_client=True) as client:
            of_it = {"deployment_id": {"any_": [client.read_deployment_by_name(DEPLOYMENT).id]}}
            waits = {"state": {"type": {"any_": [StateType.SCHEDULED]}}}
            wanted = FlowRunFilter.model_validate(of_it | waits)
            while not done.wait(0.05):
                for run in client.read_flow_runs(flow_run_filter=wanted):
                    if run.parameters.get("tasks", 1) == 1:
                        take(run)

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(HANG)


@pytest.fixture
def bls(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """BLS with four surveys of one file, each of which is a shard, and a deployment of `mirror`.

    Its pool has no worker.
    """
    runs.server.surveys.clear()
    for code in CODES:
        file = published(b"numbers of " + code.encode(), LONG_AGO, generated=True)
        runs.server.surveys[code] = {f"{code}.data.1.All": file}
    with runs.api.client() as api:
        api.create_work_pool(WorkPoolCreate(name=POOL, type="process"), overwrite=True)
        left = api.create_deployment(
            flow_id=api.create_flow(mirror),
            name=NAME,
            entrypoint="flows.mirror.mirror",
            work_pool_name=POOL,
            pull_steps=[
                {"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}
            ],
        )
        for run in api.read_flow_runs():
            if run.deployment_id == left:
                api.delete_flow_run(run.id)
    monkeypatch.setattr(surveys, "SHARD_FILES", 1)
    monkeypatch.setattr(fan_out, "POLL", 0.05)
    monkeypatch.setattr(blocks_api, "sleep_unless_stopped", lambda _: sleep_unless_stopped(0.01))
    return runs


@pytest.fixture
def worker(bls: Runs) -> Iterator[None]:
    """A worker on this machine."""
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
    quick = {"PREFECT_WORKER_QUERY_SECONDS": "0.5", "PREFECT_WORKER_PREFETCH_SECONDS": "1"}
    process = subprocess.Popen(
        [*command, "--type", "process", "--work-queue", "default"],
        cwd=PROJECT,
        env=bls.api.environment | quick,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    # Its graceful stop is not always one, and it has nothing left to do.
    process.kill()
    process.wait(HANG)


def parent(bls: Runs, **given: Any) -> UUID:
    """A run of the deployment over all surveys, two tasks at a time, for which no worker looks."""
    parameters = {
        "surveys": ["all"],
        "lake": str(bls.lake),
        "source": bls.server.bls_url,
        "contact": CONTACT,
        "downloads_per_second": 0.0,
        "tables": False,
        "tasks": 2,
    }
    with bls.api.client() as api:
        found = api.read_deployment_by_name(DEPLOYMENT)
        return api.create_flow_run_from_deployment(
            found.id, parameters=parameters | given, work_queue_name="parents"
        ).id


def run(bls: Runs, run_id: UUID) -> State[Result]:
    with bls.api.client() as api:
        api.set_flow_run_state(run_id, Scheduled(), force=True)
        found = api.read_flow_run(run_id)
        return cast("State[Result]", run_flow(mirror, flow_run=found, return_type="state"))


def shared_out(bls: Runs, state: State[Result]) -> list[list[str]]:
    return sorted(child.parameters["surveys"] for child in bls.children(state))


@pytest.mark.usefixtures("worker")
def test_runs_of_a_worker_share_the_pace_and_retry_runs_again_only_what_failed(bls: Runs) -> None:
    bls.server.faults = [Fault(status(404), path="*/cu/")]
    run_id = parent(bls, downloads_per_second=30.0)

    state = run(bls, run_id)

    rows = {row.survey: row for row in surveys_of(state).rows}
    assert outcomes(state) == dict.fromkeys(CODES, "Changed") | {"cu": "Failed"}
    assert (state.name, surveys_of(state).tasks) == ("Incomplete", 3)
    assert "for this alone: --survey cu " in str(state.message)
    assert f"There is no survey 'cu' at {bls.server.bls_url} (404)." in rows["cu"].what
    assert (rows["la"].files, rows["la"].source_requests) == (1, 3)
    children = bls.children(state)
    assert [child.job_variables for child in children] == [{}] * 3
    assert {child.parameters["tasks"] for child in children} == {1}
    assert {child.parameters["downloads_per_second"] for child in children} == {15.0}
    spans = sorted((c.start_time, c.end_time) for c in children if c.start_time and c.end_time)
    assert spans[2][0] >= min(spans[0][1], spans[1][1])  # never three at a time
    assert bls.event("bls.changed")["resource"]["by"] == "itself"

    bls.server.faults = []
    again = run(bls, run_id)

    assert (again.name, outcomes(again)) == ("Changed", dict.fromkeys(CODES, "Changed"))
    assert shared_out(bls, again) == [["ap", "cu"], ["cu"], ["la"], ["oe"]]


def test_one_shard_for_a_machine_like_its_own_needs_no_other_run(bls: Runs) -> None:
    state = run(bls, parent(bls, surveys=["cu"], tasks=4))

    assert (state.name, bls.children(state)) == ("Changed", [])
    assert [row["survey"] for row in bls.table(state, "surveys")] == ["cu"]


def test_a_huge_survey_has_a_run_of_its_own_with_the_machine_that_its_size_asks_for(
    bls: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surveys, "SHARD_BYTES", 1)

    with hands(bls.api):
        state = run(bls, parent(bls, surveys=["cu"]))

    (child,) = bls.children(state)
    assert child.job_variables == surveys.HUGE | {"ephemeral_storage": 50}
    assert (state.name, outcomes(state)) == ("Changed", {"cu": "Changed"})
    # The front page is the business of the run that nobody else started.
    assert "front page" in bls.tasks(state)
    assert "front page" not in [task.name for task in bls._tasks(child.id)]
    assert "bls/cu/" in (bls.lake / "index.html").read_text()


def test_the_plans_of_a_dry_run_are_summed_up_and_nothing_is_changed(bls: Runs) -> None:
    with hands(bls.api):
        state = run(bls, parent(bls, dry_run=True))

    assert state.message == "4 surveys in 4 tasks: 4 planned. Nothing was changed: a dry run."
    assert all("would ask for 1 of its files" in row.what for row in surveys_of(state).rows)
    assert not bls.lake.exists()


def test_tasks_outside_a_deployment_s_run_are_a_usage_error(bls: Runs) -> None:
    state = bls.mirror(surveys=["all"], tasks=2)

    assert state.name == "Failed"
    assert "Only the run of a deployment can spread surveys over tasks" in str(state.message)
    assert bls.asked() == 0


def test_a_second_run_over_tasks_is_refused_while_a_first_goes_on(bls: Runs) -> None:
    first, second = parent(bls), parent(bls)
    with bls.api.client() as api:
        api.set_flow_run_state(first, Running(), force=True)

    state = run(bls, second)

    assert state.name == "Failed"
    assert "spreads surveys over tasks already" in str(state.message)
    assert (bls.asked(), bls.children(state)) == (0, [])
    with bls.api.client() as api:
        api.set_flow_run_state(first, Completed(), force=True)


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
def test_a_run_that_was_stopped_and_started_again_leaves_alone_what_runs_and_plans_the_rest(
    bls: Runs, said: list[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(fan_out, "WAITED", timedelta())
    run_id = parent(bls)

    waits = f"Mirror cu, {datetime.now(UTC):%Y-%m-%d} is Scheduled, and still waits for a worker of"
    with signals_unwind(), signalled(number, waits, said), pytest.raises(STOPS):
        run(bls, run_id)

    # The rest fits into one shard by now, and BLS has one more.
    monkeypatch.setattr(surveys, "SHARD_FILES", 150)
    bls.server.surveys["zz"] = bls.server.surveys["ap"]
    # While all its places are taken, BLS is not asked.
    asked = bls.asked()
    looks: list[int] = []
    looked = Event()

    def sleep(_: float) -> None:
        looks.append(bls.asked() - asked)
        looked.set()

    def take(child: FlowRun) -> None:
        if looked.wait(HANG):
            do(child)

    monkeypatch.setattr(fan_out, "sleep_unless_stopped", sleep)
    with hands(bls.api, take):
        state = run(bls, run_id)

    assert looks[0] == 0
    assert state.name == "Changed"
    assert outcomes(state) == dict.fromkeys((*CODES, "zz"), "Changed")
    assert shared_out(bls, state) == [["ap"], ["cu"], ["la", "oe", "zz"]]


def test_a_crashed_run_that_is_started_again_is_waited_for(
    bls: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed: list[FlowRun] = []
    looked = Event()

    def take(child: FlowRun) -> None:
        if child.parameters["surveys"] == ["cu"] and not crashed:
            crashed.append(child)
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(child.id, Crashed(), force=True)
                assert looked.wait(HANG)
                client.set_flow_run_state(child.id, Scheduled(), force=True)
        else:
            do(child)

    def sleep(_: float) -> None:
        if crashed:
            looked.set()

    monkeypatch.setattr(fan_out, "sleep_unless_stopped", sleep)
    with hands(bls.api, take):
        state = run(bls, parent(bls))

    assert outcomes(state) == dict.fromkeys(CODES, "Changed")
    assert shared_out(bls, state) == [[code] for code in CODES]


def test_a_crashed_run_is_over_only_when_nobody_started_it_again() -> None:
    now = datetime.now(UTC)
    just, long_ago = now - timedelta(seconds=5), now - RESCHEDULED_WITHIN - timedelta(seconds=1)

    def over(state: State[Any] | None) -> bool:
        return is_over(FlowRun(flow_id=uuid4(), state=state), now)

    ended: list[State[None]] = [Completed(), Failed(), Cancelled()]
    under_way: list[State[None] | None] = [None, Running(), Scheduled()]
    assert not over(Crashed(timestamp=just))
    assert over(Crashed(timestamp=long_ago))
    assert all(over(state) for state in ended)
    assert not any(over(state) for state in under_way)


def test_an_api_that_fails_for_a_moment_loses_nothing(bls: Runs, said: list[str]) -> None:
    run_id = parent(bls)
    failing = ["/create_flow_run", "/artifacts/filter", "/flow_runs/filter"]

    def fails(request: Request) -> bool:
        found = next((part for part in failing if part in request.target), None)
        if found:
            failing.remove(found)
        return found is not None

    with hands(bls.api), failing_api(bls.api, fails):
        state = run(bls, run_id)

    assert failing == []
    assert outcomes(state) == dict.fromkeys(CODES, "Changed")
    assert shared_out(bls, state) == [[code] for code in CODES]
    assert any("The Prefect API does not answer" in line for line in said)


def test_a_run_that_is_deleted_or_cannot_be_started_is_a_row_and_loses_no_other(
    bls: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks_api, "PATIENCE", 0.0)
    refused: list[Request] = []

    def take(child: FlowRun) -> None:
        if child.parameters["surveys"] == ["cu"]:
            with get_client(sync_client=True) as client:
                client.delete_flow_run(child.id)
            deleted.set()
        else:
            do(child)

    def fails(request: Request) -> bool:
        if deleted.is_set() and not refused and "/create_flow_run" in request.target:
            refused.append(request)
            return True
        return False

    deleted = Event()
    run_id = parent(bls)
    with hands(bls.api, take), failing_api(bls.api, fails):
        state = run(bls, run_id)

    unknown = {row.survey: row.what for row in surveys_of(state).rows if row.outcome == "Unknown"}
    assert "somebody deleted it" in unknown.pop("cu")
    (why,) = unknown.values()  # of the next one to be started
    assert "was not started" in why
    assert "answered 500" in why
    assert sorted(outcomes(state).values()) == ["Changed", "Changed", "Unknown", "Unknown"]
    assert state.name == "Incomplete"
    assert [row["survey"] for row in bls.table(state, "surveys")] == list(CODES)


def test_a_table_that_is_none_loses_only_its_own_rows(bls: Runs) -> None:
    def take(child: FlowRun) -> None:
        left = ArtifactCreate(key="surveys", type="table", data="[1]", flow_run_id=child.id)
        with get_client(sync_client=True) as client:
            client.create_artifact(left)
            client.set_flow_run_state(child.id, Completed(name="Changed"), force=True)

    with hands(bls.api, take):
        state = run(bls, parent(bls))

    assert {(row.outcome, row.files) for row in surveys_of(state).rows} == {("Changed", None)}
