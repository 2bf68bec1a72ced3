"""Both jobs that the image has: it runs flows, as commands and for a deployment, and the worker."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun

from blsquest.sources.sample.server import SampleServer
from flows.mirror import mirror
from tests.image.conftest import tell
from tests.image.engine import GRACE_SECONDS, Container, Engine
from tests.reliability.test_signals import SILENT
from tests.support.commands import CONTACT, when_asked_for
from tests.support.prefect_server import PrefectServer, eventually, free_port

POOL = "image-test"
LAKE = "/home/quest/lake"
NO_AWS = (
    "--env=AWS_REGION=us-east-1",
    "--env=AWS_EC2_METADATA_DISABLED=true",
    "--env=PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_ENABLED=false",
)


@pytest.fixture
def home(engine: Engine) -> Iterator[str]:
    """A volume for what should stay from one container to the next: `options` for its home."""
    name = f"quest-{uuid4().hex[:12]}"
    engine("volume", "create", name)
    yield f"--volume={name}:/home/quest"
    engine("volume", "rm", name)


@pytest.fixture
def server() -> Iterator[SampleServer]:
    """Both publishers on this machine's loopback."""
    with SampleServer() as running:
        yield running


def reaching(api: PrefectServer) -> tuple[str, ...]:
    """Options for a container that talks to a Prefect server on this machine."""
    return ("--network=host", f"--env=PREFECT_API_URL={api.api_url}")


def test_the_pipeline_runs_with_no_network_at_all_and_a_second_time_finds_nothing_to_do(
    engine: Engine, image: str, home: str
) -> None:
    command = ("python", "-m", "flows", "pipeline", "--sample", "1", "--lake", LAKE)
    for outcome in ("Changed", "Unchanged"):
        options = ("--network=none", home)
        with Container(engine, image, *command, options=options) as container:
            ended = container.ended()

        assert ended.code == 0, ended.said
        assert f"BLS Data Quest: {outcome} " in ended.said
        tell(f"pipeline on the sample, with a Prefect server of its own: {ended.seconds:.1f} s")


def test_the_default_command_says_what_there_is(engine: Engine, image: str) -> None:
    with Container(engine, image) as container:
        assert "Usage: blsquest" in container.ended().said


def test_a_worker_is_healthy_as_long_as_it_asks_for_runs_and_leaves_on_sigterm(
    engine: Engine, image: str, prefect_api: PrefectServer
) -> None:
    command = ("prefect", "worker", "start", "--pool", POOL, "--type", "ecs", "--with-healthcheck")
    health = ("python", "-m", "deployments.image.health")
    with prefect_api.client() as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="ecs"))
        options = (
            *reaching(prefect_api),
            *NO_AWS,
            f"--env=PREFECT_WORKER_WEBSERVER_PORT={free_port()}",
        )
        with Container(engine, image, *command, options=options) as worker:
            eventually(lambda: client.read_workers_for_work_pool(POOL), "worker", seconds=60)
            well = worker.execute(*health)
            elsewhere = worker.execute("env", "PREFECT_WORKER_WEBSERVER_PORT=9", *health)
            stopped = worker.stopped()

    assert (well.code, well.said.strip()) == (0, "well: the worker asks for runs")
    assert elsewhere.code == 1
    assert "not well: the worker's health server does not answer" in elsewhere.said
    assert stopped.seconds < GRACE_SECONDS, stopped.said
    tell(f"health command: {well.seconds:.2f} s")
    tell(f"the worker left {stopped.seconds:.1f} s after SIGTERM")


def deployed(api: PrefectServer, server: SampleServer) -> FlowRun:
    """A run of a deployment whose code is in the image."""
    with api.client() as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(mirror),
            name=f"image-{uuid4()}",
            entrypoint="flows.mirror.mirror",
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": "/app"}}],
        )
        parameters = {"lake": LAKE, "source": server.bls_url, "contact": CONTACT}
        return client.create_flow_run_from_deployment(
            deployment, parameters={**parameters, "downloads_per_second": 0.0}
        )


def test_a_run_of_a_deployment_is_executed_as_ecs_does(
    engine: Engine, image: str, prefect_api: PrefectServer, server: SampleServer
) -> None:
    run = deployed(prefect_api, server)
    options = (*reaching(prefect_api), f"--env=PREFECT__FLOW_RUN_ID={run.id}")

    with Container(engine, image, "prefect", "flow-run", "execute", options=options) as container:
        ended = container.ended()
    with prefect_api.client() as client:
        state = client.read_flow_run(run.id).state

    assert ended.code == 0, ended.said
    assert state is not None
    assert state.name == "Changed"
    tell(f"a deployed mirror run, with a Prefect server elsewhere: {ended.seconds:.1f} s")


def test_a_run_that_is_stopped_leaves_within_seconds_and_runs_again_elsewhere(
    engine: Engine, image: str, home: str, prefect_api: PrefectServer, server: SampleServer
) -> None:
    server.faults.append(SILENT)
    asked = when_asked_for(server, "pr.data.1.AllData")
    run = deployed(prefect_api, server)
    options = (*reaching(prefect_api), home, f"--env=PREFECT__FLOW_RUN_ID={run.id}")
    execute = ("prefect", "flow-run", "execute")

    with Container(engine, image, *execute, options=options) as container:
        assert asked.wait(60)
        stopped = container.stopped()
    with prefect_api.client() as client:
        after_the_stop = client.read_flow_run(run.id).state
        server.faults.clear()
        with Container(engine, image, *execute, options=options) as container:
            ended = container.ended()
        in_the_end = client.read_flow_run(run.id).state

    assert stopped.seconds < GRACE_SECONDS, stopped.said
    assert after_the_stop is not None
    assert after_the_stop.is_scheduled()
    assert ended.code == 0, ended.said
    assert in_the_end is not None
    assert in_the_end.name == "Changed"
    tell(f"a deployed run left {stopped.seconds:.1f} s after SIGTERM, and ran again")
