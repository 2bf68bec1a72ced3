"""The project as it is deployed: its image, and `python -m deployments` over it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.e2e.ecs_standin.container import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROJECT = Path(__file__).resolve().parents[2]
DEPLOYED = ("blocks", "blsquest", "deployments", "flows", "prefect.yaml")
"""What `python -m deployments` reads."""
SECONDS = 480
"""A hang: on two cores that others use too it took 130."""

_COPIED = re.compile(r"^COPY (\w+) \1$", re.MULTILINE)


def image() -> Image:
    """What the Dockerfile copies, and this interpreter's packages."""
    copied = _COPIED.findall((PROJECT / "Dockerfile").read_text())
    files = {name: PROJECT / name for name in copied}
    return Image(files | {".venv": Path(sys.prefix)})


def deployments(
    *arguments: str, environment: Mapping[str, str], folder: Path = PROJECT
) -> subprocess.CompletedProcess[str]:
    """`python -m deployments …`, which must end in time.

    Args:
        arguments: Its arguments.
        environment: All that it is told.
        folder: The project, or a copy of it.
    """
    return subprocess.run(
        [sys.executable, "-m", "deployments", *arguments],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def edited(folder: Path, edit: Callable[[dict[str, dict[str, Any]]], None]) -> Path:
    """A copy of what is deployed, with another prefect.yaml.

    Args:
        folder: Where to; empty.
        edit: Changes the deployments, given by `flow/name`.
    """
    for name in DEPLOYED:
        source, target = PROJECT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    content = yaml.safe_load((folder / "prefect.yaml").read_text())
    declared = {_full_name(each): each for each in content["deployments"]}
    edit(declared)
    content["deployments"] = list(declared.values())
    (folder / "prefect.yaml").write_text(yaml.safe_dump(content))
    return folder


def _full_name(deployment: dict[str, Any]) -> str:
    """The flow's name is its module's."""
    return f"{deployment['entrypoint'].rpartition('.')[2]}/{deployment['name']}"
