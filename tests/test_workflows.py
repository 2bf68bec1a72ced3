"""What CI is told to do is there to be done, and what it takes from others is fixed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

PROJECT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
MINORS = [f"3.{minor}" for minor in range(30)]


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> str:
    """The text of one workflow."""
    path: Path = request.param
    return path.read_text()


def test_every_supported_python_is_tested_and_the_image_has_one_of_them() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    supported = list(SpecifierSet(project["requires-python"]).filter(MINORS))
    ci = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    base = re.search(r"^FROM python:(3\.\d+)-", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)

    assert ci["jobs"]["test"]["strategy"]["matrix"]["python"] == supported
    assert base is not None
    assert base[1] in supported


def test_what_a_workflow_makes_is_in_the_makefile(workflow: str) -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    made = re.findall(r"run: make ([a-z-]+)", workflow)

    assert made
    assert set(made) <= set(targets)


def test_an_action_of_others_is_fixed_by_its_commit_and_says_its_version(workflow: str) -> None:
    used = re.findall(r"uses: (.+)", workflow)

    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_no_job_may_do_more_than_it_says(workflow: str) -> None:
    parsed = yaml.safe_load(workflow)

    assert parsed["permissions"] == {}
    for name, job in parsed["jobs"].items():
        assert job["permissions"]["contents"] == "read", name
        assert job["timeout-minutes"] <= 60, name
        assert set(job["permissions"]) - {"contents"} <= (
            {"id-token"} if name == "deploy" else set()
        )
