"""The Prefect server's auth string is a secret: it is nowhere to be read."""

import json
from base64 import b64encode
from collections.abc import Callable

import pytest

from tests.e2e.account import NAME, TAG
from tests.e2e.conftest import Interrupted
from tests.e2e.stage import AUTH_STRING, Stage

PLANTED = (AUTH_STRING.encode(), AUTH_STRING.partition(":")[2].encode())


def database(stage: Stage) -> bytes:
    """All that Prefect keeps: blocks, pools, deployments, runs, states, logs, artifacts, events."""
    return b"".join(path.read_bytes() for path in stage.server.home.glob("prefect.db*"))


def task_definitions(stage: Stage) -> bytes:
    ecs = stage.ecs.aws.client("ecs")
    arns = ecs.list_task_definitions()["taskDefinitionArns"]
    every = [ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"] for arn in arns]
    return json.dumps(every, default=str).encode()


def run_task_requests(stage: Stage) -> bytes:
    ecs = stage.ecs.aws.client("ecs")
    arns = [task.moto.task_arn for task in stage.ecs.tasks]
    return json.dumps(ecs.describe_tasks(cluster=NAME, tasks=arns)["tasks"], default=str).encode()


def container_logs(stage: Stage) -> bytes:
    return "\n".join(line for task in stage.ecs.tasks for line in task.lines).encode()


def output_of_worker_and_apply(stage: Stage) -> bytes:
    return (stage.worker.said + stage.applied).encode()


@pytest.mark.parametrize(
    ("place", "sign"),
    [
        (database, f"bls-data-quest:{TAG}"),
        (task_definitions, "PREFECT_API_AUTH_STRING"),
        (run_task_requests, "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"),
        (container_logs, "Beginning flow run"),
        (output_of_worker_and_apply, "create work pool"),
    ],
)
def test_the_auth_string_shows_nowhere(
    stage: Stage, interrupted: Interrupted, place: Callable[[Stage], bytes], sign: str
) -> None:
    assert interrupted.spot.ends().is_completed(), "the tasks have used it"
    text = place(stage)

    assert sign.encode() in text, "it was looked for in the right place"
    for secret in PLANTED:
        assert secret not in text
        assert b64encode(secret) not in text
