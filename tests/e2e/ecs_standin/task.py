"""One task, from RunTask to STOPPED, in a thread of its own."""

from __future__ import annotations

import signal
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from tests.e2e.ecs_standin.container import Container, pull
from tests.e2e.ecs_standin.state_change import DETAIL_TYPE, EXITED, End, Status, detail, not_started

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from moto.ecs.models import Task as MotoTask

    from tests.e2e.ecs_standin.asked import Asked
    from tests.e2e.ecs_standin.aws import Aws
    from tests.e2e.ecs_standin.container import Image


class Task:
    """A task that runs.

    Attributes:
        asked: What RunTask asked for.
        status: Where it is.
        home: Its home folder.
        temporary: Its temporary folder.
        ended: Set once it is STOPPED and has said so.
    """

    def __init__(
        self,
        moto: MotoTask,
        asked: Asked,
        aws: Aws,
        images: Mapping[str, Image],
        scratch: Path,
        roles: str,
    ) -> None:
        """Nothing runs before `start`.

        Args:
            moto: What moto keeps of it.
            asked: What RunTask asked for.
            aws: Where it logs, and tells what happens.
            images: Those that can be pulled.
            scratch: An empty folder of its own.
            roles: The URL of the endpoint with its role's credentials.
        """
        self.asked, self.status, self.ended = asked, Status(), Event()
        self.home, self.temporary = scratch / "home", scratch / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()
        self.moto, self._aws, self._images, self._roles = moto, aws, images, roles
        self._container: Container | None = None

    @property
    def run(self) -> str:
        """The id of its flow run."""
        return self.asked.tags.get("prefect.io/flow-run-id", "")

    @property
    def lines(self) -> list[str]:
        """What it has logged."""
        return self._aws.log_lines(self.asked)

    def start(self) -> None:
        """Go through all of its life."""
        Thread(target=self._live, name=self.asked.id, daemon=True).start()

    def stop(self, end: End) -> None:
        """Have it stopped: its first process gets SIGTERM, and after its stopTimeout SIGKILL."""
        if self.status.end is not None:
            return
        self.status.end = end
        self._tell()
        if self._container is not None:
            stopping = Thread(
                target=self._container.stop, args=(self.asked.stop_timeout,), daemon=True
            )
            stopping.start()

    def kill(self) -> None:
        """End it at once, as the kernel does when memory runs out."""
        if self._container is not None:
            self._container.signal(signal.SIGKILL)

    def _live(self) -> None:
        self._become("PROVISIONING", at="createdAt")
        self._become("PENDING")
        try:
            image = pull(self._images, self.asked.image)
            environment = self._environment()
        except LookupError as error:
            self._stopped(not_started(str(error.args[0])), None)
            return
        if self.status.end is None:
            self._run(Container(image, self.asked.command, environment, init=self.asked.init))
        self._stopped(self.status.end or EXITED, self.status.exit_code)

    def _run(self, container: Container) -> None:
        self._container = container
        self._become("RUNNING", at="startedAt")
        for line in container.output:
            with suppress(KeyError):  # a task without awslogs is not heard
                self._aws.log(self.asked, line.decode(errors="replace").rstrip("\n"))
        self.status.exit_code = container.wait()

    def _environment(self) -> dict[str, str]:
        """What ECS gives a container, its definition's, and where AWS is on this machine.

        Raises:
            LookupError: A secret is not there.
        """
        secrets = {name: self._secret(arn) for name, arn in self.asked.secrets.items()}
        return {
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_REGION": self.asked.region,
            "AWS_DEFAULT_REGION": self.asked.region,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self._roles}{self.asked.id}",
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            **self._aws.environment,
            **self.asked.environment,
            **secrets,
        }

    def _secret(self, value_from: str) -> str:
        manager = self._aws.client("secretsmanager")
        try:
            return str(manager.get_secret_value(SecretId=value_from)["SecretString"])
        except manager.exceptions.ResourceNotFoundException as error:
            raise LookupError(
                f"ResourceInitializationError: unable to pull secrets or registry auth: {error}"
            ) from error

    def _stopped(self, end: End, code: int | None) -> None:
        self.status.end, self.status.exit_code = end, code
        self._become("STOPPED", at="stoppedAt")
        self.ended.set()

    def _become(self, last: str, *, at: str | None = None) -> None:
        self.status.become(last, at=at)
        self.moto.status = last
        self._tell()

    def _tell(self) -> None:
        self.status.version += 1
        self._aws.put_event(DETAIL_TYPE, detail(self.asked, self.moto.cluster_arn, self.status))
