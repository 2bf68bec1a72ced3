"""The settings of an installation, from the environment and from what Terraform has made. Pure.

No message shows a secret, nor a text that may hold one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr

from blsquest.core.errors import Misuse
from blsquest.lake.stores import open_store
from blsquest.lake.stores.s3_options import ENCRYPTIONS
from blsquest.sources.bls import BLS_ROOT
from blsquest.sources.config import check_contact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
Capacity = Literal["FARGATE", "FARGATE_SPOT"]
Architecture = Literal["X86_64", "ARM64"]

_TAG = re.compile(r"[0-9a-f]{7,40}|v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_FROM_TERRAFORM = (
    "terraform -chdir=deployments/terraform output -json | the same command again, with --from -"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting is for, and what its text must be like.

    Attributes:
        purpose: For people.
        check: From its text to its value; raises `Misuse`.
        default: What an absent one means; None where it must be set.
        provisioned: Whether Terraform makes it, so that `--from` brings it.
    """

    purpose: str
    check: Callable[[str], Any]
    default: str | None = None
    provisioned: bool = True


def _matching(pattern: str, what: str) -> Callable[[str], str]:
    """Return a check that the whole text is like `pattern`, which people call `what`."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Misuse(f"{text!r} is not {what}.")
        return text

    return check


def _arn(service: str, resource: str) -> Callable[[str], str]:
    """Return a check for such an ARN, in any of AWS's partitions."""
    return _matching(
        rf"arn:aws[a-z-]*:{service}:[a-z0-9-]*:\d{{12}}:{resource}\S+",
        f"an ARN like arn:aws:{service}:…:{resource}…",
    )


def _ids(prefix: str) -> Callable[[str], tuple[str, ...]]:
    """Return a check for a list of ids: JSON, as Terraform prints it, or with commas."""

    def check(text: str) -> tuple[str, ...]:
        found = tuple(re.findall(r"[^\s,\"\[\]]+", text))
        if not found or not all(re.fullmatch(rf"{prefix}[0-9a-f]+", one) for one in found):
            raise Misuse(f"{text!r} are not ids like {prefix}0123abcd.")
        return found

    return check


def _optional(check: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda text: check(text) if text else None


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise Misuse(f"{text!r} is neither true nor false.")
    return text.lower() == "true"


def immutable(tag: str) -> str:
    """Check that an image's tag always names the same image."""
    if not _TAG.fullmatch(tag):
        raise Misuse(f"{tag!r} may name another image tomorrow.")
    return tag


def _bucket(lake: str) -> str:
    if open_store(lake) is None or not lake.startswith("s3://"):
        raise Misuse(f"{lake!r} is no bucket, and tasks on ECS keep no directory.")
    return lake.rstrip("/")


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    """Return a check that the text is one of these names."""

    def check(text: str) -> str:
        if text not in names:
            raise Misuse(f"{text!r} is not {' or '.join(names)}.")
        return text

    return check


def _api(url: str) -> str:
    wrong = Misuse(
        "It is not like https://host/api, or https://api.prefect.cloud/api/accounts/…/workspaces/…"
    )
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise wrong
    workspace = "/accounts/[^/]+/workspaces/[^/]+" if _is_cloud(parts.hostname) else ""
    if not re.fullmatch(f"(/[^/]+)*/api{workspace}/?", parts.path):
        raise wrong
    return url


def _is_cloud(host: str) -> bool:
    return f".{host}".endswith(".prefect.cloud")


def _contact(contact: str) -> str:
    return check_contact(contact, BLS_ROOT)  # no placeholder out of a document


def _webhook(url: str) -> SecretStr | Literal["none"]:
    if url == "none":
        return "none"
    if not re.fullmatch(r"https?://[!-~]+", url):
        raise Misuse("It is neither like https://host/path nor none.")
    return SecretStr(url)


SETTINGS = {
    "AWS_REGION": Setting(
        "The AWS region of the cluster and the lake, for example us-east-1.",
        _matching(r"[a-z]{2}(-[a-z]+)+-\d", "a region"),
    ),
    "CLUSTER_ARN": Setting("ARN of the ECS cluster that runs the flows.", _arn("ecs", "cluster/")),
    "SUBNETS": Setting(
        "Ids of the subnets that tasks run in, separated by commas.", _ids("subnet-")
    ),
    "SECURITY_GROUPS": Setting(
        "Ids of the tasks' security groups, separated by commas.", _ids("sg-")
    ),
    "ASSIGN_PUBLIC_IP": Setting("true in public subnets without NAT, else false.", _boolean),
    "EXECUTION_ROLE_ARN": Setting(
        "ARN of the role that starts tasks: image, secret, logs.", _arn("iam", "role/")
    ),
    "TASK_ROLE_ARN": Setting(
        "ARN of the role that flows work under: the lake, its tables in Glue.",
        _arn("iam", "role/"),
    ),
    "LOG_GROUP": Setting(
        "Name of the CloudWatch log group of the tasks' output.",
        _matching(r"[\w./#-]{1,512}", "a log group's name"),
    ),
    "IMAGE_REPOSITORY": Setting(
        "The image's ECR repository, without a tag.",
        _matching(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+", "a repository without a tag"),
    ),
    "LAKE": Setting("Where the lake is kept: s3://bucket or s3://bucket/prefix.", _bucket),
    "LAKE_ENCRYPTION": Setting(
        "What each write asks for: AES256, aws:kms or aws:kms:dsse. Absent: the bucket decides.",
        _optional(_one_of(ENCRYPTIONS)),
        default="",
    ),
    "LAKE_KMS_KEY": Setting(
        "ARN of the lake's KMS key. Absent: none, or AWS's own for S3.",
        _optional(_arn("kms", "key/")),
        default="",
    ),
    "GLUE_DATABASE": Setting(
        "Name of the Glue database in which Athena finds the lake's tables. Absent: none.",
        _optional(_matching(r"[a-z0-9_]{1,255}", "the name of a Glue database")),
        default="",
    ),
    "PREFECT_API_SECRET_ARN": Setting(
        "ARN of the secret that holds the Prefect API key (Cloud) or auth string (a server of your "
        "own). Only a server without authentication needs none.",
        _optional(_arn("secretsmanager", "secret:")),
        default="",
    ),
    "BLS_CONTACT": Setting(
        "The e-mail address at which publishers reach you; BLS asks for it.", _contact
    ),
    "CAPACITY_PROVIDER": Setting(
        "Where runs are placed whose deployment does not say: FARGATE, or FARGATE_SPOT (a third of "
        "the price; none is left at times, and a run may be stopped and then runs again).",
        _one_of(get_args(Capacity)),
        default="FARGATE",
    ),
    "CPU_ARCHITECTURE": Setting(
        "The processor that the image is built for: X86_64, or ARM64.",
        _one_of(get_args(Architecture)),
        default="X86_64",
    ),
    "WORK_POOL": Setting(
        "Name of the Prefect work pool.",
        # Prefect keeps names that begin with its own for itself.
        _matching(r"(?i:(?!prefect))[\w. -]+", "a work pool's name"),
        default="bls-data-quest",
    ),
    "IMAGE_TAG": Setting(
        "The image's immutable tag: a git commit (7 to 40 hex digits) or a version (1.2.3).",
        immutable,
        provisioned=False,
    ),
    "PREFECT_API_URL": Setting(
        "The Prefect API: https://api.prefect.cloud/api/accounts/…/workspaces/…, or your server's.",
        _api,
    ),
    "PREFECT_API_KEY": Setting("Prefect Cloud: an API key.", bool, default="", provisioned=False),
    "PREFECT_API_AUTH_STRING": Setting(
        "A Prefect server of your own that asks for one: user:password.",
        bool,
        default="",
        provisioned=False,
    ),
    "NOTIFY_WEBHOOK_URL": Setting(
        'A URL that takes {"text": …} by POST (Slack, Mattermost, Google Chat, your own). Absent: '
        "the registered one stays. none: it goes, and nobody is notified.",
        _optional(_webhook),
        default="",
        provisioned=False,
    ),
}
"""Every setting that is read, by its environment variable; in lower case it is Terraform's output.

Of the Prefect API's secrets only whether they are given: its client reads them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of `SETTINGS`."""

    aws_region: str
    cluster_arn: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    assign_public_ip: bool
    execution_role_arn: str
    task_role_arn: str
    log_group: str
    image_repository: str
    lake: str
    lake_encryption: str | None
    lake_kms_key: str | None
    glue_database: str | None
    prefect_api_secret_arn: str | None
    bls_contact: str
    capacity_provider: Capacity
    cpu_architecture: Architecture
    work_pool: str
    image_tag: str
    prefect_api_url: str
    prefect_api_key: bool
    prefect_api_auth_string: bool
    notify_webhook_url: SecretStr | Literal["none"] | None

    @property
    def api_is_cloud(self) -> bool:
        """Whether the Prefect API is Prefect Cloud's."""
        return _is_cloud(urlsplit(self.prefect_api_url).hostname or "")


def terraform_outputs(text: str) -> dict[str, str]:
    """Return the settings in what `terraform output -json` prints; other outputs are left out.

    Raises:
        Misuse: It is not such a document.
    """
    try:
        held = {name.upper(): output["value"] for name, output in json.loads(text).items()}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise Misuse(
            "What --from gave is not what `terraform output -json` prints.",
            f"Run: {_FROM_TERRAFORM}",
        ) from error
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in held.items()
        if name in SETTINGS and SETTINGS[name].provisioned and value is not None
    }


def read_settings(environment: Mapping[str, str], outputs: Mapping[str, str]) -> Settings:
    """Return all settings, or say all that is wrong with them.

    Args:
        environment: The process's.
        outputs: Terraform's (see `terraform_outputs`), which take precedence.

    Raises:
        Misuse: Settings are missing or impossible: every one is named, with what it is for.
    """
    values, problems = _checked(SETTINGS, {**environment, **outputs})
    here, there = (given.get("PREFECT_API_URL") for given in (environment, outputs))
    if here and there and here != there:
        problems["PREFECT_API_URL"] = "The environment names another one than Terraform does."
    # What is missing or impossible is empty here: it ends below.
    settings = Settings(**{name.lower(): "" for name in problems} | values)
    if settings.api_is_cloud and not settings.prefect_api_key:
        problems["PREFECT_API_KEY"] = "It is missing, and PREFECT_API_URL is Prefect Cloud's."
    for name in ("CLUSTER_ARN", "PREFECT_API_SECRET_ARN", "LAKE_KMS_KEY"):
        arn = values.get(name.lower())
        if arn and settings.aws_region not in {"", arn.split(":")[3]}:
            problems[name] = f"It lies in {arn.split(':')[3]}, and AWS_REGION is not that."
    asks = settings.api_is_cloud or settings.prefect_api_auth_string
    if asks and settings.prefect_api_secret_arn is None:
        problems["PREFECT_API_SECRET_ARN"] = "It is missing, and the API asks for one."  # noqa: S105 - what is wrong with it
    _refuse(problems)
    return settings


def read_some(
    names: Iterable[str], environment: Mapping[str, str], outputs: Mapping[str, str]
) -> dict[str, Any]:
    """Return these settings alone, by their names, for what needs no others.

    Raises:
        Misuse: As `read_settings`.
    """
    values, problems = _checked(names, {**environment, **outputs})
    _refuse(problems)
    return {name.upper(): value for name, value in values.items()}


def _checked(
    names: Iterable[str], given: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of settings in lower case, and what is wrong with the others."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in names:
        setting = SETTINGS[name]
        text = given.get(name, "").strip() or setting.default
        if text is None:
            problems[name] = "It is missing."
            continue
        try:
            values[name.lower()] = setting.check(text)
        except Misuse as error:
            problems[name] = error.what
    return values, problems


def _refuse(problems: Mapping[str, str]) -> None:
    if problems:
        lines = [
            f"  {name}: {what}\n    {SETTINGS[name].purpose}" for name, what in problems.items()
        ]
        terraform = any(SETTINGS[name].provisioned for name in problems)
        remedy = f", or take what Terraform has made: {_FROM_TERRAFORM}" if terraform else ""
        raise Misuse(
            "These settings are missing or impossible:\n" + "\n".join(lines),
            f"Set them in the environment{remedy} (nothing was changed).",
        )
