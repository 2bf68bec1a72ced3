"""What the repository and the settings declare together, ready to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.types import SecretDict
from pydantic import SecretStr

from blocks.desired import VARIABLES, Document, desired_documents
from deployments.project_file import Deployment, ProjectFile, filled
from deployments.webhook import KIND, NAME
from deployments.work_pool import pool_thing, rendered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blocks.desired import Value
    from deployments.changes import Thing
    from deployments.reading import Settings
    from deployments.webhook import Notify


@dataclass(frozen=True, slots=True)
class Declared:
    """All but the automations, which name a block by an id that only the workspace knows.

    Attributes:
        pool: The work pool.
        documents: The blocks, each after those that it refers to.
        deployments: Those of prefect.yaml, all variables filled in, by `flow/name`.
        pull: The pull steps of all deployments.
        notify: See `deployments.webhook`.
    """

    pool: Thing
    documents: tuple[Document, ...]
    deployments: dict[str, Deployment]
    pull: list[dict[str, Any]]
    notify: Notify


def declare(
    settings: Settings,
    environment: Mapping[str, str],
    project_file: dict[str, Any],
    template: dict[str, Any],
) -> Declared:
    """Bring the repository's files and the settings together. Pure.

    Args:
        settings: See `read_settings`.
        environment: The process's, for the blocks' further variables (see `blocks.desired`).
        project_file: prefect.yaml, in which `lint` finds nothing.
        template: work_pool.json, likewise.

    Raises:
        Misuse: A block's variable is impossible.
    """
    image = {"IMAGE_REPOSITORY": settings.image_repository, "IMAGE_TAG": settings.image_tag}
    file = ProjectFile.model_validate(filled(project_file, image))
    for deployment in file.deployments:
        deployment.work_pool.name = settings.work_pool
    notify: Notify = settings.notify if isinstance(settings.notify, str) else "set"
    if settings.notify is None:
        notify = "kept"
    return Declared(
        pool=pool_thing(settings.work_pool, rendered(template, settings)),
        documents=(*_of_the_lake(settings, environment), *_of_the_webhook(settings)),
        deployments={deployment.full_name: deployment for deployment in file.deployments},
        pull=file.pull,
        notify=notify,
    )


def _of_the_lake(settings: Settings, environment: Mapping[str, str]) -> tuple[Document, ...]:
    given = {name: value for name, value in environment.items() if name in VARIABLES and value}
    return desired_documents(
        {"LAKE_REGION": settings.region}
        | given
        | {"LAKE": settings.lake, "BLS_CONTACT": settings.contact}
    )


def _of_the_webhook(settings: Settings) -> tuple[Document, ...]:
    if not isinstance(settings.notify, SecretStr):
        return ()
    headers = SecretDict({"Content-Type": "application/json"})
    fields: dict[str, Value] = {"method": "POST", "url": settings.notify, "headers": headers}
    return (Document(KIND, NAME, fields),)
