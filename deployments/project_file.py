"""prefect.yaml: what may be in it, reading it, and filling in its variables.

Prefect ignores unknown keys, and replaces an unset variable with an empty string. The models here
do neither; they require the fields that a deployment of this project has, and allow those that
`apply` compares.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from blsquest.core.errors import Misuse

PROJECT = Path(__file__).resolve().parents[1]
"""The folder that `flows` is imported from."""
PROJECT_FILE = PROJECT / "prefect.yaml"

FILLED = ("IMAGE_REPOSITORY", "IMAGE_TAG")
"""The variables of the environment that the file may use."""
VARIABLE = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")
"""How it names one."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Concurrency(_Strict):
    """How many runs at once, and what becomes of one too many."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]


class Schedule(_Strict):
    """A cron schedule; the slug identifies it from one deploy to the next."""

    slug: str
    cron: str
    timezone: str = Field(min_length=1)
    active: bool


class WorkPool(_Strict):
    """The pool's name, and what runs of the deployment need of it."""

    name: str
    job_variables: dict[str, Any]


class Deployment(_Strict):
    """One deployment; its flow is the entrypoint's last part."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    description: str = Field(min_length=1)
    version: str
    tags: list[str]
    entrypoint: str
    parameters: dict[str, Any] = {}
    concurrency_limit: Concurrency | None
    paused: bool = False
    schedules: list[Schedule]
    triggers: list[dict[str, Any]] = []
    work_pool: WorkPool

    @property
    def flow_name(self) -> str:
        """Its flow's name; lint checks that it is also the function's."""
        return self.entrypoint.rpartition(".")[2]

    @property
    def full_name(self) -> str:
        """Its `flow/name`, as people and the API use it."""
        return f"{self.flow_name}/{self.name}"


class ProjectFile(_Strict):
    """The file. `build` and `push` are none: the image is made apart from deploying."""

    name: str
    build: None
    push: None
    pull: list[dict[str, Any]]
    definitions: dict[str, Any] = {}
    # None would mean: remove them all.
    deployments: list[Deployment] = Field(min_length=1)


def read_project_file(path: Path = PROJECT_FILE) -> dict[str, Any]:
    """Return the file's content, with nothing filled in and nothing checked.

    Raises:
        Misuse: There is none, or it is not YAML with a mapping at its top.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Misuse(f"{path.name} cannot be read: {error}", "Correct it, and run again.") from None
    if not isinstance(content, dict):
        raise Misuse(f"{path.name} holds no deployments.", "Take it from the repository.")
    return content


def filled(content: Any, values: Mapping[str, str]) -> Any:
    """Return the content with every `{{ $NAME }}` replaced by its value, which must be there."""
    if isinstance(content, dict):
        return {key: filled(value, values) for key, value in content.items()}
    if isinstance(content, list):
        return [filled(value, values) for value in content]
    if isinstance(content, str):
        return VARIABLE.sub(lambda found: values[found[1]], content)
    return content


def texts(content: Any, where: str = "") -> list[tuple[str, str]]:
    """Return every text in the content, each after the path that leads to it."""
    if isinstance(content, dict):
        inner = [(f"{where}.{key}" if where else str(key), value) for key, value in content.items()]
    elif isinstance(content, list):
        inner = [(f"{where}[{number}]", value) for number, value in enumerate(content)]
    else:
        return [(where, content)] if isinstance(content, str) else []
    return [found for path, value in inner for found in texts(value, path)]
