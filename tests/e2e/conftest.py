"""What happens on the stage, once for all tests of this folder: each test looks at a part of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule

from blsquest.sources.sample.population import PATH
from tests.e2e.ecs_standin.container import why_no_containers
from tests.e2e.ecs_standin.task import SPOT
from tests.e2e.runs import RUN_SECONDS, Run, held, runs_of, soon, start
from tests.e2e.stage import Stage, on_stage

FIRST_SECONDS = 1800
"""The first test to ask for the stage waits for all that a later one finds done."""
DATA, POPULATION = "pr.data.0.Current", PATH


@dataclass(frozen=True)
class Daily:
    """The scheduled run, when the schedule wanted it, and a second one, started while it ran."""

    due: datetime
    run: Run
    second: Run


@dataclass(frozen=True)
class Interrupted:
    """Two runs whose tasks were ended from outside; each test waits for what it is about.

    `spot`, of `mirror`, was stopped as Spot stops one while it had a body open, and took `graceful`
    seconds to end; `killed` is of `population`.
    """

    spot: Run
    killed: Run
    graceful: float


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this folder their time."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(FIRST_SECONDS))


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything running, and the project deployed."""
    lacking = why_no_containers()
    if lacking:
        pytest.skip(f"end to end {lacking}")
    with on_stage(tmp_path_factory.mktemp("e2e")) as running:
        yield running


@pytest.fixture(scope="package")
def daily(stage: Stage) -> Daily:
    """`daily-pipeline` is due in seconds instead of tomorrow."""
    with held(stage.publishers, DATA) as asked:
        run, lead = None, timedelta(seconds=8)
        while run is None:  # a schedule that was made after its moment makes no run of it
            due = (datetime.now(UTC) + lead).replace(microsecond=0)
            _due_once(due)
            run, lead = _scheduled(due), 2 * lead
        assert asked.wait(RUN_SECONDS)
        second = start("pipeline/daily-pipeline")
        second.ends()
    run.ends()
    return Daily(due, run, second)


@pytest.fixture(scope="package")
def interrupted(stage: Stage, daily: Daily) -> Interrupted:
    """The second release is out; both ingests, each alone, lose their tasks in the middle of it."""
    stage.publishers.publish(2)
    with held(stage.publishers, DATA) as data, held(stage.publishers, POPULATION) as population:
        mirror, census = start("mirror/mirror-surveys"), start("population/population-ingest")
        assert data.wait(RUN_SECONDS)
        assert population.wait(RUN_SECONDS)
        (stopped,), (killed,) = stage.ecs.of_run(mirror.id), stage.ecs.of_run(census.id)
        soon(lambda: any(stopped.temporary.iterdir()), "open body")
        began = monotonic()
        killed.kill()
        stopped.stop(SPOT)
        assert stopped.ended.wait(RUN_SECONDS)
        graceful = monotonic() - began
    return Interrupted(mirror, census, graceful)


def _due_once(due: datetime) -> None:
    cron = CronSchedule(cron=f"{due:%M %H %d %m} * {due:%S}", timezone="UTC")
    with get_client(sync_client=True) as client:
        daily = client.read_deployment_by_name("pipeline/daily-pipeline")
        (declared,) = daily.schedules
        client.update_deployment_schedule(daily.id, declared.id, schedule=cron)


def _scheduled(due: datetime) -> Run | None:
    """The run that the schedule makes for that moment; None where the moment came first."""

    def seen() -> bool:
        return _run_of(due) is not None or datetime.now(UTC) > due

    left = due - datetime.now(UTC)
    soon(seen, "moment of the schedule", seconds=RUN_SECONDS + left.total_seconds())
    return _run_of(due)


def _run_of(due: datetime) -> Run | None:
    every = (run for run in runs_of("pipeline/daily-pipeline") if run.now.auto_scheduled)
    return next((run for run in every if run.now.expected_start_time == due), None)
