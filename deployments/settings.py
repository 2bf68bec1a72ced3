"""What a deployment needs to be told: the one list of settings, and reading them. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployments import checks
from flows.lake.model import Misuse
from flows.sources.config import check_contact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from deployments.checks import Capacity


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        name: Its environment variable; in lower case, Terraform's output.
        purpose: What it is for, for people.
        check: From its text to its value; raises `Misuse`.
        provisioned: Whether Terraform makes it, so that `--from` brings it.
        default: What an absent one means; None where it must be set.
    """

    name: str
    purpose: str
    check: Callable[[str], Any]
    provisioned: bool = True
    default: str | None = None


SETTINGS = (
    Setting(
        "AWS_REGION",
        "The AWS region of the cluster and the lake, for example us-east-1.",
        checks.matching(r"[a-z]{2}(-[a-z]+)+-\d", "a region"),
    ),
    Setting(
        "CLUSTER_ARN",
        "ARN of the ECS cluster that runs the flows.",
        checks.arn("ecs", "cluster/"),
    ),
    Setting(
        "SUBNETS",
        "Ids of the subnets that tasks run in, separated by commas.",
        checks.ids("subnet-"),
    ),
    Setting(
        "SECURITY_GROUPS",
        "Ids of the tasks' security groups, separated by commas.",
        checks.ids("sg-"),
    ),
    Setting(
        "ASSIGN_PUBLIC_IP",
        "true in public subnets without NAT, else false.",
        checks.boolean,
    ),
    Setting(
        "EXECUTION_ROLE_ARN",
        "ARN of the role that starts tasks: image, secret, logs.",
        checks.arn("iam", "role/"),
    ),
    Setting(
        "TASK_ROLE_ARN",
        "ARN of the role that flows work under: the lake, nothing else.",
        checks.arn("iam", "role/"),
    ),
    Setting(
        "LOG_GROUP",
        "Name of the CloudWatch log group of the tasks' output.",
        checks.matching(r"[\w./#-]{1,512}", "a log group's name"),
    ),
    Setting(
        "IMAGE_REPOSITORY",
        "The image's ECR repository, without a tag.",
        checks.matching(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+", "a repository without a tag"),
    ),
    Setting(
        "LAKE",
        "Where the lake is kept: s3://bucket or s3://bucket/prefix.",
        checks.bucket,
    ),
    Setting(
        "PREFECT_API_SECRET_ARN",
        "ARN of the secret that holds the Prefect API key (Cloud) or auth string (a server of your "
        "own). Only a server without authentication needs none.",
        checks.optional(checks.arn("secretsmanager", "secret:")),
        default="",
    ),
    Setting(
        "BLS_CONTACT",
        "The e-mail address at which publishers reach you; BLS asks for it.",
        check_contact,
    ),
    Setting(
        "CAPACITY_PROVIDER",
        "FARGATE_SPOT (a third of the price, may be stopped and then runs again) or FARGATE.",
        checks.capacity,
        default="FARGATE_SPOT",
    ),
    Setting(
        "WORK_POOL",
        "Name of the Prefect work pool.",
        checks.matching(r"[\w. -]+", "a work pool's name"),
        default="bls-data-quest",
    ),
    Setting(
        "IMAGE_TAG",
        "The image's immutable tag: a git commit (7 to 40 hex digits) or a version (1.2.3).",
        checks.immutable,
        provisioned=False,
    ),
    Setting(
        "PREFECT_API_URL",
        "The Prefect API: https://api.prefect.cloud/api/accounts/…/workspaces/…, or your server's.",
        checks.api,
        provisioned=False,
    ),
    Setting("PREFECT_API_KEY", "Prefect Cloud: an API key.", str, provisioned=False, default=""),
    Setting(
        "PREFECT_API_AUTH_STRING",
        "A Prefect server of your own that asks for one: user:password.",
        str,
        provisioned=False,
        default="",
    ),
    Setting(
        "NOTIFY_WEBHOOK_URL",
        'A URL that takes {"text": …} by POST (Slack, Mattermost, Google Chat, your own). Absent: '
        "nobody is notified.",
        checks.optional(checks.webhook),
        provisioned=False,
        default="",
    ),
)
"""Every setting that is read."""

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
    notify: SecretStr | None


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
            "python -m deployments apply --from -",
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
        try:
            if text is None:
                raise Misuse("It is missing.")
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
        problems["PREFECT_API_SECRET_ARN"] = "It is missing, and the Prefect API asks for a secret."
    return problems


def _misuse(problems: Mapping[str, str]) -> Misuse:
    lines = [f"  {name}: {what}\n    {_BY_NAME[name].purpose}" for name, what in problems.items()]
    remedy = "Set them in the environment"
    if any(_BY_NAME[name].provisioned for name in problems):
        remedy += (
            ", or take what Terraform has made: terraform -chdir=deployments/terraform output "
            "-json | python -m deployments apply --from -"
        )
    return Misuse(
        "These settings are missing or impossible:\n" + "\n".join(lines),
        f"{remedy} (nothing was changed).",
    )
