"""An invented installation: what Terraform would have made, and what is declared for it."""

import json
from collections.abc import Iterable
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.responses import DeploymentResponse

from deployments.apply import apply, declare
from deployments.changes import Change
from deployments.project_file import read_project_file
from deployments.settings import Settings, read_settings, terraform_outputs
from deployments.work_pool import read_template
from deployments.workspace import Declared

OUTPUTS: dict[str, Any] = {
    "aws_region": "us-east-1",
    "cluster_arn": "arn:aws:ecs:us-east-1:123456789012:cluster/bls-data-quest",
    "subnets": ["subnet-0a", "subnet-0b"],
    "security_groups": ["sg-0a"],
    "assign_public_ip": True,
    "execution_role_arn": "arn:aws:iam::123456789012:role/bls-data-quest-execution",
    "task_role_arn": "arn:aws:iam::123456789012:role/bls-data-quest-flow",
    "log_group": "/bls-data-quest/flows",
    "image_repository": "123456789012.dkr.ecr.us-east-1.amazonaws.com/bls-data-quest",
    "glue_database": "bls_data_quest",
    "lake": "s3://bls-data-quest-lake/some/prefix",
    "prefect_api_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:api-AbCdEf",
    "bls_contact": "me@quest.test",
    "capacity_provider": "FARGATE",
    "cpu_architecture": "X86_64",
    "work_pool": "bls-data-quest",
}
ENVIRONMENT = {"IMAGE_TAG": "0123abc", "PREFECT_API_URL": "http://127.0.0.1:4200/api"}
CLOUD = {
    "PREFECT_API_URL": "https://api.prefect.cloud/api/accounts/a/workspaces/w",
    "PREFECT_API_KEY": "pnu_hush",
}


def as_terraform_prints(outputs: dict[str, Any]) -> str:
    return json.dumps({name: {"sensitive": False, "value": v} for name, v in outputs.items()})


def settings(**environment: str) -> Settings:
    """The invented installation's, with these variables set otherwise."""
    outputs = terraform_outputs(as_terraform_prints(OUTPUTS))
    changed = {name: value for name, value in environment.items() if name in outputs}
    return read_settings(Settings, ENVIRONMENT | environment, outputs | changed)


def declared(*names: str, **environment: str) -> Declared:
    """What is declared for it.

    Args:
        names: The names of those deployments of prefect.yaml, without their flows'; none for all.
            Fewer are made sooner.
        environment: Variables that are set otherwise.
    """
    content = read_project_file()
    content["deployments"] = [d for d in content["deployments"] if not names or d["name"] in names]
    return declare(settings(**environment), {}, content, read_template())


def applied(what: Declared) -> list[Change]:
    """Apply it; the changes made."""
    return list(apply(what))


def sentences(changes: Iterable[Change]) -> list[str]:
    return [change.sentence() for change in changes]


def deployments(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """All of a workspace, by `flow/name`."""
    found = client.read_deployments()
    return {f"{client.read_flow(d.flow_id).name}/{d.name}": d for d in found}
