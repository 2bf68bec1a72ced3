"""Terraform for tests: the project's module in a folder of its own, providers from a local mirror.

A mirror is what `terraform providers mirror` makes: a folder that holds
`registry.terraform.io/hashicorp/aws`. No test reaches Terraform's registry.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULE = Path(__file__).parents[2] / "deployments" / "terraform"
REGISTRY = "registry.terraform.io"
SOFTWARE = ("opt", "srv", "usr/share", "usr/local/share")
"""Where software is put on a Unix machine; a mirror is looked for in the folders there."""


def find_mirror() -> Path | None:
    """The provider mirror: TF_PLUGIN_MIRROR, else the first that lies where software does."""
    if named := os.environ.get("TF_PLUGIN_MIRROR"):
        return Path(named)
    places = [Path("/", place) for place in SOFTWARE]
    found = (p for place in places for p in sorted(place.glob(f"*/{REGISTRY}/hashicorp/aws")))
    return next((path.parents[2] for path in found if path.is_dir()), None)


@dataclass(frozen=True)
class Terraform:
    """A copy of the module, and the environment that terraform runs in there."""

    folder: Path
    environment: Mapping[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command; its output is kept."""
        return subprocess.Popen(
            ["terraform", *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """Run a command that must succeed; what it said."""
        return succeeded(self.start(*arguments))

    def read(self, *arguments: str) -> Any:
        """What a command says in JSON."""
        return json.loads(self.run(*arguments))


def succeeded(process: subprocess.Popen[str]) -> str:
    """Wait for a command that must succeed; what it said."""
    said, _ = process.communicate()
    assert process.returncode == 0, f"{process.args!r}:\n{said}"
    return said


def initialised(folder: Path, mirror: Path, environment: Mapping[str, str]) -> Terraform:
    """Copy the module to `folder`, with its tests but without anything that work left in it."""
    # Only what is in the module's own files: no state, no variables of a person who uses it.
    for source in (*MODULE.glob("*.tf"), *MODULE.glob("tests/*.tftest.hcl")):
        target = folder / source.relative_to(MODULE)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(source, target)
    settings = folder / "terraform.rc"
    settings.write_text(
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path = "{mirror}"\n    include = ["{REGISTRY}/*/*"]\n  }}\n'
        "}\n"
    )
    own = {"TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    terraform = Terraform(folder, {**environment, **own})
    terraform.run("init", "-no-color", "-input=false")
    return terraform
