"""What a deployment needs to be told: the one list of settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blsquest.sources.config import check_contact
from deployments import checks

if TYPE_CHECKING:
    from collections.abc import Callable


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
        # Prefect keeps names that begin with its own for itself.
        checks.matching(r"(?i:(?!prefect))[\w. -]+", "a work pool's name"),
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
        "the registered one stays. none: it goes, and nobody is notified.",
        checks.optional(checks.webhook),
        provisioned=False,
        default="",
    ),
)
"""Every setting that is read."""
