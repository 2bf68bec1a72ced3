"""A Spot stop, for the process that an ECS task runs: it leaves, and its run is run again."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from deployments.project_file import PROJECT
from deployments.work_pool import read_template
from flows.pipeline import pipeline
from tests.support.commands import CONTACT, Command, when_asked_for
from tests.support.faults import Fault, silence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.prefect_server import PrefectServer

GRACE = 120
"""Seconds; the task is given 120 between SIGTERM and SIGKILL, and no more for two cores."""


def test_a_task_that_is_told_to_stop_leaves_and_its_run_waits_for_another(
    tmp_path: Path, prefect_api: PrefectServer
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    environment = read_template()["variables"]["properties"]["env"]["default"]
    with SampleServer() as server, prefect_api.client() as client:
        server.faults.append(Fault(silence(), "*/pr.data.*"))
        asked = when_asked_for(server, "pr.data.1.AllData")
        folder = {"directory": str(PROJECT)}
        deployment = client.create_deployment(
            client.create_flow(pipeline),
            name="told-to-stop",
            entrypoint="flows.pipeline.pipeline",
            pull_steps=[{"prefect.deployments.steps.set_working_directory": folder}],
        )
        parameters = {
            "lake": str(lake.root),
            "bls_source": server.bls_url,
            "population_source": server.population_url,
            "contact": CONTACT,
            "downloads_per_second": 0.0,
        }
        run = client.create_flow_run_from_deployment(deployment, parameters=parameters)
        task = Command(
            ["prefect", "flow-run", "execute", str(run.id)],
            tmp_path,
            prefect_api.environment | environment,
        )
        assert asked.wait(60)

        task.signal(signal.SIGTERM)
        ended = task.ended()

        again = client.read_flow_run(run.id)
        client.delete_deployment(deployment)
    assert ended.seconds < GRACE
    # The worker's observer takes any other code for a crash.
    assert ended.code == 0
    assert again.state_name == "AwaitingRetry"
    assert again.state
    assert again.state.is_scheduled()
    assert task.spool() == []
    assert lake.list("manifests/bls/") == []
