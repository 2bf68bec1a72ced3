"""The worker's service is brought to an image, which is then marked: on moto's ECS and ECR."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import boto3
import pytest
from moto import mock_aws

from blsquest.core.errors import QuestError
from deployments.settings import Target
from deployments.worker import SERVICE, bring, differences, explain_aws

REGION = "us-east-1"
FAMILY = "bls-data-quest-worker"
CONFIG = "sha256:" + "0" * 64


class Account:
    """An account in which Terraform has made registry, cluster and service."""

    def __init__(self) -> None:
        self.ecs: Any = boto3.client("ecs", region_name=REGION)
        self.ecr: Any = boto3.client("ecr", region_name=REGION)
        self.cluster = self.ecs.create_cluster(clusterName="bls-data-quest")["cluster"]
        made = self.ecr.create_repository(
            repositoryName="bls-data-quest", imageTagMutability="IMMUTABLE"
        )
        self.repository: str = made["repository"]["repositoryUri"]
        self.define()
        self.ecs.create_service(
            cluster=self.cluster["clusterArn"],
            serviceName=SERVICE,
            taskDefinition=FAMILY,
            desiredCount=0,
            launchType="FARGATE",
        )

    def define(self, **environment: str) -> None:
        """Register the worker's definition, as Terraform does."""
        self.ecs.register_task_definition(
            family=FAMILY,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
            containerDefinitions=[
                {
                    "name": "worker",
                    "image": f"{self.repository}:none",
                    "memory": 512,
                    "environment": [{"name": n, "value": v} for n, v in environment.items()],
                }
            ],
        )

    def push(self, tag: str) -> None:
        """Push an image of its own under a tag."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "x", "size": 1, "digest": CONFIG},
            "layers": [],
            "annotations": {"tag": tag},
        }
        self.ecr.put_image(
            repositoryName="bls-data-quest",
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=manifest["mediaType"],
            imageTag=tag,
        )

    def target(self, tag: str) -> Target:
        return Target(
            aws_region=REGION,
            cluster_arn=self.cluster["clusterArn"],
            image_repository=self.repository,
            image_tag=tag,
        )

    def bring(self, tag: str, *services: dict[str, Any], **options: Any) -> list[str]:
        """What is said as the service is brought to a tag, while ECS shows it in these states."""
        ecs = Ecs(self.ecs, *services) if services else self.ecs
        return list(bring(ecs, self.ecr, self.target(tag), **options))

    def differences(self, tag: str) -> list[str]:
        return list(differences(self.ecs, self.target(tag)))

    @property
    def service(self) -> dict[str, Any]:
        described = self.ecs.describe_services(
            cluster=self.cluster["clusterArn"], services=[SERVICE]
        )
        service: dict[str, Any] = described["services"][0]
        return service

    @property
    def running(self) -> dict[str, Any]:
        """The definition that the service runs."""
        arn = self.service["taskDefinition"]
        found: dict[str, Any] = self.ecs.describe_task_definition(taskDefinition=arn)
        definition: dict[str, Any] = found["taskDefinition"]
        return definition

    @property
    def tags(self) -> set[str]:
        listed = self.ecr.list_images(repositoryName="bls-data-quest")["imageIds"]
        return {each["imageTag"] for each in listed}


class Ecs:
    """Moto's ECS with a service whose state says otherwise, which moto's never does."""

    def __init__(self, real: Any, *answers: dict[str, Any]) -> None:
        self._real, self._answers = real, list(answers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def describe_services(self, **given: Any) -> Any:
        answer: Any = self._real.describe_services(**given)
        if answer["services"][0]["desiredCount"]:
            change = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            answer["services"][0] |= change
        return answer


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The account, on moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Account()


def test_the_first_image_starts_the_worker_as_terraform_declares_and_is_marked_as_in_use_once(
    account: Account,
) -> None:
    account.push("0123abc")
    differences = account.differences("0123abc")
    assert account.service["desiredCount"] == 0

    said = account.bring("0123abc")

    assert differences == [
        "The worker is not started.",
        f"The worker's image is {account.repository}:none, not {account.repository}:0123abc.",
    ]
    assert account.service["desiredCount"] == 1
    running = account.running
    assert running["containerDefinitions"][0]["image"] == f"{account.repository}:0123abc"
    assert (running["family"], running["cpu"], running["memory"]) == (FAMILY, "256", "512")
    assert running["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert account.tags == {"0123abc", "deployed-0123abc"}
    assert said[0].startswith("Registered bls-data-quest-worker:2 with ")
    assert said[-1] == "Marked the image as in use: deployed-0123abc."
    # Again: nothing.
    assert account.bring("0123abc") == []
    assert account.running == running
    assert account.differences("0123abc") == []


def test_what_terraform_changed_meanwhile_reaches_the_worker_with_the_image_it_has(
    account: Account,
) -> None:
    account.push("0123abc")
    account.bring("0123abc")
    account.define(PREFECT_API_URL="https://elsewhere/api")

    found = account.differences("0123abc")
    account.bring("0123abc")

    assert found == ["Terraform has changed how the worker runs, and it still runs as before."]
    container = account.running["containerDefinitions"][0]
    assert container["environment"] == [
        {"name": "PREFECT_API_URL", "value": "https://elsewhere/api"}
    ]
    assert container["image"] == f"{account.repository}:0123abc"


def test_going_back_to_an_earlier_image_keeps_both_marks(account: Account) -> None:
    for tag in ("0123abc", "4567def"):
        account.push(tag)
        account.bring(tag)

    account.bring("0123abc")

    assert account.running["containerDefinitions"][0]["image"].endswith(":0123abc")
    assert account.tags == {"0123abc", "deployed-0123abc", "4567def", "deployed-4567def"}


def test_what_is_not_there_is_refused_with_what_makes_it_and_nothing_changes(
    account: Account,
) -> None:
    with pytest.raises(QuestError, match=r"The registry has no image .*:0123abc") as refusal:
        account.bring("0123abc")
    assert "make image image-push" in refusal.value.remedy
    assert account.service["desiredCount"] == 0
    assert account.running["revision"] == 1

    account.repository = "a/other"
    with pytest.raises(QuestError, match=r"AWS: .*RepositoryNotFoundException"), explain_aws():
        account.bring("0.1.0")

    account.ecs.delete_service(cluster=account.cluster["clusterArn"], service=SERVICE, force=True)
    with pytest.raises(QuestError, match="has no service worker") as refusal:
        account.bring("0123abc")
    assert "terraform" in refusal.value.remedy


def state(rollout: str, **more: Any) -> dict[str, Any]:
    """A service as ECS describes it while its newest deployment is so far."""
    return {"deployments": [{"status": "PRIMARY", "rolloutState": rollout}], "events": [], **more}


SLOW, DONE = state("IN_PROGRESS"), state("COMPLETED")


def test_an_image_that_does_not_start_is_an_error_with_ecs_last_words(account: Account) -> None:
    account.push("0123abc")
    words = "(service worker) was unable to place a task."

    with pytest.raises(QuestError, match=r"could not start .* unable to place a task") as refusal:
        account.bring("0123abc", state("FAILED", events=[{"message": words}]))

    assert "describe-services" in refusal.value.remedy
    assert account.tags == {"0123abc"}


def test_a_worker_that_is_on_its_way_is_waited_for_and_not_for_ever(account: Account) -> None:
    account.push("0123abc")
    both = state("IN_PROGRESS")
    both["deployments"].append({"status": "ACTIVE", "rolloutState": "COMPLETED"})
    waits: list[float] = []

    account.bring("0123abc", both, both, DONE, pause=waits.append)
    account.push("4567def")
    with pytest.raises(QuestError, match="is not steady after 1 minutes"):
        account.bring("4567def", both, pause=waits.append, polls=6)

    assert len(waits) == 2 + 6
    assert "deployed-0123abc" in account.tags
    assert "deployed-4567def" not in account.tags


def test_after_a_wait_that_was_ended_the_next_command_waits_on_before_it_marks(
    account: Account,
) -> None:
    account.push("0123abc")
    steps = bring(account.ecs, account.ecr, account.target("0123abc"))
    list(islice(steps, 2))  # ECS has it; the command ended there
    waits: list[float] = []

    said = account.bring("0123abc", SLOW, SLOW, DONE, pause=waits.append)

    assert said == ["Marked the image as in use: deployed-0123abc."]
    assert len(waits) == 1
