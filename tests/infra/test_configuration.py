"""The Terraform module by itself: its form, its own tests, the checks of a linter for security."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.infra.terraform import MODULE, Terraform

pytestmark = [pytest.mark.infra, pytest.mark.usefixtures("applying")]

CHECKOV = Path(__file__).parents[2] / ".venv" / "infra" / "bin" / "checkov"


def test_the_module_is_formatted(terraform: Terraform) -> None:
    assert not terraform.run("fmt", "-check", "-recursive", "-no-color", str(MODULE))


def test_the_module_is_valid(terraform: Terraform) -> None:
    assert terraform.read("validate", "-json")["diagnostics"] == []


def test_the_modules_own_tests_pass(terraform: Terraform) -> None:
    said = terraform.run("test", "-no-color")
    assert "0 failed" in said
    assert " 0 passed" not in said


def test_checkov_finds_nothing_that_is_not_explained_beside_it() -> None:
    if not CHECKOV.exists():
        pytest.skip("NOT TESTED: checkov is not installed. Run it all with: make infra-test")
    command = [CHECKOV, "--directory", MODULE, "--framework", "terraform", "--compact", "--quiet"]
    # --skip-download: it would ask its maker's server for texts.
    answer = subprocess.run(
        [*map(str, command), "--skip-download"],
        env=os.environ | {"LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout
    assert "Failed checks: 0" in answer.stdout
