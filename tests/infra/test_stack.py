"""Apply against moto: everything is made, a second plan makes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.infra.conftest import Stack

pytestmark = pytest.mark.infra


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
    told = {each["name"]: each["value"] for each in container["environment"]}
    sqs = stack.aws.client("sqs")
    queue = sqs.get_queue_url(
        QueueName=told["PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME"]
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


def test_the_worker_runs_the_tagged_image_with_the_secret_by_its_arn(stack: Stack) -> None:
    ecs = stack.aws.client("ecs")
    service = ecs.describe_services(cluster=stack.outputs["cluster_arn"], services=["worker"])
    assert service["services"][0]["desiredCount"] == 1
    definition = ecs.describe_task_definition(taskDefinition="bls-data-quest-worker")
    container = definition["taskDefinition"]["containerDefinitions"][0]
    assert container["image"] == f"{stack.outputs['image_repository']}:0123abc"
    arn = stack.outputs["prefect_api_secret_arn"]
    assert container["secrets"] == [{"name": "PREFECT_API_AUTH_STRING", "valueFrom": arn}]
    assert "portMappings" not in container or not container["portMappings"]


def test_nothing_may_come_in(stack: Stack) -> None:
    groups = stack.aws.client("ec2").describe_security_groups(
        GroupIds=stack.outputs["security_groups"]
    )["SecurityGroups"]
    assert [group["IpPermissions"] for group in groups] == [[]]
    ports = {rule["ToPort"] for group in groups for rule in group["IpPermissionsEgress"]}
    assert ports == {443, 4200}
