"""`python -m deployments` as people and CI run it."""

import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient

from deployments.project_file import PROJECT
from tests.deployments.installation import ENVIRONMENT, OUTPUTS, as_terraform_prints
from tests.support.prefect_server import PrefectServer, clean_environment


def run(
    arguments: list[str], environment: dict[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deployments", *arguments],
        cwd=PROJECT,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=480,
    )


def test_check_names_what_differs_with_1_and_apply_makes_it_so(
    workspace: SyncPrefectClient, prefect_server: PrefectServer
) -> None:
    environment = prefect_server.environment | {"IMAGE_TAG": "0123abc"}
    address = environment.pop("PREFECT_API_URL")  # Terraform's output is enough
    printed = as_terraform_prints(OUTPUTS | {"prefect_api_url": address})

    before = run(["apply", "--from", "-", "--check"], environment, printed)
    nothing = workspace.read_deployments()
    applied = run(["apply", "--from", "-"], environment, printed)
    after = run(["apply", "--from", "-", "--check"], environment, printed)

    assert before.returncode == 1, before.stderr
    assert f"Prefect API: {address}" in before.stdout
    assert "create deployment pipeline/daily-pipeline" in before.stdout
    assert nothing == []
    assert applied.returncode == 0, applied.stderr
    assert "  create deployment pipeline/daily-pipeline\n" in applied.stdout
    assert "Nobody is notified of failures: NOTIFY_WEBHOOK_URL is not set." in applied.stdout
    assert after.returncode == 0
    assert after.stdout.endswith("All is as declared.\n")
    assert len(workspace.read_deployments()) == 5


def test_missing_settings_are_named_before_anything_is_imported_or_asked(tmp_path: Path) -> None:
    done = run(["apply"], clean_environment(tmp_path))

    assert done.returncode == 2
    for name in ("CLUSTER_ARN", "IMAGE_TAG", "LAKE", "BLS_CONTACT", "PREFECT_API_URL"):
        assert f"  {name}: It is missing." in done.stderr
    assert "terraform -chdir=deployments/terraform output -json" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_api_that_does_not_answer_is_named_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(as_terraform_prints(OUTPUTS))
    api = "http://127.0.0.1:1/api"
    given = {"PREFECT_CLIENT_MAX_RETRIES": "0", "PREFECT_API_URL": api}

    done = run(["apply", "--from", str(file)], clean_environment(tmp_path) | ENVIRONMENT | given)

    assert done.returncode == 1
    assert f"The Prefect API at {api} does not answer" in done.stderr
    assert "Start it (make dashboard PORT=1), or correct PREFECT_API" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("source", ["nowhere.json", "-"])
def test_a_source_of_settings_that_cannot_be_read_is_named(tmp_path: Path, source: str) -> None:
    done = run(["apply", "--from", source], clean_environment(tmp_path) | ENVIRONMENT, "no JSON")

    assert done.returncode == 2
    assert "--from" in done.stderr or "nowhere.json cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_lint_with_env_asks_for_the_image(tmp_path: Path) -> None:
    asked = run(["lint", "--env"], clean_environment(tmp_path))

    assert asked.returncode == 1
    assert "It uses $IMAGE_TAG, which is not set" in asked.stderr


@pytest.mark.parametrize(
    ("arguments", "meant"), [(["aply"], "apply"), (["deploy", "--step", "wrker"], "worker")]
)
def test_what_is_mistyped_ends_with_2_and_what_was_meant(
    tmp_path: Path, arguments: list[str], meant: str
) -> None:
    done = run(arguments, clean_environment(tmp_path))

    assert done.returncode == 2
    assert f'Did you mean "{meant}"?' in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["worker", "findings"])
def test_a_profile_that_aws_does_not_know_is_named_with_what_to_do(
    tmp_path: Path, command: str
) -> None:
    environment = clean_environment(tmp_path) | ENVIRONMENT | {"AWS_PROFILE": "nobody"}

    done = run([command, "--from", "-"], environment, as_terraform_prints(OUTPUTS))

    assert done.returncode == 1
    assert done.stderr.startswith("AWS: The config profile (nobody) could not be found\nCheck the")
