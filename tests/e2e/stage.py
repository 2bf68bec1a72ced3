"""All of it running: publishers, AWS, Prefect's server and worker, and the project deployed."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from blsquest.lake.stores.s3 import S3Store
from blsquest.lake.stores.s3_options import S3Options
from blsquest.sources.sample.server import SampleServer
from tests.e2e.account import LAKE, QUEUE, REPOSITORY, TAG, provision
from tests.e2e.ecs_standin.aws import REGION
from tests.e2e.ecs_standin.container import Container, Image
from tests.e2e.ecs_standin.standin import EcsStandin, ecs_standin
from tests.support.commands import PROJECT
from tests.support.prefect_server import PrefectServer, clean_environment, run_prefect_server
from tests.support.s3_proxy import Wire, relay

APPLY_SECONDS = 480
"""A hang: on two cores that others use too it took 130."""
_TASK_RUN = "PREFECT_INTEGRATIONS_AWS_ECS_WORKER_CREATE_TASK_RUN"
AUTH_STRING = "quest:a-planted-secret"
SERVER = {
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "1",
    # A run that waits for its turn asks again after this long; 30 by default.
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
}


POOL = "bls-data-quest"
COMMAND = (
    *("prefect", "worker", "start", "--pool", POOL, "--type", "ecs", "--name", POOL),
    *("--no-create-pool-if-not-found", "--install-policy", "never"),
)
"""As Terraform has it, but for its health check, whose port is not free on a shared machine."""
QUICK = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_PREFETCH_SECONDS": "1"}


class Worker:
    """The real ECS worker, in a container of the project's image as its ECS service runs it.

    It can be killed and started; its output goes to `log`.
    """

    def __init__(self, image: Image, environment: Mapping[str, str], log: Path) -> None:
        self._image, self._environment, self._log = image, {**environment, **QUICK}, log
        self._running: Container | None = None

    @property
    def said(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        """Start it; returns at once."""
        self._running = Container(self._image, COMMAND, self._environment, init=True)
        threading.Thread(target=self._keep, args=(self._running,), daemon=True).start()

    def kill(self) -> None:
        if self._running is not None:
            self._running.signal(signal.SIGKILL)
            self._running.wait()
            self._running = None

    def _keep(self, container: Container) -> None:
        with self._log.open("ab", buffering=0) as log:
            log.writelines(container.output)


@dataclass(frozen=True)
class Stage:
    """What runs; `api` is the way on which worker and tasks reach Prefect's server.

    `settings` is the environment of `python -m deployments apply`, `applied` what that said.
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
    """Start it all and deploy the project; at the end nothing of it runs."""
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
            **account,
            "IMAGE_TAG": TAG,
            "PREFECT_API_URL": server.api_url,
            "PREFECT_API_AUTH_STRING": AUTH_STRING,
            "BLS_CONTACT": "tester@bls-data-quest.org",
            # What a machine without AWS needs: publishers of its own, which need no pace.
            "BLS_URL": publishers.bls_url,
            "BLS_DOWNLOADS_PER_SECOND": "0",
            "POPULATION_URL": publishers.population_url,
        }
        said = _apply(settings)
        worker = Worker(image(), _of_the_worker(ecs, api), folder / "worker.log")
        worker.start()
        stack.callback(worker.kill)
        yield Stage(publishers, ecs, server, api, worker, settings, said)


def image() -> Image:
    """Return what the Dockerfile copies, and this interpreter's packages."""
    copied = re.findall(r"^COPY (\w+) \1$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    return {name: PROJECT / name for name in copied} | {".venv": Path(sys.prefix)}


def _apply(settings: dict[str, str]) -> str:
    """Deploy the project; return what `python -m deployments apply` said."""
    done = subprocess.run(
        [sys.executable, "-m", "deployments", "apply"],
        cwd=PROJECT,
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=APPLY_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    return done.stdout


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
