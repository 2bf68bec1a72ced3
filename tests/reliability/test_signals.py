"""SIGTERM (a Spot stop) and Ctrl-C: the process leaves soon, the lake whole, nothing left over."""

import signal
from pathlib import Path

import pytest

from blsquest.core.clock import utcnow
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from flows.mirror import mirror as mirror_flow
from tests.support import HANG
from tests.support.commands import CONTACT, Command, arguments, when_asked_for
from tests.support.faults import Fault, silence, stall
from tests.support.lakes import assert_whole, mirror
from tests.support.prefect_server import PrefectServer

GRACE = 30.0
"""Seconds that ECS gives between SIGTERM and SIGKILL."""

STALLED = Fault(stall(100), "*/pr.data.*")
SILENT = Fault(silence(), "*/pr.data.*")


def assert_converges(server: SampleServer, lake: DirectoryStore) -> None:
    """A run after the publisher has recovered ends as any first run does."""
    server.faults.clear()
    assert mirror(server, lake, utcnow).name == "Changed"
    assert_whole(lake)


@pytest.mark.parametrize(
    ("flow", "number", "fault"),
    [
        pytest.param("mirror", signal.SIGTERM, STALLED, id="SIGTERM in a stalled body"),
        pytest.param("mirror", signal.SIGINT, SILENT, id="Ctrl-C before a silent answer"),
        pytest.param("pipeline", signal.SIGTERM, SILENT, id="SIGTERM with both ingests on"),
    ],
)
def test_a_command_that_is_stopped_leaves_a_stalled_source_within_the_grace_period(
    server: SampleServer,
    tmp_path: Path,
    prefect_server: PrefectServer,
    flow: str,
    number: signal.Signals,
    fault: Fault,
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    server.faults.append(fault)
    asked = when_asked_for(server, "pr.data.1.AllData")
    command = Command(arguments(flow, server, lake.root), tmp_path, prefect_server.environment)
    assert asked.wait(HANG)
    assert command.spool() != []

    command.signal(number)
    ended = command.ended()

    assert ended.seconds < GRACE
    assert ended.code == 128 + number
    assert "Stopped: The run was stopped before it was done." in ended.out
    assert "What to do: Run again" in ended.out
    assert command.spool() == []
    assert lake.list("manifests/bls/") == []
    assert_converges(server, lake)


def test_a_deployed_run_that_is_stopped_ends_crashed_within_the_grace_period(
    server: SampleServer, tmp_path: Path, prefect_api: PrefectServer
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    server.faults.append(SILENT)
    asked = when_asked_for(server, "pr.data.1.AllData")
    parameters = {
        "lake": str(lake.root),
        "source": server.bls_url,
        "contact": CONTACT,
        "downloads_per_second": 0.0,
    }
    with prefect_api.client() as client:
        run = client.create_flow_run(mirror_flow, parameters=parameters)
        environment = prefect_api.environment | {
            "PREFECT__FLOW_ENTRYPOINT": "flows.mirror.mirror",
            # The heartbeat's thread, which a deployment has.
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        }
        command = Command(["prefect.engine", str(run.id)], tmp_path, environment)
        assert asked.wait(HANG)
        command.signal(signal.SIGTERM)
        ended = command.ended()
        state = client.read_flow_run(run.id).state

    assert ended.seconds < GRACE
    assert ended.code == -signal.SIGTERM
    assert state is not None
    assert state.is_crashed()
    assert command.spool() == []
    assert lake.list("manifests/") == []
    assert_converges(server, lake)
