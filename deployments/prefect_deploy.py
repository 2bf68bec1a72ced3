"""`prefect deploy` of chosen deployments, by the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml
from prefect.settings import get_current_settings

from blsquest.core.errors import QuestError
from deployments.project_file import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deployments.project_file import Deployment

_SHOWN = 1500
"""Characters of the command's output that an error shows: its end, which holds the cause."""


def deploy(deployments: Iterable[Deployment], pull: list[dict[str, Any]]) -> None:
    """Create or update these deployments.

    A file of their own is what chooses them: `--name` does not tell deployments of one name
    apart whose flows are named by module.

    Args:
        deployments: Those of prefect.yaml, all variables filled in.
        pull: The file's pull steps.

    Raises:
        QuestError: The command failed.
    """
    # Of what is not said an update leaves what there is: parameters might not be checked.
    said = {"enforce_parameter_schema": True}
    chosen = [deployment.model_dump(mode="json") | said for deployment in deployments]
    content = {"pull": pull, "deployments": chosen}
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    with TemporaryDirectory(prefix="bls-data-quest-") as folder:
        file = Path(folder, "prefect.yaml")
        file.write_text(yaml.safe_dump(content))
        done = subprocess.run(  # noqa: S603 - our own interpreter, our own file
            [
                sys.executable,
                *("-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)),
            ],
            cwd=PROJECT,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise QuestError(
            f"`prefect deploy` failed ({done.returncode}):\n{done.stdout[-_SHOWN:]}",
            "Correct what it names and run again: what is done is not done twice.",
        )
