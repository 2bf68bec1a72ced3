"""A schedule is worth something only if the server makes runs of it; and the locks meet a pin."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.schedules import CronSchedule

from flows.pipeline import pipeline
from tests.support.prefect_server import PrefectServer, eventually

PROJECT = Path(__file__).resolve().parents[2]


def test_a_schedule_gets_its_runs_within_seconds(prefect_api: PrefectServer) -> None:
    schedule = CronSchedule(cron="30 13 * * *", timezone="UTC")
    with prefect_api.client() as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(pipeline),
            name="scheduled",
            schedules=[DeploymentScheduleCreate(schedule=schedule)],
        )
        scheduled = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        )

        def look() -> list[FlowRun]:
            return client.read_flow_runs(flow_run_filter=scheduled)

        runs = eventually(look, "scheduled run", seconds=20)
        client.delete_deployment(deployment)

    times = sorted(run.expected_start_time for run in runs if run.expected_start_time)
    assert len(times) == len(runs) >= 2
    assert {(time.hour, time.minute) for time in times} == {(13, 30)}
    assert times[1] - times[0] == timedelta(days=1)


@pytest.mark.parametrize("lock", ["run.txt", "dev.txt"])
def test_the_lock_meets_the_pin_that_prefect_aws_needs(lock: str) -> None:
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    (pin,) = [r for r in map(Requirement, declared) if r.name == "typer"]
    text = (PROJECT / "requirements" / lock).read_text()

    locked = re.findall(r"^typer==([^\s;\\]+)", text, re.MULTILINE)

    assert "<" in str(pin.specifier)
    assert locked
    assert all(pin.specifier.contains(Version(version)) for version in locked)
