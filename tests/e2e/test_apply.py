"""`python -m deployments apply` over a workspace in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client

from tests.e2e.project import deployments

if TYPE_CHECKING:
    from datetime import datetime

    from tests.e2e.conftest import Daily
    from tests.e2e.stage import Stage

DECLARED = {
    "pipeline/daily-pipeline",
    "mirror/mirror-surveys",
    "population/population-ingest",
    "report/report-on-change",
    "audit/weekly-audit",
}


def deployed() -> dict[str, datetime | None]:
    """What is deployed, and when each was last updated."""
    with get_client(sync_client=True) as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        return {f"{flows[d.flow_id]}/{d.name}": d.updated for d in client.read_deployments()}


def test_a_deployment_that_the_file_no_longer_has_disappears(stage: Stage, daily: Daily) -> None:
    assert daily.run.state.is_completed()
    assert deployed().keys() == DECLARED - {"audit/weekly-audit"}


def test_a_check_names_the_drift_and_changes_nothing(stage: Stage, daily: Daily) -> None:
    before = deployed()

    check = deployments("apply", "--check", environment=stage.settings)

    assert daily.run.state.is_completed()
    assert check.returncode == 1
    assert "create deployment audit/weekly-audit" in check.stdout
    assert "update deployment pipeline/daily-pipeline: " in check.stdout
    assert deployed() == before


def test_applying_brings_it_back_and_applying_again_changes_nothing(
    stage: Stage, daily: Daily
) -> None:
    assert daily.run.state.is_completed()
    applied = deployments("apply", environment=stage.settings)
    assert applied.returncode == 0, applied.stderr
    after = deployed()
    assert after.keys() == DECLARED

    again = deployments("apply", environment=stage.settings)

    assert again.returncode == 0, again.stderr
    assert "All is as declared." in again.stdout
    assert deployed() == after
