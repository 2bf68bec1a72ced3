"""A task that is ended from outside: its run shows it, and runs again by itself on a new one."""

import pytest

from tests.e2e.account import REPOSITORY
from tests.e2e.conftest import Interrupted
from tests.e2e.ecs_standin.task import SPOT, Task
from tests.e2e.runs import RUN_SECONDS, Run, soon, start
from tests.e2e.stage import Stage
from tests.support.lakes import assert_whole

AGAIN = "AwaitingRetry"
SPOT_NOTICE = 120
"""Seconds that ECS gives a Spot task: its stopTimeout."""


def test_a_killed_task_is_seen_as_crashed_by_its_exit_code(interrupted: Interrupted) -> None:
    crashed = interrupted.killed.reaches("Crashed")

    # What ECS said of the task, and not a heartbeat that was missed minutes later.
    assert "non-zero exit code" in (crashed.message or "")


def test_a_killed_run_runs_again_by_itself_on_a_new_task(
    stage: Stage, interrupted: Interrupted
) -> None:
    run = interrupted.killed
    first, second = tasks_of_ended(stage, run)

    assert first.exit_code == 137
    assert second.exit_code == 0
    assert run.state.is_completed()
    assert run.now.run_count == 2
    assert_order(run, "Running", "Crashed", AGAIN, "Running")
    assert_whole(stage.lake, "census")


def test_a_spot_stop_puts_the_run_back_in_the_queue_well_within_the_notice(
    stage: Stage, interrupted: Interrupted
) -> None:
    first, _ = tasks_of_ended(stage, interrupted.spot)

    assert interrupted.graceful < SPOT_NOTICE / 4
    assert first.exit_code == 0
    assert first.end == SPOT
    assert_order(interrupted.spot, "Running", AGAIN, "Running")
    assert "Crashed" not in interrupted.spot.names


def test_a_stopped_run_leaves_nothing_of_its_bodies_behind(
    stage: Stage, interrupted: Interrupted
) -> None:
    first, second = tasks_of_ended(stage, interrupted.spot)

    assert [path.name for path in first.temporary.iterdir()] == []
    assert [path.name for path in second.temporary.iterdir()] == []


def test_a_stopped_run_runs_again_by_itself_and_the_lake_is_whole(
    stage: Stage, interrupted: Interrupted
) -> None:
    assert interrupted.spot.ends().name == "Changed"
    assert interrupted.spot.now.run_count == 2
    assert_whole(stage.lake)


@pytest.fixture(scope="module")
def without_image(stage: Stage) -> Run:
    """A run whose image is not in the registry."""
    return start("mirror/mirror-surveys", job_variables={"image": f"{REPOSITORY}:7777777"})


def test_a_missing_image_ends_the_run_as_crashed_with_the_reason_in_its_log(
    stage: Stage, without_image: Run
) -> None:
    without_image.reaches("Crashed")

    def reason() -> str | None:
        said = (log.message for log in without_image.logs)
        return next((line for line in said if "CannotPullContainerError" in line), None)

    line = soon(reason, "reason in the run's log")
    assert f"{REPOSITORY}:7777777: not found" in line
    assert "Resolution: Verify that the container image exists" in line


def test_a_run_that_can_never_start_is_not_tried_for_ever(stage: Stage, without_image: Run) -> None:
    without_image.reaches(AGAIN)

    def given_up() -> bool:
        return without_image.names.count("Crashed") == 2

    soon(given_up, "second crash")
    assert without_image.state.is_crashed()
    assert [t.exit_code for t in stage.ecs.of_run(without_image.id)] == [None, None]


def tasks_of_ended(stage: Stage, run: Run) -> list[Task]:
    """The run's tasks, once it and they have ended: it ends some seconds before its last one."""
    run.ends()
    tasks = stage.ecs.of_run(run.id)
    assert all(task.ended.wait(RUN_SECONDS) for task in tasks)
    return tasks


def assert_order(run: Run, *wanted: str) -> None:
    """Those states came in that order, whatever came between."""
    names = iter(run.names)
    assert all(name in names for name in wanted), run.names
