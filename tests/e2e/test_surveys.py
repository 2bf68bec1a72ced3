"""Twelve surveys over tasks of their own: one is stopped, one killed, one survey is missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)

from blsquest.sources.sample.pages import published
from tests.e2e.ecs_standin.state_change import SPOT
from tests.e2e.runs import RUN_SECONDS, Run, held, runs_of, start
from tests.support.faults import Fault, status
from tests.support.lakes import LONG_AGO, assert_whole

if TYPE_CHECKING:
    from tests.e2e.stage import Stage

MIRROR = "mirror/mirror-surveys"
SURVEYS = tuple(f"{first}{second}" for first in "abc" for second in "wxyz")
MISSING = "cx"
STOPPED, KILLED = "aw", "cy"
"""Of two shards, which run at the same time."""
FILES = 16
"""A usual survey's; more than nine of them don't share a task (`SHARD_FILES`)."""


@dataclass(frozen=True)
class FleetRun:
    """A run of `mirror/mirror-surveys` over many surveys.

    Attributes:
        run: The run that started the others.
        children: Those.
        rows: The table that it left, by survey.
    """

    run: Run
    children: list[Run]
    rows: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def fleet(stage: Stage) -> FleetRun:
    """Twelve surveys, mirrored by `mirror/mirror-surveys` with two tasks."""
    for code in SURVEYS:
        names = [f"{code}.data.{n}.Part" for n in range(FILES)]
        stage.publishers.surveys[code] = {
            name: published(b"numbers of " + name.encode(), LONG_AGO, generated=True)
            for name in names
        }
    gone = Fault(status(404), path=f"*/{MISSING}/")
    stage.publishers.faults.append(gone)
    try:
        with (
            held(stage.publishers, f"{STOPPED}.data.7.Part") as one,
            held(stage.publishers, f"{KILLED}.data.7.Part") as other,
        ):
            patterns = [f"{first}?" for first in "abc"]
            run = start(MIRROR, parameters={"surveys": patterns, "tasks": 2})
            assert one.wait(2 * RUN_SECONDS)
            assert other.wait(2 * RUN_SECONDS)
            (stopped,) = stage.ecs.of_run(_of(STOPPED, _children()).id)
            (killed,) = stage.ecs.of_run(_of(KILLED, _children()).id)
            killed.kill()
            stopped.stop(SPOT)
            assert stopped.ended.wait(RUN_SECONDS)
        run.ends(seconds=6 * RUN_SECONDS)
    finally:
        stage.publishers.faults.remove(gone)
    return FleetRun(run, _children(), _table(run))


def _children() -> list[Run]:
    return [run for run in runs_of(MIRROR) if run.now.parent_task_run_id is not None]


def _of(survey: str, children: list[Run]) -> Run:
    (found,) = [child for child in children if survey in child.now.parameters["surveys"]]
    return found


def _table(run: Run) -> dict[str, dict[str, Any]]:
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]), key=ArtifactFilterKey(any_=["surveys"])
    )
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(artifact_filter=wanted)
    return {row["survey"]: row for row in json.loads(str(artifact.data))}


def test_every_survey_but_the_missing_one_is_mirrored_whole(stage: Stage, fleet: FleetRun) -> None:
    for code in set(SURVEYS) - {MISSING}:
        assert_whole(stage.lake, f"bls/{code}")
        assert len(stage.lake.list(f"bls/{code}/")) == FILES
    assert not stage.lake.list(f"bls/{MISSING}/")


def test_the_table_has_a_row_for_each_and_the_run_names_what_to_run_again(fleet: FleetRun) -> None:
    outcomes = {code: row["outcome"] for code, row in fleet.rows.items()}
    # What the first task of a run had done already, its second one found done.
    again = [_of(survey, fleet.children).now.parameters for survey in (STOPPED, KILLED)]
    twice = {code for each in again for code in each["surveys"]} - {MISSING}
    assert {outcomes.pop(code) for code in twice} <= {"Changed", "Repaired", "Unchanged"}
    assert outcomes == dict.fromkeys(set(SURVEYS) - twice, "Changed") | {MISSING: "Failed"}
    assert {row["files"] for row in fleet.rows.values()} == {FILES, None}
    assert fleet.run.state.name == "Incomplete"
    assert "for this alone: --survey cx " in (fleet.run.state.message or "")


def test_the_surveys_were_spread_over_tasks_on_the_deployments_own_machine(
    stage: Stage, fleet: FleetRun
) -> None:
    parameters = [child.now.parameters for child in fleet.children]
    assert sorted(code for each in parameters for code in each["surveys"]) == list(SURVEYS)
    assert {each["tasks"] for each in parameters} == {1}
    tasks = [task for child in fleet.children for task in stage.ecs.of_run(child.id)]
    assert {task.asked.family for task in tasks} == {"bls-data-quest-mirror-surveys"}
    assert {(task.asked.cpu, task.asked.memory) for task in tasks} == {(512, 2048)}


def test_runs_whose_task_was_stopped_or_killed_go_on_in_another_by_themselves(
    stage: Stage, fleet: FleetRun
) -> None:
    stopped, killed = _of(STOPPED, fleet.children), _of(KILLED, fleet.children)
    tasks = {child.id: len(stage.ecs.of_run(child.id)) for child in fleet.children}
    assert tasks == dict.fromkeys(tasks, 1) | {stopped.id: 2, killed.id: 2}
    # The one puts itself back, the other the automation.
    for child, after in ((stopped, "AwaitingRetry"), (killed, "Crashed")):
        names = child.names
        assert names[names.index("Running") + 1] == after
