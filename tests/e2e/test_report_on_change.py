"""An ingest that ran alone and found something new lets one report follow."""

import json
from itertools import pairwise

import pytest

from tests.e2e.conftest import Interrupted
from tests.e2e.runs import Run, runs_of, soon, start
from tests.e2e.stage import Stage


@pytest.fixture(scope="module")
def reports(interrupted: Interrupted) -> tuple[Run, Run, Run]:
    """The report that follows the mirror's change, and two that are asked for at one time."""
    assert interrupted.spot.ends().name == "Changed"
    assert interrupted.killed.ends().name == "Unchanged"
    soon(lambda: runs_of("report/report-on-change"), "report after a change")
    second, third = start("report/report-on-change"), start("report/report-on-change")
    (first,) = (run for run in runs_of("report/report-on-change") if run not in {second, third})
    return first, second, third


def test_one_report_follows_and_it_is_on_the_new_generation(
    stage: Stage, reports: tuple[Run, Run, Run]
) -> None:
    first, *asked_for = reports

    assert first.ends().name == "Changed"
    newest = max(s.key for s in stage.lake.list("analytics/") if s.key.endswith("/report.json"))
    assert json.loads(stage.lake.read(newest))["inputs"]["survey"]["generation"] == 2
    for run in asked_for:
        run.ends()
    assert set(runs_of("report/report-on-change")) == set(reports)


def test_three_runs_need_one_task_definition(stage: Stage, reports: tuple[Run, Run, Run]) -> None:
    for run in reports:
        run.ends()
    family = "bls-data-quest-report-on-change"
    tasks = [task for run in reports for task in stage.ecs.of_run(run.id)]
    assert [task.definition.family for task in tasks] == [family] * 3

    found = stage.ecs.aws.client("ecs").list_task_definitions(familyPrefix=family)

    assert found["taskDefinitionArns"] == [tasks[0].definition.arn]


def test_a_report_waits_for_another_and_then_has_nothing_to_do(
    reports: tuple[Run, Run, Run],
) -> None:
    _, *asked_for = reports

    assert [run.ends().name for run in asked_for] == ["Unchanged", "Unchanged"]
    assert any("AwaitingConcurrencySlot" in run.names for run in asked_for)
    spans = sorted((run.now.start_time, run.now.end_time) for run in reports)
    for (_, ended), (began, _) in pairwise(spans):
        assert began is not None
        assert ended is not None
        assert began >= ended
