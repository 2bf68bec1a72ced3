"""The worker's service on ECS: the image that it runs, and changing it to another one.

Terraform makes the service and defines how a worker runs (deployments/terraform/worker.tf). The
image is chosen here, by people and by CI alike, so that neither undoes what the other did: a
revision is the newest definition of the family with another image.

An image that was brought into use gets a second tag, `deployed-<tag>`, by which the registry's
rules know never to delete it for its age (deployments/terraform/registry.tf).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from blsquest.core.errors import QuestError
from deployments.settings import Target

SERVICE = "worker"
IN_USE = "deployed-"
"""What the tag of an image begins with that was brought into use."""
POLL_SECONDS = 10.0
POLLS = 120
"""Twenty minutes: ECS gives up a deployment whose tasks do not start well before."""

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""The kinds of manifest that a tag may name: of several architectures, and of one."""


@contextmanager
def explain_aws() -> Iterator[None]:
    """Turn what AWS or its client refuses into one error that says so.

    Raises:
        QuestError: AWS refused, or could not be asked.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise QuestError(
            f"AWS: {error}",
            "Check the credentials and the region (aws sts get-caller-identity), then run again: "
            "what is done is not done twice.",
        ) from error


def differences(ecs: Any, target: Target) -> Iterator[str]:
    """Yield the worker's differences from the target; change nothing."""
    service, newest = _read(ecs, target)
    running = image_in_use(ecs, service)
    if not service["desiredCount"]:
        yield "The worker is not started."
    if running != target.image:
        yield f"The worker's image is {running}, not {target.image}."
    elif service["taskDefinition"] != newest["taskDefinitionArn"]:
        yield "Terraform has changed how the worker runs, and it still runs as before."


def bring(
    ecs: Any,
    ecr: Any,
    target: Target,
    *,
    pause: Callable[[float], None] = time.sleep,
    polls: int = POLLS,
) -> Iterator[str]:
    """Bring the service to the image, wait until it is steady, and mark the image as in use.

    Yields:
        What is done, as it is done; nothing where all is as it should be.

    Raises:
        QuestError: There is no service or no such image, or its tasks do not start.
    """
    service, newest = _read(ecs, target)
    name = target.image_repository.partition("/")[2]
    manifest = find_image(ecr, name, target.image_tag)
    if manifest is None:
        raise QuestError(
            f"The registry has no image {target.image}.",
            "Push it first (make image image-push), or name another one with IMAGE_TAG "
            "(nothing was changed).",
        )
    wanted = newest["taskDefinitionArn"]
    if newest["containerDefinitions"][0]["image"] != target.image:
        wanted = _register(ecs, newest, target.image)
        yield f"Registered {wanted.rpartition('/')[2]} with {target.image}."
    if service["taskDefinition"] != wanted or service["desiredCount"] != 1:
        ecs.update_service(
            cluster=target.cluster_arn, service=SERVICE, taskDefinition=wanted, desiredCount=1
        )
        yield f"ECS is to run {target.image}; waiting until it is steady (some minutes)."
    # Also where nothing was to be changed: an earlier command may have been ended as it waited.
    _wait(ecs, target, wanted, pause, polls)
    kind = manifest.get("imageManifestMediaType")
    mark = {"imageManifest": manifest["imageManifest"], "imageTag": f"{IN_USE}{target.image_tag}"}
    errors = ecr.exceptions
    with suppress(errors.ImageAlreadyExistsException, errors.ImageTagAlreadyExistsException):
        ecr.put_image(
            repositoryName=name, **mark, **({"imageManifestMediaType": kind} if kind else {})
        )
        yield f"Marked the image as in use: {mark['imageTag']}."


def image_in_use(ecs: Any, service: dict[str, Any]) -> str:
    """Return the image that a service's tasks run."""
    used = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
    return str(used["taskDefinition"]["containerDefinitions"][0]["image"])


def read_service(ecs: Any, cluster: str) -> dict[str, Any]:
    """Return the worker's service as ECS describes it.

    Raises:
        QuestError: There is none.
    """
    found = ecs.describe_services(cluster=cluster, services=[SERVICE])["services"]
    if not found or found[0]["status"] != "ACTIVE":
        raise QuestError(
            f"The cluster {cluster} has no service {SERVICE}.",
            "Terraform makes it: terraform -chdir=deployments/terraform apply",
        )
    service: dict[str, Any] = found[0]
    return service


def _read(ecs: Any, target: Target) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the service, and the newest task definition of its family."""
    service = read_service(ecs, target.cluster_arn)
    family = service["taskDefinition"].rpartition("/")[2].partition(":")[0]
    return service, ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]


def _register(ecs: Any, definition: dict[str, Any], image: str) -> str:
    """Register a definition with another image; its ARN."""
    takes = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    container, *others = definition["containerDefinitions"]
    given = {name: value for name, value in definition.items() if name in takes}
    given["containerDefinitions"] = [container | {"image": image}, *others]
    made = ecs.register_task_definition(**given)
    return str(made["taskDefinition"]["taskDefinitionArn"])


def _wait(
    ecs: Any, target: Target, wanted: str, pause: Callable[[float], None], polls: int
) -> None:
    """Wait until all tasks of the service run the wanted definition, and are steady.

    ECS rolls back to the previous definition by itself if tasks of the new one do not start.
    """
    for _ in range(polls):
        service = read_service(ecs, target.cluster_arn)
        deployments = service["deployments"]
        newest = next(each for each in deployments if each["status"] == "PRIMARY")
        steady = len(deployments) == 1 and newest.get("rolloutState") == "COMPLETED"
        if service["taskDefinition"] != wanted or newest.get("rolloutState") == "FAILED":
            raise QuestError(
                f"ECS could not start the worker with {target.image}"
                f"{_last_words(service)} It runs what it ran before, if anything.",
                "Look at the log group …/worker, and at the service's events: aws ecs "
                f"describe-services --cluster {target.cluster_arn} --services {SERVICE}",
            )
        if steady and service["runningCount"] == service["desiredCount"]:
            return
        pause(POLL_SECONDS)
    raise QuestError(
        f"The worker with {target.image} is not steady after {polls * POLL_SECONDS / 60:.0f} "
        f"minutes{_last_words(service)}",
        "ECS goes on trying. Run again to wait on, or look at its events: aws ecs "
        f"describe-services --cluster {target.cluster_arn} --services {SERVICE}",
    )


def _last_words(service: dict[str, Any]) -> str:
    events = service.get("events", [])
    return f": {events[0]['message']}" if events else "."


def find_image(ecr: Any, repository: str, tag: str) -> dict[str, Any] | None:
    """Return an image's manifest as the registry holds it, if there is one of that tag."""
    found: list[dict[str, Any]] = ecr.batch_get_image(
        repositoryName=repository,
        imageIds=[{"imageTag": tag}],
        acceptedMediaTypes=list(MANIFESTS),
    )["images"]
    return found[0] if found else None
