"""The stand-in: moto's ECS, in which RunTask and StopTask do what they say."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from moto.ecs.exceptions import EcsClientException, InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.models import Task as MotoTask
from moto.ecs.models import TaskDefinition
from moto.moto_api import state_manager

from tests.e2e.ecs_standin.aws import Aws, running_aws
from tests.e2e.ecs_standin.container import Image
from tests.e2e.ecs_standin.task import End, Task
from tests.support.http_server import answering

_END_SECONDS = 15

NO_CAPACITY = EcsClientException(
    "Capacity is unavailable at this time. Please try again later or in a different availability "
    "zone"
)
"""What RunTask answers where Fargate has nothing left."""


class EcsStandin:
    """A running stand-in: images by `repository:tag`, and every task so far.

    `admit` is asked before each RunTask, with the id of its flow run; it raises to refuse it.
    """

    def __init__(self, aws: Aws, folder: Path) -> None:
        self.aws = aws
        self.images: dict[str, Image] = {}
        self.tasks: list[Task] = []
        self.admit: Callable[[str], None] = lambda _: None
        self._folder, self._roles = folder, ""

    def of_run(self, flow_run: object) -> list[Task]:
        """Return the tasks of one flow run, in order."""
        return [task for task in self.tasks if task.run == str(flow_run)]

    def _assume(self, path: str, _: bytes) -> tuple[int, bytes]:
        """Answer with the credentials of a task's role, as ECS's agent does; 404 without one."""
        task_id = path.strip("/")
        role = next((task.role for task in self.tasks if task.moto.id == task_id), "")
        if not role:
            return 404, b"null"
        sts = self.aws.client("sts")
        given = sts.assume_role(RoleArn=role, RoleSessionName=task_id)["Credentials"]
        credentials = {
            "RoleArn": role,
            "AccessKeyId": given["AccessKeyId"],
            "SecretAccessKey": given["SecretAccessKey"],
            "Token": given["SessionToken"],
            "Expiration": f"{given['Expiration']:%Y-%m-%dT%H:%M:%SZ}",
        }
        return 200, json.dumps(credentials).encode()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run tasks until the block ends; then nothing of them is left."""
        with answering(self._assume) as self._roles, pytest.MonkeyPatch.context() as patch:
            self._hook(patch)
            try:
                yield
            finally:
                state_manager.unset_transition("ecs::task")
            for task in self.tasks:
                task.kill()
            for task in self.tasks:
                task.ended.wait(_END_SECONDS)

    def _hook(self, patch: pytest.MonkeyPatch) -> None:
        """Change moto's RunTask, StopTask and what it describes of a definition."""
        run = Backend.run_task

        def run_task(backend: Backend, *args: Any, **named: Any) -> list[MotoTask]:
            tags = signature(run).bind(backend, *args, **named).arguments.get("tags") or ()
            given = {tag["key"]: tag["value"] for tag in tags}
            self.admit(given.get("prefect.io/flow-run-id", ""))
            tasks = run(backend, *args, **named)
            for each in tasks:
                each.status = "PROVISIONING"
                definition = backend.describe_task_definition(each.task_definition_arn)
                scratch = self._folder / each.id
                task = Task(each, definition, self.aws, self.images, scratch, self._roles)
                self.tasks.append(task)
                task.start()
            return tasks

        def stop_task(backend: Backend, cluster: str, task: str, reason: str) -> MotoTask:
            for each in self.tasks:
                if each.moto.id == task.rpartition("/")[2]:
                    each.stop(End("UserInitiated", reason or "Task stopped by user"))
                    return each.moto
            raise InvalidParameterException("The referenced task was not found.")

        def requirements(definition: TaskDefinition) -> dict[str, Any]:
            """Take cpu and memory of the task; moto wants them on the container."""
            return {"CPU": int(definition.cpu or 0), "MEMORY": int(definition.memory or 0)}

        patch.setattr(Backend, "run_task", run_task)
        patch.setattr(Backend, "stop_task", stop_task)
        patch.setattr(Backend, "_calculate_task_resource_requirements", staticmethod(requirements))
        # AWS answers so for every definition; moto knows no such field.
        patch.setattr(TaskDefinition, "enable_fault_injection", False, raising=False)
        # Otherwise each DescribeTasks moves a task on by itself.
        state_manager.set_transition("ecs::task", {"progression": "manual", "times": 10**9})


@contextmanager
def ecs_standin(folder: Path) -> Iterator[EcsStandin]:
    """Run an ECS, and all of AWS around it, until the block ends; `folder` is for its tasks."""
    with running_aws() as aws:
        standin = EcsStandin(aws, folder)
        with standin.running():
            yield standin
