"""One task, from RunTask to STOPPED, in a thread of its own."""

import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from moto.ecs.models import Task as MotoTask
from moto.ecs.models import TaskDefinition

from tests.e2e.ecs_standin.aws import Aws
from tests.e2e.ecs_standin.container import Container, Image

STOP_TIMEOUT = 30
"""ECS's default, in seconds."""


@dataclass(frozen=True)
class End:
    """Why a task stopped, or is to stop: ECS's stopCode and stoppedReason."""

    code: str
    reason: str


EXITED = End("EssentialContainerExited", "Essential container in task exited")
SPOT = End("SpotInterruption", "Your Spot Task was interrupted.")
"""Two minutes' notice: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html"""


class Task:
    """A task that runs: its definition with its overrides upon it. It has one container.

    Attributes:
        moto: What moto keeps of it.
        role: The ARN of the role that the task's own calls have.
        capacity: The capacity provider, or the launch type.
        logs: The awslogs options; empty without that driver.
        run: The id of its flow run.
        end: Why it is to stop, or stopped.
        exit_code: The container's; None while it runs and where it never ran.
        ended: Set once it is STOPPED and has said so.
    """

    def __init__(
        self,
        moto: MotoTask,
        definition: TaskDefinition,
        aws: Aws,
        images: Mapping[str, Image],
        scratch: Path,
        roles: str,
    ) -> None:
        """Nothing runs before `start`; `roles` is the address of its role's credentials."""
        self.moto, self.definition, self._aws, self._images = moto, definition, aws, images
        self.container: dict[str, Any] = definition.container_definitions[0]
        given: dict[str, Any] = moto.overrides
        every = given.get("containerOverrides", ())
        named = (e for e in every if e.get("name") == self.container["name"])
        self._over: dict[str, Any] = next(named, {})
        self.cpu = int(given.get("cpu") or definition.cpu or 0)
        self.memory = int(given.get("memory") or definition.memory or 0)
        self.role = str(given.get("taskRoleArn") or getattr(definition, "task_role_arn", ""))
        self.capacity = moto.capacity_provider_name or moto.launch_type
        logs: Any = self.container.get("logConfiguration", {})
        awslogs = logs.get("logDriver") == "awslogs"
        self.logs: dict[str, str] = logs.get("options", {}) if awslogs else {}
        self.run = {tag["key"]: tag["value"] for tag in moto.tags}.get("prefect.io/flow-run-id", "")
        self.end: End | None = None
        self.exit_code: int | None = None
        self.ended = Event()
        self._version, self._times = 0, dict[str, str]()
        self._roles, self._home, self.temporary = roles, scratch / "home", scratch / "tmp"
        self._home.mkdir(parents=True)
        self.temporary.mkdir()
        self._container: Container | None = None

    @property
    def lines(self) -> list[str]:
        """What it has logged."""
        return self._aws.log_lines(*self._stream())

    def start(self) -> None:
        """Go through all of its life."""
        Thread(target=self._live, name=self.moto.id, daemon=True).start()

    def stop(self, end: End) -> None:
        """Have it stopped: its first process gets SIGTERM, and after its stopTimeout SIGKILL."""
        if self.end is not None:
            return
        self.end = end
        self._put_event()
        if self._container is not None:
            grace = int(self.container.get("stopTimeout", STOP_TIMEOUT))
            Thread(target=self._container.stop, args=(grace,), daemon=True).start()

    def kill(self) -> None:
        """End it at once, as the kernel does when memory runs out."""
        if self._container is not None:
            self._container.signal(signal.SIGKILL)

    def _live(self) -> None:
        self._become("PROVISIONING", at="createdAt")
        self._become("PENDING")
        try:
            image, environment = self._pulled(), self._environment()
        except LookupError as error:
            self.end = End("TaskFailedToStart", str(error.args[0]))
        if self.end is None:
            linux = self.container.get("linuxParameters") or {}
            command = [
                *self.container.get("entryPoint", ()),
                *(self._over.get("command") or self.container.get("command", ())),
            ]
            init = bool(linux.get("initProcessEnabled"))
            self._container = Container(image, command, environment, init=init)
            self._become("RUNNING", at="startedAt")
            for line in self._container.output:
                with suppress(KeyError):  # a task without awslogs is not heard
                    self._aws.log(*self._stream(), line.decode(errors="replace").rstrip("\n"))
            self.exit_code = self._container.wait()
        self.end = self.end or EXITED
        self._become("STOPPED", at="stoppedAt")
        self.ended.set()

    def _stream(self) -> tuple[str, str]:
        """Return the group and stream of its output.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html
        """
        prefix = self.logs["awslogs-stream-prefix"]
        return self.logs["awslogs-group"], f"{prefix}/{self.container['name']}/{self.moto.id}"

    def _pulled(self) -> Image:
        reference = self.container["image"]
        if reference not in self._images:
            raise LookupError(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
                f"failed to resolve ref {reference}: {reference}: not found"
            )
        return self._images[reference]

    def _environment(self) -> dict[str, str]:
        """Return what ECS gives a container, its definition's, and where AWS is on this machine."""
        pairs = [*self.container.get("environment", ()), *self._over.get("environment", ())]
        secrets = self.container.get("secrets", ())
        return {
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_REGION": self.moto.region_name,
            "AWS_DEFAULT_REGION": self.moto.region_name,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self._roles}/{self.moto.id}",
            "HOME": str(self._home),
            "TMPDIR": str(self.temporary),
            **self._aws.environment,
            **{pair["name"]: pair["value"] for pair in pairs},
            **{secret["name"]: self._secret(secret["valueFrom"]) for secret in secrets},
        }

    def _secret(self, value_from: str) -> str:
        manager = self._aws.client("secretsmanager")
        try:
            return str(manager.get_secret_value(SecretId=value_from)["SecretString"])
        except manager.exceptions.ResourceNotFoundException as error:
            raise LookupError(
                f"ResourceInitializationError: unable to pull secrets or registry auth: {error}"
            ) from error

    def _become(self, last: str, *, at: str | None = None) -> None:
        self.moto.status = last
        if at is not None:
            self._times[at] = datetime.now(UTC).isoformat()
        self._put_event()

    def _put_event(self) -> None:
        """Put an "ECS Task State Change" event.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
        """
        self._version += 1
        arn, name, last = self.moto.task_arn, self.container["name"], self.moto.status
        container = {
            "containerArn": f"{arn}/{name}",
            "name": name,
            "image": self.container["image"],
            "taskArn": arn,
            "lastStatus": last if last in {"RUNNING", "STOPPED"} else "PENDING",
        }
        detail: dict[str, Any] = {
            "clusterArn": self.moto.cluster_arn,
            "taskArn": arn,
            "taskDefinitionArn": self.definition.arn,
            "group": f"family:{self.definition.family}",
            "lastStatus": last,
            "desiredStatus": "STOPPED" if self.end else "RUNNING",
            "version": self._version,
            "updatedAt": datetime.now(UTC).isoformat(),
            "containers": [container],
            **self._times,
        }
        if self.exit_code is not None:
            container["exitCode"] = self.exit_code
        if self.end is not None:
            detail |= {"stopCode": self.end.code, "stoppedReason": self.end.reason}
            if self.end.code == "TaskFailedToStart":
                container["reason"] = self.end.reason
        self._aws.put_event("ECS Task State Change", detail)
