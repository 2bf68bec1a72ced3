"""What CI runs exists, and what it takes from others is pinned."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from deployments.settings import immutable

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
            {"id-token"} if name in {"deploy", "image"} else set()
        )


def jobs_with_the_account() -> Iterator[list[dict[str, Any]]]:
    """The steps of each job that uses the installation's values."""
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            if "id-token" in job["permissions"]:
                yield job["steps"]


def test_what_names_contact_and_account_is_a_secret_and_masked_before_it_is_used() -> None:
    jobs = list(jobs_with_the_account())

    assert len(jobs) == 2
    for steps in jobs:
        masking, *later = steps[2:]
        assert {step["uses"].split("@")[0] for step in steps[:2]} == {
            "actions/checkout",
            "actions/setup-python",
        }
        assert "deployments.github_env" in masking["run"]
        assert masking["env"]["TERRAFORM_OUTPUT"] == "${{ secrets.TERRAFORM_OUTPUT }}"
        for step in later:
            if step.get("uses", "").startswith("aws-actions/"):
                assert step["with"]["mask-aws-account-id"] is True
                assert step["with"]["role-to-assume"] == "${{ secrets.AWS_CI_ROLE_ARN }}"


def test_the_only_variable_that_is_no_secret_is_the_architecture(workflow: str) -> None:
    assert set(re.findall(r"vars\.(\w+)", workflow)) <= {"CPU_ARCHITECTURE"}


def test_an_image_is_built_on_the_newest_base_with_what_can_be_attested_and_each_week() -> None:
    ci = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    steps = {step.get("name"): step for step in ci["jobs"]["deploy"]["steps"]}
    built = steps["Build the image, with its bill of materials and provenance"]

    assert ci[True]["schedule"]  # YAML's `on`
    assert built["env"]["BUILD_OPTIONS"].split() == [
        "--pull",
        "--sbom=true",
        "--provenance=mode=max",
    ]
    assert list(steps)[-2:] == ["Deploy", "Bring the worker to the image"]


@pytest.mark.parametrize(
    ("event", "tag"),
    [
        ("push", "0123456789abcdef0123456789abcdef01234567"),
        ("schedule", r"\d+\.\d+\.\d+\S*-weekly\.\d{8}\.0123456"),
    ],
)
def test_what_ci_calls_an_image_never_changes_its_meaning(
    event: str, tag: str, tmp_path: Path
) -> None:
    ci = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    named = next(s for s in ci["jobs"]["deploy"]["steps"] if s.get("name") == "Name the image")
    given = {
        "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_ENV": str(tmp_path / "env"),
        "PATH": os.environ["PATH"],
    }
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", named["run"]], cwd=PROJECT, env=given, check=True
    )
    name, _, found = (tmp_path / "env").read_text().strip().partition("=")

    assert name == "IMAGE_TAG"
    assert re.fullmatch(tag, found)
    assert immutable(found) == found
