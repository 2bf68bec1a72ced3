"""Surveys spread over runs of a deployment, with a real Prefect server and a real worker."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Cancelled, Completed, Crashed, Failed, Running, Scheduled

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.bls import BlsRoot
from blsquest.sources.sample.pages import published
from flows import grouping
from flows.children import RESCHEDULED_WITHIN, is_over
from flows.grouping import Sized
from flows.sizing import sizes_of
from flows.surveys import surveys
from tests.support.faults import Fault, status
from tests.support.lakes import LONG_AGO, client, mirror

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.schemas.objects import State

    from flows.fleet import Fleet
    from flows.results import Result
    from tests.support.prefect_server import PrefectServer
    from tests.support.runs import Runs

PROJECT = Path(__file__).resolve().parents[2]
POOL = "fleet"
CODES = ("ap", "cu", "la", "oe")


@pytest.fixture
def bls(runs: Runs) -> Runs:
    """BLS with four small surveys beside `pr`."""
    for code in CODES:
        file = published(b"numbers of " + code.encode(), LONG_AGO, generated=True)
        runs.server.surveys[code] = {f"{code}.data.1.All": file}
    return runs


@pytest.fixture
def worker(prefect_api: PrefectServer) -> Iterator[None]:
    """A worker on this machine, and the deployment `surveys/group` for it."""
    with prefect_api.client() as api:
        api.create_work_pool(WorkPoolCreate(name=POOL, type="process"), overwrite=True)
        api.create_deployment(
            flow_id=api.create_flow(surveys),
            name="group",
            entrypoint="flows.surveys.surveys",
            work_pool_name=POOL,
            pull_steps=[
                {"prefect.deployments.steps.set_working_directory": {"directory": str(PROJECT)}}
            ],
        )
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
    quick = {"PREFECT_WORKER_QUERY_SECONDS": "0.5", "PREFECT_WORKER_PREFETCH_SECONDS": "1"}
    process = subprocess.Popen(
        [*command, "--type", "process"],
        cwd=PROJECT,
        env=prefect_api.environment | quick,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    process.terminate()
    process.wait(30)


def fleet(state: State[Result]) -> Fleet:
    found = cast("Result", state.result(raise_on_failure=False)).fleet
    assert found is not None
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
def test_a_fleet_keeps_the_pace_mirrors_all_it_can_and_names_what_it_could_not(
    bls: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "GROUP_FILES", 1)
    bls.server.faults = [Fault(status(404), path="*/cu/")]
    rate = 3.0

    state = bls.surveys(
        patterns=["all", "-pr"], deployment="surveys/group", tasks=2, downloads_per_second=rate
    )

    rows = {row.survey: row for row in fleet(state).rows}
    assert {code: row.outcome for code, row in rows.items()} == {
        code: "Failed" if code == "cu" else "Changed" for code in CODES
    }
    assert (state.name, fleet(state).tasks) == ("Incomplete", 3)
    assert "for this alone: --survey cu " in str(state.message)
    assert f"There is no survey 'cu' at {bls.server.bls_url} (404)." in rows["cu"].what
    assert (rows["la"].files, rows["la"].source_requests) == (1, 3)
    assert {key.split("/")[1] for key in bls.tree() if key.startswith("bls/")} == {
        code for code in CODES if code != "cu"
    }

    children = bls.children(state)
    assert len(children) == 3
    assert [child.job_variables for child in children] == [{}] * 3
    assert {child.parameters["share"] for child in children} == {"1/2", "2/2"}
    spans = sorted((c.start_time, c.end_time) for c in children if c.start_time and c.end_time)
    assert spans[2][0] >= min(spans[0][1], spans[1][1])  # never three at a time

    arrivals = sorted(r.arrived for r in bls.server.requests)
    assert len(arrivals) == 5 + 3 + 3 * 3 + 1  # sizes; each run: the root, then its surveys
    assert min(b - a for a, b in pairwise(arrivals)) >= 1 / rate


def test_a_deployment_that_is_not_there_is_named_with_what_makes_it(bls: Runs) -> None:
    state = bls.surveys(patterns=["ap"], deployment="surveys/nowhere")

    assert state.name == "Failed"
    assert "no deployment 'surveys/nowhere'" in str(state.message)
    assert "python -m deployments apply" in str(state.message)
    assert not bls.lake.exists()


@pytest.mark.parametrize("tasks", [0, 65])
def test_an_impossible_number_of_tasks_is_refused(bls: Runs, tasks: int) -> None:
    state = bls.surveys(patterns=["ap"], deployment="surveys/group", tasks=tasks)

    assert f"{tasks} runs at a time are not possible" in str(state.message)


def test_a_share_without_its_limit_fails_and_names_the_command_that_makes_it(bls: Runs) -> None:
    state = bls.surveys(patterns=["ap"], share="63/64")

    assert state.name == "Failed"
    assert "prefect gcl create bls-share-63 --limit 1" in str(state.message)
    assert bls.asked() == 0


def test_what_is_no_share_fails_before_anything_is_asked(bls: Runs) -> None:
    state = bls.surveys(patterns=["ap"], share="5/4")

    assert "'5/4' is no share" in str(state.message)
    assert bls.asked() == 0


def test_a_crashed_run_is_over_only_when_nobody_started_it_again() -> None:
    now = datetime.now(UTC)
    just, long_ago = now - timedelta(seconds=5), now - RESCHEDULED_WITHIN - timedelta(seconds=1)

    assert not is_over(Crashed(timestamp=just), now)
    assert is_over(Crashed(timestamp=long_ago), now)
    ended: list[State[None]] = [Completed(), Failed(), Cancelled()]
    under_way: list[State[None] | None] = [None, Running(), Scheduled()]
    assert all(is_over(state, now) for state in ended)
    assert not any(is_over(state, now) for state in under_way)


def test_sizes_come_from_the_lake_or_else_from_the_listing(bls: Runs) -> None:
    lake = DirectoryStore(bls.lake)
    mirror(bls.server, lake)
    asked = bls.asked()
    bls.server.faults = [Fault(status(404), path="*/cu/")]
    root = BlsRoot(client(), bls.server.bls_url)

    sizes = sizes_of(lake, root, ["ap", "cu", "pr"])

    assert sizes[:2] == [Sized("ap", (13,)), Sized("cu", ())]
    assert sorted(sizes[2].files) == sorted(len(f.body) for f in bls.server.surveys["pr"].values())
    assert bls.asked() - asked == 2
