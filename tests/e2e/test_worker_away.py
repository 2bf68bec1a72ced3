"""The worker dies while it asks for a task, and is away while runs become due."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Scheduled

from deployments.automations import UNSTARTED, crash_silent
from tests.e2e.conftest import Daily
from tests.e2e.ecs_standin.standin import NO_CAPACITY
from tests.e2e.runs import RUN_SECONDS, Run, start
from tests.e2e.stage import Stage

LATE = 4
SHORTEST = timedelta(seconds=10)
"""What Prefect allows for the absence of an event."""
REFUSALS = 5
"""More than prefect-aws bears by itself."""


@dataclass(frozen=True)
class Away:
    """What became of the runs.

    `unstarted` is the one whose task the worker asked for when it died; once the worker was back,
    its task was refused so often. `late` are those that became due meanwhile.
    """

    unstarted: Run
    refused: int
    late: list[Run]


@pytest.fixture(scope="module")
def away(stage: Stage, daily: Daily) -> Away:
    """The worker is killed between Pending and RunTask; later it is back, and ECS is full."""
    assert daily.run.state.is_completed()
    asked, dead = Event(), Event()
    refused = 0

    def never_reach(_: str) -> None:
        asked.set()
        dead.wait()
        raise NO_CAPACITY

    def refuse(run: str) -> None:
        nonlocal refused
        if run == str(unstarted.id) and refused < REFUSALS:
            refused += 1
            raise NO_CAPACITY

    before = stage.ecs.admit
    _watch_the_unstarted(SHORTEST)
    stage.ecs.admit = never_reach
    unstarted = start("population/population-ingest")
    assert asked.wait(RUN_SECONDS)
    stage.worker.kill()
    dead.set()
    now = datetime.now(UTC)
    moments = [now + timedelta(seconds=number) for number in range(LATE)]
    late = [
        start("pipeline/daily-pipeline", state=Scheduled(scheduled_time=each)) for each in moments
    ]
    unstarted.reaches("AwaitingRetry")
    _watch_the_unstarted(UNSTARTED)
    for run in late:
        run.reaches("Late")
    stage.ecs.admit = refuse
    stage.worker.start()
    for run in (unstarted, *late):
        run.ends()
    stage.ecs.admit = before
    return Away(unstarted, refused, late)


def _watch_the_unstarted(within: timedelta) -> None:
    """How long a run may be with a worker that says nothing of it."""
    with get_client(sync_client=True) as client:
        (there,) = client.read_automations_by_name(crash_silent().name)
        client.delete_automation(there.id)
        client.create_automation(crash_silent(unstarted=within))


def test_a_run_whose_worker_died_is_put_back_and_completes(away: Away) -> None:
    names = away.unstarted.names

    assert names[names.index("AwaitingRetry") - 1] == "Crashed"
    assert "Running" not in names[: names.index("Crashed")]
    assert away.unstarted.state.is_completed()
    assert away.unstarted.now.run_count == 1


def test_a_slot_of_a_dead_worker_stops_no_later_run(away: Away) -> None:
    with get_client(sync_client=True) as client:
        limit = client.read_deployment_by_name("population/population-ingest")

    assert limit.global_concurrency_limit is not None
    assert limit.global_concurrency_limit.active_slots == 0


def test_a_task_that_is_refused_for_capacity_is_asked_for_again(stage: Stage, away: Away) -> None:
    assert away.refused == REFUSALS
    assert len(stage.ecs.of_run(away.unstarted.id)) == 1
    put_back = away.unstarted.names[::-1].index("AwaitingRetry")
    assert "Crashed" not in away.unstarted.names[-put_back:]


def test_runs_that_became_late_come_to_one_catch_up(stage: Stage, away: Away) -> None:
    ends = sorted(str(run.state.name) for run in away.late)

    assert ends == ["Cancelled"] * (LATE - 1) + ["Unchanged"]
    assert sum(len(stage.ecs.of_run(run.id)) for run in away.late) == 1
