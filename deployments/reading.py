"""Reading the settings: from the environment, and from what Terraform has made. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from blsquest.core.errors import Misuse
from deployments import checks
from deployments.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from deployments.checks import Capacity

_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Settings:
    """What `SETTINGS` came to; the secrets of the Prefect API stay where its client reads them."""

    region: str
    cluster: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    assign_public_ip: bool
    execution_role: str
    task_role: str
    log_group: str
    image_repository: str
    image_tag: str
    lake: str
    api_secret: str | None
    api_is_cloud: bool
    contact: str
    capacity: Capacity
    work_pool: str
    notify: SecretStr | Literal["none"] | None


def terraform_outputs(text: str) -> dict[str, str]:
    """Settings out of what `terraform output -json` prints; outputs that are none are left out.

    Raises:
        Misuse: It is not such a document.
    """
    try:
        document = json.loads(text)
        held = {name.upper(): output["value"] for name, output in document.items()}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise Misuse(
            "What --from gave is not what `terraform output -json` prints.",
            "Run: terraform -chdir=deployments/terraform output -json | "
            ".venv/bin/python -m deployments apply --from -",
        ) from error
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in held.items()
        if name in _BY_NAME and _BY_NAME[name].provisioned and value is not None
    }


def read_settings(environment: Mapping[str, str], outputs: Mapping[str, str]) -> Settings:
    """All settings, or all that is wrong with them.

    Args:
        environment: The process's.
        outputs: Terraform's (see `terraform_outputs`), which go before the environment.

    Raises:
        Misuse: Settings are missing or impossible: every one is named, with what it is for. No
            value of a secret is shown.
    """
    given = {**environment, **outputs}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for setting in SETTINGS:
        text = given.get(setting.name, "").strip() or setting.default
        if text is None:
            problems[setting.name] = "It is missing."
            continue
        try:
            values[setting.name] = setting.check(text)
        except Misuse as error:
            problems[setting.name] = error.what
    api = values.get("PREFECT_API_URL")
    problems |= _of_the_api(values, is_cloud=api is not None and checks.is_cloud(api))
    if problems:
        raise _misuse(problems)
    return Settings(
        region=values["AWS_REGION"],
        cluster=values["CLUSTER_ARN"],
        subnets=values["SUBNETS"],
        security_groups=values["SECURITY_GROUPS"],
        assign_public_ip=values["ASSIGN_PUBLIC_IP"],
        execution_role=values["EXECUTION_ROLE_ARN"],
        task_role=values["TASK_ROLE_ARN"],
        log_group=values["LOG_GROUP"],
        image_repository=values["IMAGE_REPOSITORY"],
        image_tag=values["IMAGE_TAG"],
        lake=values["LAKE"],
        api_secret=values["PREFECT_API_SECRET_ARN"],
        api_is_cloud=checks.is_cloud(values["PREFECT_API_URL"]),
        contact=values["BLS_CONTACT"],
        capacity=values["CAPACITY_PROVIDER"],
        work_pool=values["WORK_POOL"],
        notify=values["NOTIFY_WEBHOOK_URL"],
    )


def _of_the_api(values: Mapping[str, Any], *, is_cloud: bool) -> dict[str, str]:
    """What the kind of Prefect API asks for: tasks get its secret from AWS, never by value."""
    problems = {}
    if is_cloud and not values.get("PREFECT_API_KEY"):
        problems["PREFECT_API_KEY"] = "It is missing, and PREFECT_API_URL is Prefect Cloud's."
    asked = is_cloud or values.get("PREFECT_API_AUTH_STRING")
    if asked and values.get("PREFECT_API_SECRET_ARN", "") is None:
        problems["PREFECT_API_SECRET_ARN"] = "It is missing, and the API asks for one."  # noqa: S105 - what is wrong with it
    return problems


def _misuse(problems: Mapping[str, str]) -> Misuse:
    lines = [f"  {name}: {what}\n    {_BY_NAME[name].purpose}" for name, what in problems.items()]
    remedy = "Set them in the environment"
    if any(_BY_NAME[name].provisioned for name in problems):
        remedy += (
            ", or take what Terraform has made: terraform -chdir=deployments/terraform output "
            "-json | .venv/bin/python -m deployments apply --from -"
        )
    return Misuse(
        "These settings are missing or impossible:\n" + "\n".join(lines),
        f"{remedy} (nothing was changed).",
    )
