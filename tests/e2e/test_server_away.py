"""Prefect's server away for a while: nothing of what happened meanwhile is lost."""

from threading import Event

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
)

from tests.e2e.conftest import DATA, Interrupted
from tests.e2e.runs import RUN_SECONDS, Run, held, runs_of, soon, start
from tests.e2e.stage import Stage
from tests.support.lakes import assert_whole

AWAY_SECONDS = 20.0
REPORT = "report/report-on-change"


@pytest.fixture(scope="module")
def run(stage: Stage, interrupted: Interrupted) -> Run:
    """A mirror run in the middle of which the server goes away, for its worker too."""
    assert interrupted.spot.ends().is_completed()
    # The report on that change would otherwise answer for this one, too, if it started late.
    for report in soon(lambda: runs_of(REPORT), "report on the change before"):
        report.ends()
    stage.publishers.publish(1)
    with held(stage.publishers, DATA) as asked:
        mirror = start("mirror/mirror-surveys")
        assert asked.wait(RUN_SECONDS)
        stage.api.cut()
    # Nothing can be waited for here: the time away is what the test is about.
    Event().wait(AWAY_SECONDS)
    stage.api.mend()
    mirror.ends(seconds=2 * RUN_SECONDS)
    return mirror


def test_the_run_completes_and_the_lake_is_whole(stage: Stage, run: Run) -> None:
    assert run.state.name == "Changed"
    assert run.now.run_count == 1
    assert len(stage.ecs.of_run(run.id)) == 1
    assert_whole(stage.lake)


def test_all_its_tasks_are_recorded(run: Run) -> None:
    with get_client(sync_client=True) as client:
        ours = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))

        def completed() -> bool:
            tasks = client.read_task_runs(flow_run_filter=ours)
            names = {t.name for t in tasks if t.state and t.state.is_completed()}
            return {"list bls/pr", DATA, "commit bls/pr", "publish bls/pr"} <= names

        soon(completed, "record of its tasks")
        ours_too = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        keys = {artifact.key for artifact in client.read_artifacts(artifact_filter=ours_too)}
    assert "changes-bls-pr" in keys


def test_the_event_of_its_change_is_not_lost_and_the_report_follows(run: Run) -> None:
    began = run.now.start_time
    assert began is not None

    def follows() -> Run | None:
        reports = [(report, report.now.created) for report in runs_of(REPORT)]
        return next((report for report, created in reports if created and created > began), None)

    report = soon(follows, "report after the change")
    assert report.ends().name == "Changed"
