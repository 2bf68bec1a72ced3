"""Terraform's outputs and the settings of `python -m deployments apply` are one list."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from deployments.settings import SETTINGS, read_settings, terraform_outputs
from tests.infra.terraform import MODULE

if TYPE_CHECKING:
    from tests.infra.conftest import Stack

OUTPUT = re.compile(r'^output "(\w+)"', re.MULTILINE)


def test_the_outputs_are_the_settings_that_terraform_makes() -> None:
    outputs = OUTPUT.findall((MODULE / "outputs.tf").read_text())
    assert sorted(outputs) == sorted(
        name.lower() for name, each in SETTINGS.items() if each.provisioned
    )


@pytest.mark.infra
def test_what_terraform_prints_is_what_apply_reads(stack: Stack) -> None:
    printed = json.dumps(stack.terraform.read("output", "-json"))
    given = {
        "IMAGE_TAG": "0123abc",
        "PREFECT_API_URL": "http://prefect.internal:4200/api",
        "PREFECT_API_AUTH_STRING": "me:secret",
    }
    settings = read_settings(given, terraform_outputs(printed))
    assert settings.lake == f"s3://{stack.bucket}"
    assert list(settings.subnets) == stack.outputs["subnets"]
    assert settings.assign_public_ip
    assert settings.glue_database == "bls_data_quest"
    assert settings.task_role_arn.endswith(":role/bls-data-quest-flow")
