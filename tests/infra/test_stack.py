"""Apply against moto: everything is made, a second plan makes nothing."""

import json
import subprocess
import sys

import pytest

from deployments import install
from deployments.settings import Settings, read_settings, terraform_outputs
from tests.infra.conftest import Stack
from tests.infra.terraform import MODULE

pytestmark = pytest.mark.infra

IMAGE_TAG = "0123abc"


def test_a_second_plan_creates_deletes_and_replaces_nothing(stack: Stack) -> None:
    stack.terraform.run("plan", "-no-color", "-input=false", "-out=second.plan")
    plan = stack.terraform.read("show", "-json", "second.plan")
    actions = {each["address"]: each["change"]["actions"] for each in plan["resource_changes"]}
    assert len(actions) > 40
    assert {a: what for a, what in actions.items() if what not in (["no-op"], ["update"])} == {}


def test_the_bucket_is_versioned_encrypted_and_shut(stack: Stack) -> None:
    s3, bucket = stack.aws.client("s3"), stack.bucket
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    shut = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert shut == dict.fromkeys(shut, True)
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": stack.outputs["lake_kms_key"],
    }


def test_what_happens_to_a_task_arrives_in_the_queue_that_the_worker_reads(stack: Stack) -> None:
    definition = stack.aws.client("ecs").describe_task_definition(
        taskDefinition="bls-data-quest-worker"
    )["taskDefinition"]
    container = definition["containerDefinitions"][0]
    variables = {each["name"]: each["value"] for each in container["environment"]}
    sqs = stack.aws.client("sqs")
    queue = sqs.get_queue_url(
        QueueName=variables["PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME"]
    )["QueueUrl"]
    detail = '{"clusterArn": "%s", "taskArn": "a-task", "lastStatus": "STOPPED"}'
    elsewhere = "arn:aws:ecs:us-east-1:123456789012:cluster/another"
    stack.aws.client("events").put_events(
        Entries=[
            {"Source": "aws.ecs", "DetailType": "ECS Task State Change", "Detail": detail % cluster}
            for cluster in (elsewhere, stack.outputs["cluster_arn"])
        ]
    )
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)
    bodies = [each["Body"] for each in messages.get("Messages", [])]
    assert len(bodies) == 1
    assert stack.outputs["cluster_arn"] in bodies[0]


def deployments(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m deployments …` with what Terraform printed."""
    return subprocess.run(
        [sys.executable, "-m", "deployments", *words, "--from", "-"],
        cwd=MODULE.parents[1],
        env=stack.aws.environment() | {"IMAGE_TAG": IMAGE_TAG},
        input=json.dumps(stack.terraform.read("output", "-json")),
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_terraform_prints_is_what_apply_reads(stack: Stack) -> None:
    printed = json.dumps(stack.terraform.read("output", "-json"))
    given = {
        "IMAGE_TAG": IMAGE_TAG,
        "PREFECT_API_URL": "http://prefect.internal:4200/api",
        "PREFECT_API_AUTH_STRING": "me:secret",
    }
    settings = read_settings(Settings, given, terraform_outputs(printed))
    assert settings.lake == f"s3://{stack.bucket}"
    assert list(settings.subnets) == stack.outputs["subnets"]
    assert settings.assign_public_ip
    assert settings.glue_database == "bls_data_quest"
    assert settings.task_role_arn.endswith(":role/bls-data-quest-flow")


def test_the_worker_is_brought_to_an_image_and_terraform_leaves_it_there(stack: Stack) -> None:
    ecs = stack.aws.client("ecs")
    service = ecs.describe_services(cluster=stack.outputs["cluster_arn"], services=["worker"])
    assert service["services"][0]["desiredCount"] == 0, "at first no worker runs"
    assert deployments(stack, "worker", "--check").returncode == 1
    ecr = stack.aws.client("ecr")
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "layers": []})
    ecr.put_image(repositoryName="bls-data-quest", imageManifest=manifest, imageTag=IMAGE_TAG)

    brought = deployments(stack, "worker")
    again = deployments(stack, "worker", "--check")
    stack.terraform.run("plan", "-no-color", "-input=false", "-out=third.plan")
    plan = stack.terraform.read("show", "-json", "third.plan")

    assert brought.returncode == 0, brought.stderr
    assert (again.returncode, again.stdout.strip()) == (
        0,
        f"The worker runs {stack.outputs['image_repository']}:{IMAGE_TAG}.",
    )
    changes = {each["address"]: each["change"] for each in plan["resource_changes"]}
    planned = changes["aws_ecs_service.worker"]
    for kept in ("task_definition", "desired_count"):  # moto forgets other things of a service
        assert planned["after"][kept] == planned["before"][kept]
    assert planned["after"]["desired_count"] == 1
    assert changes["aws_ecs_task_definition.worker"]["actions"] == ["no-op"]


def test_the_worker_runs_with_the_secret_by_its_arn_on_the_architecture_of_its_image(
    stack: Stack,
) -> None:
    ecs = stack.aws.client("ecs")
    definition = ecs.describe_task_definition(taskDefinition="bls-data-quest-worker")
    container = definition["taskDefinition"]["containerDefinitions"][0]
    arn = stack.outputs["prefect_api_secret_arn"]
    assert container["secrets"] == [{"name": "PREFECT_API_AUTH_STRING", "valueFrom": arn}]
    assert definition["taskDefinition"]["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert "portMappings" not in container or not container["portMappings"]


def test_make_deploys_first_steps_can_be_done_again_on_what_is_there(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.aws.environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(install, "TOOLS", {"terraform": ""})
    messages: list[str] = []

    environment = dict(stack.terraform.environment) | {"PREFECT_API_AUTH_STRING": "me:hush"}
    at = install.Installation(environment, messages.append, stack.terraform.folder)
    install.deploy(at, ["terraform", "secret"], yes=True, first_run=False)
    install.deploy(at, ["secret"], yes=True, first_run=False)

    held = stack.aws.client("secretsmanager").get_secret_value(
        SecretId=stack.outputs["prefect_api_secret_arn"]
    )
    assert held["SecretString"] == "me:hush"
    assert messages == [
        "-- 1. terraform",
        "-- 2. secret",
        "PREFECT_API_AUTH_STRING went into AWS Secrets Manager, and nowhere else.",
        "-- 2. secret",
        "It is there already.",
    ]


def test_nothing_may_come_in(stack: Stack) -> None:
    groups = stack.aws.client("ec2").describe_security_groups(
        GroupIds=stack.outputs["security_groups"]
    )["SecurityGroups"]
    assert [group["IpPermissions"] for group in groups] == [[]]
    ports = {rule["ToPort"] for group in groups for rule in group["IpPermissionsEgress"]}
    assert ports == {443, 4200}
