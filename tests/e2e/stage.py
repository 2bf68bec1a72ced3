"""All of it running: publishers, AWS, Prefect's server and worker, and the project deployed."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blsquest.lake.stores.s3 import S3Store
from blsquest.lake.stores.s3_options import S3Options
from blsquest.sources.sample.server import SampleServer
from tests.e2e.account import LAKE, QUEUE, REPOSITORY, TAG, provision
from tests.e2e.ecs_standin.aws import REGION
from tests.e2e.ecs_standin.standin import ecs_standin
from tests.e2e.project import deployments, image
from tests.e2e.worker import Worker
from tests.support.prefect_server import clean_environment, run_prefect_server
from tests.support.s3_proxy import relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.ecs_standin.standin import EcsStandin
    from tests.support.prefect_server import PrefectServer
    from tests.support.s3_proxy import Wire

_TASK_RUN = "PREFECT_INTEGRATIONS_AWS_ECS_WORKER_CREATE_TASK_RUN"
AUTH_STRING = "quest:a-planted-secret"
SERVER = {
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "1",
    # A run that waits for its turn asks again after this long; 30 unless told.
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
}


@dataclass(frozen=True)
class Stage:
    """What runs.

    Attributes:
        publishers: BLS and DataUSA.
        ecs: The cluster, and all of AWS.
        server: Prefect's.
        api: The way on which worker and tasks reach it.
        worker: Prefect's, for ECS.
        settings: The environment of `python -m deployments apply`.
        applied: What it said.
    """

    publishers: SampleServer
    ecs: EcsStandin
    server: PrefectServer
    api: Wire
    worker: Worker
    settings: dict[str, str]
    applied: str

    @property
    def lake(self) -> S3Store:
        """A look into the lake from outside."""
        options = S3Options(
            key="testing", secret="testing", region=REGION, endpoint=self.ecs.aws.endpoint
        )
        return S3Store(LAKE, "quest", options)


@contextmanager
def on_stage(folder: Path, *, dashboard: bool = False) -> Iterator[Stage]:
    """Start it all and deploy the project; at the end nothing of it runs.

    Args:
        folder: For logs, databases and temporary files.
        dashboard: Serve Prefect's dashboard too.
    """
    with ExitStack() as stack:
        publishers = stack.enter_context(SampleServer())
        ecs = stack.enter_context(ecs_standin(folder / "tasks"))
        ecs.images[f"{REPOSITORY}:{TAG}"] = image()
        account = provision(ecs.aws, auth_string=AUTH_STRING)
        home = folder / "prefect"
        home.mkdir()
        serving = contextmanager(run_prefect_server)
        server = stack.enter_context(
            serving(home, dashboard=dashboard, auth_string=AUTH_STRING, settings=SERVER)
        )
        stack.enter_context(server.in_use())
        api = stack.enter_context(relay(server.api_url))
        settings = {
            **clean_environment(home),
            **account.settings,
            "IMAGE_TAG": TAG,
            "PREFECT_API_URL": server.api_url,
            "PREFECT_API_AUTH_STRING": AUTH_STRING,
            "BLS_CONTACT": "tester@bls-data-quest.org",
            # What a machine without AWS needs: publishers of its own, which need no pace.
            "BLS_URL": publishers.bls_url,
            "BLS_DOWNLOADS_PER_SECOND": "0",
            "POPULATION_URL": publishers.population_url,
        }
        applied = deployments("apply", environment=settings)
        said = applied.stdout + applied.stderr
        if applied.returncode:
            raise RuntimeError(said)
        worker = Worker(image(), _of_the_worker(ecs, api), folder / "worker.log")
        worker.start()
        stack.callback(worker.kill)
        yield Stage(publishers, ecs, server, api, worker, settings, said)


def _of_the_worker(ecs: EcsStandin, api: Wire) -> dict[str, str]:
    """What the worker's task definition gives it."""
    return {
        **ecs.aws.environment,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "PREFECT_API_URL": f"{api.endpoint}/api",
        "PREFECT_API_AUTH_STRING": AUTH_STRING,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME": QUEUE,
        # As often as there, but without the waits between.
        f"{_TASK_RUN}_MAX_ATTEMPTS": "31",
        f"{_TASK_RUN}_MIN_DELAY_SECONDS": "0",
        f"{_TASK_RUN}_MAX_DELAY_JITTER_SECONDS": "0",
    }
