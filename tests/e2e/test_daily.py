"""The schedule's run: made by Prefect's scheduler, run as declared, and right in the lake."""

import json
from datetime import timedelta
from hashlib import sha256

from blsquest.sources.sample.productivity import generated
from tests.e2e.account import LOG_GROUP, REPOSITORY, TAG
from tests.e2e.conftest import Daily
from tests.e2e.ecs_standin.task import Task
from tests.e2e.runs import RUN_SECONDS, runs_of
from tests.e2e.stage import Stage
from tests.support.lakes import PR, assert_whole, history


def the_task(stage: Stage, daily: Daily) -> Task:
    (task,) = stage.ecs.of_run(daily.run.id)
    return task


def test_the_scheduler_makes_the_run_and_it_completes(daily: Daily) -> None:
    run = daily.run.now

    assert run.auto_scheduled
    assert run.expected_start_time == daily.due
    assert run.start_time is not None
    assert daily.due <= run.start_time < daily.due + timedelta(seconds=RUN_SECONDS)
    assert daily.run.state.is_completed()
    assert daily.run.state.name == "Changed"


def test_its_task_is_the_one_that_is_declared(stage: Stage, daily: Daily) -> None:
    task = the_task(stage, daily)

    assert task.definition.family == "bls-data-quest-daily-pipeline"
    assert task.container["image"] == f"{REPOSITORY}:{TAG}"
    assert (task.cpu, task.memory) == (512, 2048)
    assert task.capacity == "FARGATE"
    assert task.role == stage.settings["TASK_ROLE_ARN"]


def test_its_output_is_in_the_declared_log_group(stage: Stage, daily: Daily) -> None:
    task = the_task(stage, daily)

    assert task.logs["awslogs-group"] == LOG_GROUP
    assert task.logs["awslogs-stream-prefix"] == task.definition.family
    assert any("bls/pr (sample) Changed: 12 added" in line for line in task.lines)


def test_its_lake_is_whole_and_has_the_report_on_both_sources(stage: Stage, daily: Daily) -> None:
    lake = stage.lake
    assert_whole(lake)
    assert_whole(lake, "census")
    published = {name: sha256(file.body).hexdigest() for name, file in generated(1).items()}
    assert {e.name: e.sha256 for e in history(lake, PR)[0].manifest.files} == published
    found = [stored.key for stored in lake.list("analytics/")]
    (report,) = [key for key in found if key.endswith("report.json")]
    inputs = json.loads(lake.read(report))["inputs"]
    assert inputs["survey"]["generation"] == inputs["population"]["generation"] == 1


def test_a_second_run_at_the_same_time_is_cancelled(stage: Stage, daily: Daily) -> None:
    state = daily.second.state

    assert state.is_cancelled()
    assert "concurrency limit" in (state.message or "")
    assert stage.ecs.of_run(daily.second.id) == []


def test_the_pipelines_own_ingests_start_no_other_report(daily: Daily) -> None:
    assert daily.run.state.is_completed()
    assert runs_of("report/report-on-change") == []
