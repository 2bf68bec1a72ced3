"""The worker away while the schedule goes on: the late runs come to one catch-up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import RRuleSchedule

from tests.e2e.runs import Run, runs_of, soon

if TYPE_CHECKING:
    from tests.e2e.conftest import Daily
    from tests.e2e.stage import Stage

LATE = 4
LEAD = timedelta(seconds=4)
"""The scheduler makes runs of the future only, and looks every second."""


def test_runs_that_became_late_come_to_one_catch_up(stage: Stage, daily: Daily) -> None:
    assert daily.run.state.is_completed()
    before = runs_of("pipeline/daily-pipeline")
    stage.worker.kill()

    def late() -> list[Run] | None:
        runs = [run for run in runs_of("pipeline/daily-pipeline") if run.state.name == "Late"]
        return runs if len(runs) == LATE else None

    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("pipeline/daily-pipeline").id
        (made,) = client.create_deployment_schedules(
            deployment, [DeploymentScheduleCreate(schedule=each_second())]
        )
        runs = soon(late, "late runs")
        assert [run for run in runs if run in before] == []
        stage.worker.start()
        ends = [run.ends() for run in runs]
        client.delete_deployment_schedule(deployment, made.id)

    assert sorted(str(state.name) for state in ends) == ["Cancelled"] * (LATE - 1) + ["Unchanged"]
    assert sum(len(stage.ecs.of_run(run.id)) for run in runs) == 1


def each_second() -> RRuleSchedule:
    """A schedule for each of the next seconds, `LATE` times."""
    begin = datetime.now(UTC) + LEAD
    return RRuleSchedule(
        rrule=f"DTSTART:{begin:%Y%m%dT%H%M%SZ}\nRRULE:FREQ=SECONDLY;COUNT={LATE}", timezone="UTC"
    )
