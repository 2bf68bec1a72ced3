"""In GitHub Actions neither the contact nor the account's id is in a log, and steps get values."""

import subprocess
import sys
from pathlib import Path

import pytest

from deployments.project_file import PROJECT
from tests.deployments.installation import OUTPUTS as INVENTED
from tests.deployments.installation import as_terraform_prints

ACCOUNT, CONTACT = "123456789012", INVENTED["bls_contact"]
API = "https://api.prefect.cloud/api/accounts/a/workspaces/w"
OUTPUTS = INVENTED | {"prefect_api_url": API}


def run(folder: Path, printed: str, *runner: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the command with a secret; how it ended, and what it wrote for later steps."""
    file = folder / "env"
    file.touch()
    ended = subprocess.run(
        [sys.executable, "-S", "-m", "deployments.github_env", *runner],
        cwd=PROJECT,
        env={"TERRAFORM_OUTPUT": printed, "GITHUB_ENV": str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended, file.read_text()


def test_contact_and_account_are_masked_and_shown_nowhere_else(tmp_path: Path) -> None:
    ended, written = run(tmp_path, as_terraform_prints(OUTPUTS))

    assert ended.returncode == 0, ended.stderr
    assert set(ended.stdout.splitlines()) == {
        f"::add-mask::{hidden}" for hidden in (ACCOUNT, CONTACT, API)
    }
    assert ended.stderr == ""
    assert written.splitlines() == [
        "AWS_REGION=us-east-1",
        f"CLUSTER_ARN=arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/bls-data-quest",
        "CPU_ARCHITECTURE=X86_64",
        f"IMAGE_REPOSITORY={ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/bls-data-quest",
    ]


def test_a_runner_of_another_architecture_is_refused(tmp_path: Path) -> None:
    printed = as_terraform_prints(OUTPUTS | {"cpu_architecture": "ARM64"})

    refused, written = run(tmp_path, printed, "X86_64")
    right, _ = run(tmp_path, printed, "ARM64")

    assert refused.returncode == 2
    assert "gh variable set CPU_ARCHITECTURE --body ARM64" in refused.stderr
    assert written == ""
    assert right.returncode == 0


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "{",
        "[]",
        as_terraform_prints({"bls_contact": CONTACT}),
        as_terraform_prints(OUTPUTS | {"cluster_arn": "none"}),
        as_terraform_prints(OUTPUTS | {"bls_contact": None}),
        as_terraform_prints(OUTPUTS | {"image_repository": "a\nPATH=/evil"}),
    ],
)
def test_an_impossible_secret_is_refused_without_a_word_of_it(tmp_path: Path, printed: str) -> None:
    ended, written = run(tmp_path, printed)

    assert ended.returncode == 2
    assert "secret" in ended.stderr
    assert CONTACT not in ended.stderr
    assert written == ""
