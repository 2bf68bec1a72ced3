"""prefect.yaml: reading it, and filling in the environment's variables as Prefect does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flows.lake.model import Misuse

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[1]
"""The folder that `flows` is imported from."""
PROJECT_FILE = PROJECT / "prefect.yaml"

VARIABLE = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")
"""How prefect.yaml names a variable of the environment."""


def read_project_file(path: Path = PROJECT_FILE) -> dict[str, Any]:
    """The file's content, with nothing filled in.

    Raises:
        Misuse: There is none, or it is not YAML with a mapping at its top.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Misuse(f"{path.name} cannot be read: {error}", "Correct it, and run again.") from None
    if not isinstance(content, dict):
        raise Misuse(f"{path.name} holds no deployments.", "Take it from the repository.")
    return content


def filled(content: Any, values: Mapping[str, str]) -> Any:
    """The content with every `{{ $NAME }}` replaced by its value, which must be there."""
    if isinstance(content, dict):
        return {key: filled(value, values) for key, value in content.items()}
    if isinstance(content, list):
        return [filled(value, values) for value in content]
    if isinstance(content, str):
        return VARIABLE.sub(lambda found: values[found[1]], content)
    return content


def variables(content: Any) -> set[str]:
    """The names of the environment's variables that the content uses."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        return set().union(*(variables(each) for each in content))
    return set(VARIABLE.findall(content)) if isinstance(content, str) else set()
