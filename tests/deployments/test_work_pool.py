"""The work pool's template, as the real ECS worker reads it: what it would send to AWS."""

import re
from datetime import timedelta
from logging import getLogger
from typing import Any
from uuid import uuid4

import anyio
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    temporary_settings,
)
from prefect_aws.settings import EcsWorkerSettings
from prefect_aws.workers.ecs_worker import ECSJobConfiguration, ECSWorker

from deployments.automations import UNSTARTED
from deployments.project_file import PROJECT
from tests.deployments.installation import CLOUD, OUTPUTS, declared

SECRET = OUTPUTS["prefect_api_secret_arn"]
MIRROR = "mirror/mirror-surveys"


def sent(
    deployment: str = "pipeline/daily-pipeline", **environment: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The task definition, and the request to run it, for a run of a deployment."""
    what = declared(**environment)

    async def configure() -> ECSJobConfiguration:
        return await ECSJobConfiguration.from_template_and_values(
            what.pool.fields["template"], what.deployments[deployment].work_pool.job_variables
        )

    with temporary_settings(
        {
            PREFECT_API_URL: environment.get("PREFECT_API_URL", "http://x/api"),
            PREFECT_API_KEY: environment.get("PREFECT_API_KEY"),
            PREFECT_API_AUTH_STRING: environment.get("PREFECT_API_AUTH_STRING"),
        }
    ):
        configuration = anyio.run(configure)
        run = FlowRun(id=uuid4(), flow_id=uuid4(), name="a run", deployment_id=uuid4())
        configuration.prepare_for_flow_run(run)
        worker = ECSWorker(what.pool.name)
        definition = worker._prepare_task_definition(configuration, "us-east-1", run)
        request = worker._prepare_task_run_request(
            configuration, definition, "arn:x", new_task_definition_registered=True
        )
    return definition, request


def test_a_task_is_what_is_declared_and_runs_where_it_is_declared() -> None:
    definition, request = sent(PREFECT_API_AUTH_STRING="me:hush")
    (container,) = definition["containerDefinitions"]
    environment = environment_of(request)

    assert definition["family"] == "bls-data-quest-daily-pipeline"
    assert definition["requiresCompatibilities"] == ["FARGATE"]
    assert definition["networkMode"] == "awsvpc"
    assert (definition["cpu"], definition["memory"]) == ("512", "2048")
    assert definition["executionRoleArn"] == OUTPUTS["execution_role_arn"]
    assert definition["taskRoleArn"] == OUTPUTS["task_role_arn"]
    assert container["name"] == "prefect"
    assert container["image"] == f"{OUTPUTS['image_repository']}:0123abc"
    assert container["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": "/bls-data-quest/flows",
            "awslogs-create-group": "false",
            "awslogs-region": "us-east-1",
            "awslogs-stream-prefix": "bls-data-quest-daily-pipeline",
        },
    }
    # It has time to stop, and its run runs again.
    assert container["stopTimeout"] == 120
    assert container["linuxParameters"] == {"initProcessEnabled": True}
    assert environment["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "reschedule"
    assert environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "60"
    assert environment["GLUE_DATABASE"] == OUTPUTS["glue_database"]
    assert request["cluster"] == OUTPUTS["cluster_arn"]
    assert request["networkConfiguration"] == {
        "awsvpcConfiguration": {
            "subnets": ["subnet-0a", "subnet-0b"],
            "securityGroups": ["sg-0a"],
            "assignPublicIp": "ENABLED",
        }
    }
    overrides = request["overrides"]["containerOverrides"][0]
    assert overrides["command"] == ["prefect", "flow-run", "execute"]
    # The secret of a server of one's own comes from AWS, and shows nowhere.
    assert container["secrets"] == [{"name": "PREFECT_API_AUTH_STRING", "valueFrom": SECRET}]
    assert "hush" not in f"{definition}{request}"


def test_a_task_of_prefect_cloud_gets_its_key_from_aws_and_it_shows_in_no_request() -> None:
    definition, request = sent(**CLOUD)
    (container,) = definition["containerDefinitions"]

    assert container["secrets"] == [{"name": "PREFECT_API_KEY", "valueFrom": SECRET}]
    assert "hush" not in f"{definition}{request}"


def test_runs_are_placed_on_demand_and_only_large_mirrors_where_the_pool_says_on_spot() -> None:
    """Here without a secret, a Glue database and public addresses, on ARM64."""
    definition, daily = sent(
        CAPACITY_PROVIDER="FARGATE_SPOT",
        ASSIGN_PUBLIC_IP="false",
        CPU_ARCHITECTURE="ARM64",
        GLUE_DATABASE="",
        PREFECT_API_SECRET_ARN="",
    )
    _, mirror = sent(MIRROR)
    _, on_spot = sent(MIRROR, CAPACITY_PROVIDER="FARGATE_SPOT")

    assert mirror["launchType"] == daily["launchType"] == "FARGATE"
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    assert on_spot["capacityProviderStrategy"] == spot
    assert "launchType" not in on_spot
    network = daily["networkConfiguration"]["awsvpcConfiguration"]
    assert network["assignPublicIp"] == "DISABLED"
    processor = {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    assert definition["runtimePlatform"] == processor
    assert "secrets" not in definition["containerDefinitions"][0]
    assert "GLUE_DATABASE" not in environment_of(daily)


def test_what_aws_adds_to_a_definition_makes_no_new_revision_of_it() -> None:
    definition, _ = sent()
    # AWS's answer has this for a definition that never said it.
    of_aws = definition | {"enableFaultInjection": False, "revision": 1, "status": "ACTIVE"}
    silent = {k: v for k, v in definition.items() if k != "enableFaultInjection"}
    worker, log = ECSWorker("bls-data-quest"), getLogger()

    assert worker._task_definitions_equal(definition, of_aws, log)
    assert not worker._task_definitions_equal(silent, of_aws, log)


def test_the_worker_asks_for_a_task_for_15_minutes_and_the_silence_begins_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declared = (PROJECT / "deployments" / "terraform" / "worker.tf").read_text()
    given = dict(re.findall(r'(PREFECT_INTEGRATIONS_AWS_ECS_WORKER_\w+)\s*= "(\d+)"', declared))
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    settings = EcsWorkerSettings()

    # `wait_fixed` and `wait_random` between two attempts, in prefect_aws's ECSWorker.
    assert len(given) == 2
    waits = settings.create_task_run_max_attempts - 1
    fixed = settings.create_task_run_min_delay_seconds
    shortest = timedelta(
        seconds=waits * (fixed + settings.create_task_run_min_delay_jitter_seconds)
    )
    longest = timedelta(seconds=waits * (fixed + settings.create_task_run_max_delay_jitter_seconds))
    assert shortest >= timedelta(minutes=15)
    # Fargate may take some minutes more to start it.
    assert longest + timedelta(minutes=10) <= UNSTARTED


def environment_of(request: dict[str, Any]) -> dict[str, str]:
    (container,) = request["overrides"]["containerOverrides"]
    return {variable["name"]: variable["value"] for variable in container["environment"]}
