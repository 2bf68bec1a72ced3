"""The stand-in: moto's ECS, in which RunTask and StopTask do what they say."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

from moto.ecs.exceptions import EcsClientException, InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.models import TaskDefinition
from moto.moto_api import state_manager

from tests.e2e.ecs_standin.asked import asked
from tests.e2e.ecs_standin.aws import run_aws
from tests.e2e.ecs_standin.credentials import Credentials, credentials_endpoint
from tests.e2e.ecs_standin.state_change import End
from tests.e2e.ecs_standin.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from moto.ecs.models import Task as MotoTask

    from tests.e2e.ecs_standin.aws import Aws
    from tests.e2e.ecs_standin.container import Image

_END_SECONDS = 15

NO_CAPACITY = EcsClientException(
    "Capacity is unavailable at this time. Please try again later or in a different availability "
    "zone"
)
"""What RunTask answers where Fargate has nothing left."""


class EcsStandin:
    """A running stand-in.

    Attributes:
        aws: All of AWS.
        images: Those that tasks can have, by `repository:tag`.
        tasks: Every task so far, in order.
        admit: Asked before each RunTask, with the id of its flow run; raises to refuse it.
    """

    def __init__(self, aws: Aws, folder: Path) -> None:
        self.aws = aws
        self.images: dict[str, Image] = {}
        self.tasks: list[Task] = []
        self.admit: Callable[[str], None] = lambda _: None
        self._folder, self._roles = folder, ""

    def of_run(self, flow_run: object) -> list[Task]:
        """The tasks of one flow run, in order."""
        return [task for task in self.tasks if task.run == str(flow_run)]

    def assume(self, task_id: str) -> Credentials | None:
        """The credentials of that task's role, or None where it has none."""
        role = next((t.asked.task_role for t in self.tasks if t.asked.id == task_id), "")
        if not role:
            return None
        sts = self.aws.client("sts")
        given = sts.assume_role(RoleArn=role, RoleSessionName=task_id)["Credentials"]
        return {
            "RoleArn": role,
            "AccessKeyId": given["AccessKeyId"],
            "SecretAccessKey": given["SecretAccessKey"],
            "Token": given["SessionToken"],
            "Expiration": f"{given['Expiration']:%Y-%m-%dT%H:%M:%SZ}",
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run tasks until the block ends; then nothing of them is left."""
        with ExitStack() as stack:
            self._roles = stack.enter_context(credentials_endpoint(self.assume))
            stack.enter_context(self._hooks())
            yield
            for task in self.tasks:
                task.kill()
            for task in self.tasks:
                task.ended.wait(_END_SECONDS)

    def _begin(self, backend: Backend, moto: MotoTask) -> None:
        moto.status = "PROVISIONING"
        wanted = asked(moto, backend.describe_task_definition(moto.task_definition_arn))
        scratch = self._folder / wanted.id
        scratch.mkdir(parents=True)
        task = Task(moto, wanted, self.aws, self.images, scratch, self._roles)
        self.tasks.append(task)
        task.start()

    def _stop(self, moto_id: str, reason: str | None) -> MotoTask:
        for task in self.tasks:
            if task.asked.id == moto_id:
                task.stop(End("UserInitiated", reason or "Task stopped by user"))
                return task.moto
        raise InvalidParameterException("The referenced task was not found.")

    @contextmanager
    def _hooks(self) -> Iterator[None]:
        """Moto's back end with RunTask, StopTask and what is described of a definition."""
        before = {name: vars(Backend)[name] for name in _HOOKED}
        run, standin = Backend.run_task, self

        def run_task(backend: Backend, *args: Any, **named: Any) -> list[MotoTask]:
            tags = signature(run).bind(backend, *args, **named).arguments.get("tags") or ()
            given = {tag["key"]: tag["value"] for tag in tags}
            standin.admit(given.get("prefect.io/flow-run-id", ""))
            tasks = run(backend, *args, **named)
            for each in tasks:
                standin._begin(backend, each)
            return tasks

        def stop_task(backend: Backend, cluster: str, task: str, reason: str) -> MotoTask:
            return standin._stop(task.rpartition("/")[2], reason)

        # AWS answers so for every definition; moto knows no such field.
        TaskDefinition.enable_fault_injection = False  # type: ignore[attr-defined]
        # Otherwise each DescribeTasks moves a task on by itself.
        by_hand = {"progression": "manual", "times": 10**9}
        state_manager.set_transition("ecs::task", by_hand)
        hooks = (run_task, stop_task, staticmethod(_requirements))
        try:
            for name, hook in zip(_HOOKED, hooks, strict=True):
                setattr(Backend, name, hook)
            yield
        finally:
            for name, was in before.items():
                setattr(Backend, name, was)
            del TaskDefinition.enable_fault_injection  # type: ignore[attr-defined]
            state_manager.unset_transition("ecs::task")


_HOOKED = (
    "run_task",
    "stop_task",
    "_calculate_task_resource_requirements",
)


def _requirements(definition: TaskDefinition) -> dict[str, Any]:
    """What the task takes of a container instance, of which Fargate has none.

    moto wants memory on the container; on Fargate it stands on the task.
    """
    return {"CPU": int(definition.cpu or 0), "MEMORY": int(definition.memory or 0)}


@contextmanager
def ecs_standin(folder: Path) -> Iterator[EcsStandin]:
    """An ECS, and all of AWS around it, until the block ends.

    Args:
        folder: Where tasks have their temporary folders.
    """
    with contextmanager(run_aws)() as aws:
        standin = EcsStandin(aws, folder)
        with standin.running():
            yield standin
