"""What a deployment needs to be told: the one list of settings, and reading them. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from blocks.reference import Bucket, parse_lake
from flows.lake.model import Misuse
from flows.sources.config import check_contact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        name: Its environment variable; in lower case, Terraform's output.
        purpose: What it is for, in one sentence for people.
        provisioned: Whether Terraform makes it, so that `--from` can bring it.
        default: What an absent one means; None where it must be set.
    """

    name: str
    purpose: str
    provisioned: bool = True
    default: str | None = None


SETTINGS = (
    Setting("AWS_REGION", "The AWS region of the cluster and the lake, for example us-east-1."),
    Setting("CLUSTER_ARN", "ARN of the ECS cluster that runs the flows."),
    Setting("SUBNETS", "Ids of the subnets that tasks run in, separated by commas."),
    Setting("SECURITY_GROUPS", "Ids of the tasks' security groups, separated by commas."),
    Setting("ASSIGN_PUBLIC_IP", "true in public subnets without NAT, else false."),
    Setting("EXECUTION_ROLE_ARN", "ARN of the role that starts tasks: image, secret, logs."),
    Setting("TASK_ROLE_ARN", "ARN of the role that flows work under: the lake, nothing else."),
    Setting("LOG_GROUP", "Name of the CloudWatch log group of the tasks' output."),
    Setting("IMAGE_REPOSITORY", "The image's ECR repository, without a tag."),
    Setting("LAKE", "Where the lake is kept: s3://bucket or s3://bucket/prefix."),
    Setting(
        "PREFECT_API_SECRET_ARN",
        "ARN of the secret that holds the Prefect API key (Cloud) or auth string (a server of your "
        "own). Only a server without authentication needs none.",
    ),
    Setting("BLS_CONTACT", "The e-mail address at which publishers reach you; BLS asks for it."),
    Setting(
        "CAPACITY_PROVIDER",
        "FARGATE_SPOT (a third of the price, may be stopped and then runs again) or FARGATE.",
        default="FARGATE_SPOT",
    ),
    Setting("WORK_POOL", "Name of the Prefect work pool.", default="bls-data-quest"),
    Setting(
        "IMAGE_TAG",
        "The image's immutable tag: a git commit (7 to 40 hex digits) or a version (1.2.3).",
        provisioned=False,
    ),
    Setting(
        "PREFECT_API_URL",
        "The Prefect API: https://api.prefect.cloud/api/accounts/…/workspaces/…, or your server's.",
        provisioned=False,
    ),
    Setting("PREFECT_API_KEY", "Prefect Cloud: an API key.", provisioned=False, default=""),
    Setting(
        "PREFECT_API_AUTH_STRING",
        "A Prefect server of your own that asks for one: user:password.",
        provisioned=False,
        default="",
    ),
    Setting(
        "NOTIFY_WEBHOOK_URL",
        'A URL that takes {"text": …} by POST (Slack, Mattermost, Google Chat, your own). Absent: '
        "nobody is notified.",
        provisioned=False,
        default="",
    ),
)
"""Every setting that is read."""

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_TAG = re.compile(r"[0-9a-f]{7,40}|v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_REPOSITORY = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+")
_CLOUD = re.compile(r"(.+\.)?prefect\.cloud")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `SETTINGS` came to; `image` is repository and tag, `lake` has no slash at its end."""

    region: str
    cluster: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    assign_public_ip: bool
    execution_role: str
    task_role: str
    log_group: str
    image: str
    version: str
    lake: str
    api_secret: str | None
    api_is_cloud: bool
    contact: str
    capacity: Literal["FARGATE_SPOT", "FARGATE"]
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
    read = _Reader({**environment, **outputs})
    repository = read.one("IMAGE_REPOSITORY", _matching(_REPOSITORY, "a repository without a tag"))
    tag = read.one("IMAGE_TAG", _immutable)
    cloud = read.one("PREFECT_API_URL", _is_cloud)
    key = read.one("PREFECT_API_KEY", str)
    auth_string = read.one("PREFECT_API_AUTH_STRING", str)
    needs_secret = cloud or bool(auth_string)
    if cloud and not key:
        read.problems["PREFECT_API_KEY"] = "It is missing, and PREFECT_API_URL is Prefect Cloud's."
    settings = Settings(
        region=read.one("AWS_REGION", _matching(re.compile(r"[a-z]{2}(-[a-z]+)+-\d"), "a region")),
        cluster=read.one("CLUSTER_ARN", _arn("ecs", "cluster/")),
        subnets=read.one("SUBNETS", _ids("subnet-")),
        security_groups=read.one("SECURITY_GROUPS", _ids("sg-")),
        assign_public_ip=read.one("ASSIGN_PUBLIC_IP", _boolean),
        execution_role=read.one("EXECUTION_ROLE_ARN", _arn("iam", "role/")),
        task_role=read.one("TASK_ROLE_ARN", _arn("iam", "role/")),
        log_group=read.one("LOG_GROUP", _matching(re.compile(r"[\w./#-]{1,512}"), "a log group")),
        image=f"{repository}:{tag}",
        version=tag,
        lake=read.one("LAKE", _bucket),
        api_secret=read.one(
            "PREFECT_API_SECRET_ARN", _arn("secretsmanager", "secret:"), required=needs_secret
        ),
        api_is_cloud=cloud,
        contact=read.one("BLS_CONTACT", check_contact),
        capacity=read.one("CAPACITY_PROVIDER", _capacity),
        work_pool=read.one("WORK_POOL", _matching(re.compile(r"[\w. -]+"), "a work pool's name")),
        notify=read.one("NOTIFY_WEBHOOK_URL", _webhook),
    )
    read.raise_if_any()
    return settings


class _Reader:
    """Reads one setting after the other, and collects what is wrong with them."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.problems: dict[str, str] = {}

    def one(self, name: str, check: Callable[[str], T], *, required: bool = True) -> T | Any:
        """The setting as `check` reads it; None where it is wrong, or absent and not required."""
        default = _BY_NAME[name].default
        value = self._given.get(name, "").strip() or default
        if value is None:
            if required:
                self.problems[name] = "It is missing."
            return None
        try:
            return check(value)
        except Misuse as error:
            self.problems[name] = error.what
            return None

    def raise_if_any(self) -> None:
        """Say all problems at once."""
        if not self.problems:
            return
        lines = [f"  {n}: {what}\n    {_BY_NAME[n].purpose}" for n, what in self.problems.items()]
        raise Misuse(
            "These settings are missing or impossible:\n" + "\n".join(lines),
            "Set them in the environment, or take them from Terraform: terraform "
            "-chdir=deployments/terraform output -json | python -m deployments apply --from - "
            "(nothing was changed).",
        )


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise Misuse(f"{value!r} is not {what}.")
        return value

    return check


def _immutable(tag: str) -> str:
    if not _TAG.fullmatch(tag):
        raise Misuse(f"{tag!r} may name another image tomorrow.")
    return tag


def _arn(service: str, resource: str) -> Callable[[str], str]:
    pattern = re.compile(rf"arn:aws[a-z-]*:{service}:[a-z0-9-]*:\d{{12}}:{resource}\S+")
    return _matching(pattern, f"an ARN like arn:aws:{service}:…:{resource}…")


def _ids(prefix: str) -> Callable[[str], tuple[str, ...]]:
    def check(value: str) -> tuple[str, ...]:
        ids = tuple(re.findall(r"[^\s,\"\[\]]+", value))
        if not ids or not all(re.fullmatch(rf"{prefix}[0-9a-f]+", one) for one in ids):
            raise Misuse(f"{value!r} are not ids like {prefix}0123abcd.")
        return ids

    return check


def _boolean(value: str) -> bool:
    if value.lower() not in {"true", "false"}:
        raise Misuse(f"{value!r} is neither true nor false.")
    return value.lower() == "true"


def _bucket(value: str) -> str:
    place = parse_lake(value)
    if not isinstance(place, Bucket):
        raise Misuse(f"{value!r} is no bucket, and tasks on ECS keep no directory.")
    return value.rstrip("/")


def _capacity(value: str) -> str:
    if value not in {"FARGATE_SPOT", "FARGATE"}:
        raise Misuse(f"{value!r} is neither FARGATE_SPOT nor FARGATE.")
    return value


def _is_cloud(value: str) -> bool:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        # It is not shown: up to an @ there may be a password.
        raise Misuse("It is not like https://host/api.")
    return bool(_CLOUD.fullmatch(parts.hostname))


def _webhook(value: str) -> SecretStr | None:
    if value and not re.fullmatch(r"https?://[!-~]+", value):
        # It is not shown: a webhook's address is its password.
        raise Misuse("It is not like https://host/path.")
    return SecretStr(value) if value else None
