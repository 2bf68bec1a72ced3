"""The project as it is deployed: its image, and `python -m deployments` over it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.ecs_standin.container import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 480
"""A hang: on two cores that others use too it took 130."""

_COPIED = re.compile(r"^COPY (\w+) \1$", re.MULTILINE)


def image() -> Image:
    """What the Dockerfile copies, and this interpreter's packages."""
    copied = _COPIED.findall((PROJECT / "Dockerfile").read_text())
    files = {name: PROJECT / name for name in copied}
    return Image(files | {".venv": Path(sys.prefix)})


def deployments(
    *arguments: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """`python -m deployments …`, which must end in time.

    Args:
        arguments: Its arguments.
        environment: All that it is told.
    """
    return subprocess.run(
        [sys.executable, "-m", "deployments", *arguments],
        cwd=PROJECT,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
