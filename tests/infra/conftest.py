"""Fixtures of the infrastructure's tests (`make infra-test`).

terraform  the module, initialised; `terraform test` and the like run there
aws        moto, in a process of its own
applying   the module's `terraform apply` against moto, begun
stack      the same, done: its outputs, and what was made
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.infra.aws import Aws
from tests.infra.terraform import Terraform, find_mirror, initialised, succeeded
from tests.support.s3_servers import run_moto

VARIABLES = {
    "region": "us-east-1",
    "bls_contact": "data@quest.test",
    "prefect_api_url": "http://prefect.internal:4200/api",
    "github_repository": "someone/bls-data-quest",
    "github_owner_id": "1234567",
    "github_repository_id": "987654321",
    "cpu_architecture": "ARM64",
    "alarm_email": "ops@example.org",
    "kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-0000-4000-8000-000000000000",
}
PATH_STYLE = 'provider "aws" {\n  s3_use_path_style = true\n}\n'
"""The one setting that moto needs otherwise: its buckets have no host names."""


@dataclass(frozen=True)
class Stack:
    """What `terraform apply` made, with the values of each resource by its address."""

    terraform: Terraform
    aws: Aws
    outputs: Mapping[str, Any]
    resources: Mapping[str, Mapping[str, Any]]

    @property
    def bucket(self) -> str:
        """The lake's."""
        return str(self.outputs["lake"]).removeprefix("s3://")


@pytest.fixture(scope="session")
def provider_mirror() -> Path:
    """Terraform's providers, without its registry."""
    if shutil.which("terraform") is None:
        pytest.skip("NOT TESTED: the infrastructure. terraform is not installed (1.11 or later).")
    mirror = find_mirror()
    if mirror is None:
        pytest.skip(
            "NOT TESTED: the infrastructure. There is no mirror of Terraform's providers: make one "
            "(cd deployments/terraform && terraform providers mirror FOLDER) and set "
            "TF_PLUGIN_MIRROR=FOLDER."
        )
    return mirror


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """Moto's server, for everything that this session makes."""
    for server in run_moto(tmp_path_factory.mktemp("aws")):
        running = Aws(server.endpoint)
        # ECS's own, which an account has that has used ECS before.
        running.client("iam").create_role(
            Path="/aws-service-role/ecs.amazonaws.com/",
            RoleName="AWSServiceRoleForECS",
            AssumeRolePolicyDocument="{}",
        )
        yield running


@pytest.fixture(scope="session")
def terraform(
    provider_mirror: Path, aws: Aws, tmp_path_factory: pytest.TempPathFactory
) -> Terraform:
    """The module as it is in the project."""
    return initialised(tmp_path_factory.mktemp("module"), provider_mirror, aws.environment())


@pytest.fixture(scope="session")
def _applied_from(
    provider_mirror: Path, aws: Aws, tmp_path_factory: pytest.TempPathFactory
) -> Terraform:
    given = {f"TF_VAR_{name}": value for name, value in VARIABLES.items()}
    folder = tmp_path_factory.mktemp("applied")
    (folder / "moto_override.tf").write_text(PATH_STYLE)
    return initialised(folder, provider_mirror, aws.environment() | given)


@pytest.fixture(scope="session")
def applying(_applied_from: Terraform) -> Iterator[subprocess.Popen[str]]:
    """It takes a minute and a half, most of which Terraform waits for AWS to settle.

    Tests that need it to be begun and not done use that time.
    """
    process = _applied_from.start("apply", "-no-color", "-input=false", "-auto-approve")
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


@pytest.fixture(scope="session")
def stack(applying: subprocess.Popen[str], _applied_from: Terraform, aws: Aws) -> Stack:
    """Everything that Terraform makes, made."""
    succeeded(applying)
    values = _applied_from.read("show", "-json")["values"]
    return Stack(
        _applied_from,
        aws,
        {name: output["value"] for name, output in values["outputs"].items()},
        {each["address"]: each["values"] for each in values["root_module"]["resources"]},
    )
