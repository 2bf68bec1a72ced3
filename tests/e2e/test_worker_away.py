"""The worker away while runs become due: the late runs come to one catch-up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect.states import Scheduled

from tests.e2e.runs import start

if TYPE_CHECKING:
    from tests.e2e.conftest import Daily
    from tests.e2e.stage import Stage

LATE = 4


def test_runs_that_became_late_come_to_one_catch_up(stage: Stage, daily: Daily) -> None:
    assert daily.run.state.is_completed()
    stage.worker.kill()
    now = datetime.now(UTC)
    moments = [now + timedelta(seconds=number) for number in range(LATE)]
    runs = [
        start("pipeline/daily-pipeline", state=Scheduled(scheduled_time=each)) for each in moments
    ]
    for run in runs:
        run.reaches("Late")

    stage.worker.start()

    ends = sorted(str(run.ends().name) for run in runs)
    assert ends == ["Cancelled"] * (LATE - 1) + ["Unchanged"]
    assert sum(len(stage.ecs.of_run(run.id)) for run in runs) == 1
