"""The settings of an installation, from the environment and from what Terraform has made. Pure.

No message shows a secret, nor a text that may hold one.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from blsquest.core.errors import Misuse
from blsquest.lake.stores import open_store
from blsquest.lake.stores.s3_options import ENCRYPTIONS
from blsquest.sources.bls import BLS_ROOT
from blsquest.sources.config import check_contact

NOT_OF_TERRAFORM = frozenset(
    {"image_tag", "prefect_api_key", "prefect_api_auth_string", "notify_webhook_url"}
)
"""The settings that Terraform does not make, so that `--from` never brings them."""

_TAG = re.compile(r"[0-9a-f]{7,40}|v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_FROM_TERRAFORM = (
    "terraform -chdir=deployments/terraform output -json | the same command again, with --from -"
)


def _like(pattern: str, what: str) -> AfterValidator:
    """Return a check that the whole text is like `pattern`, which people call `what`."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}.")
        return text

    return AfterValidator(check)


def _arn(service: str, resource: str) -> AfterValidator:
    """Return a check for such an ARN, in any of AWS's partitions."""
    return _like(
        rf"arn:aws[a-z-]*:{service}:[a-z0-9-]*:\d{{12}}:{resource}\S+",
        f"an ARN like arn:aws:{service}:…:{resource}…",
    )


def _ids(prefix: str) -> BeforeValidator:
    """Return a check for a list of ids: JSON, as Terraform prints it, or with commas."""

    def check(text: str) -> tuple[str, ...]:
        found = tuple(re.findall(r"[^\s,\"\[\]]+", text))
        if not found or not all(re.fullmatch(rf"{prefix}[0-9a-f]+", one) for one in found):
            raise ValueError(f"{text!r} are not ids like {prefix}0123abcd.")
        return found

    return BeforeValidator(check)


def immutable(tag: str) -> str:
    """Check that an image's tag always names the same image."""
    if not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} may name another image tomorrow.")
    return tag


def _bucket(lake: str) -> str:
    try:
        elsewhere = open_store(lake) is None
    except Misuse as error:
        raise ValueError(error.what) from error
    if elsewhere or not lake.startswith("s3://"):
        raise ValueError(f"{lake!r} is no bucket, and tasks on ECS keep no directory.")
    return lake.rstrip("/")


def _api(url: str) -> str:
    cloud = "/accounts/[^/]+/workspaces/[^/]+" if _is_cloud(url) else ""
    # A password in it would be shown; urlsplit looks at the port only where it is asked for.
    if not re.fullmatch(rf"https?://[^/@\s]+(/[^/]+)*/api{cloud}/?", url) or not _host(url):
        raise ValueError(
            "It is not like https://host/api, or "
            "https://api.prefect.cloud/api/accounts/…/workspaces/…"
        )
    return url


def _host(url: str) -> str | None:
    with suppress(ValueError):
        parts = urlsplit(url)
        return None if parts.port == 0 else parts.hostname
    return None


def _is_cloud(url: str) -> bool:
    return f".{_host(url)}".endswith(".prefect.cloud")


def _contact(contact: str) -> str:
    try:
        return check_contact(contact, BLS_ROOT)  # no placeholder out of a document
    except Misuse as error:
        raise ValueError(error.what) from error


def _webhook(url: str) -> str:
    if url != "none" and not re.fullmatch(r"https?://[!-~]+", url):
        raise ValueError("It is neither like https://host/path nor none.")
    return url


class Cluster(BaseModel):
    """Where the worker runs. Each setting is read from the environment variable in capitals."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)

    aws_region: Annotated[str, _like(r"[a-z]{2}(-[a-z]+)+-\d", "a region")]
    """The AWS region of the cluster and the lake, for example us-east-1."""
    cluster_arn: Annotated[str, _arn("ecs", "cluster/")]
    """ARN of the ECS cluster that runs the flows."""

    @field_validator("cluster_arn", "lake_kms_key", "prefect_api_secret_arn", check_fields=False)
    @classmethod
    def _in_the_region(cls, arn: str | None, info: ValidationInfo) -> str | None:
        region = info.data.get("aws_region")
        if arn and region and arn.split(":")[3] != region:
            raise ValueError(f"It lies in {arn.split(':')[3]}, and AWS_REGION is not that.")
        return arn


class Target(Cluster):
    """And the image that it is to run."""

    image_repository: Annotated[
        str, _like(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+", "a repository without a tag")
    ]
    """The image's ECR repository, without a tag."""
    image_tag: Annotated[str, AfterValidator(immutable)]
    """The image's immutable tag: a git commit (7 to 40 hex digits) or a version (1.2.3)."""

    @property
    def image(self) -> str:
        """Repository and tag."""
        return f"{self.image_repository}:{self.image_tag}"


class Settings(Target):
    """All settings. But for `NOT_OF_TERRAFORM` each is one of Terraform's outputs too."""

    subnets: Annotated[tuple[str, ...], _ids("subnet-")]
    """Ids of the subnets that tasks run in, separated by commas."""
    security_groups: Annotated[tuple[str, ...], _ids("sg-")]
    """Ids of the tasks' security groups, separated by commas."""
    assign_public_ip: bool
    """true in public subnets without NAT, else false."""
    execution_role_arn: Annotated[str, _arn("iam", "role/")]
    """ARN of the role that starts tasks: image, secret, logs."""
    task_role_arn: Annotated[str, _arn("iam", "role/")]
    """ARN of the role that flows work under: the lake, its tables in Glue."""
    log_group: Annotated[str, _like(r"[\w./#-]{1,512}", "a log group's name")]
    """Name of the CloudWatch log group of the tasks' output."""
    lake: Annotated[str, AfterValidator(_bucket)]
    """Where the lake is kept: s3://bucket or s3://bucket/prefix."""
    lake_encryption: Annotated[str, _like("|".join(ENCRYPTIONS), "an encryption")] | None = None
    """What each write asks for: AES256, aws:kms or aws:kms:dsse. Absent: the bucket decides."""
    lake_kms_key: Annotated[str, _arn("kms", "key/")] | None = None
    """ARN of the lake's KMS key. Absent: none, or AWS's own for S3."""
    glue_database: Annotated[str, _like(r"[a-z0-9_]{1,255}", "a Glue database")] | None = None
    """Name of the Glue database in which Athena finds the lake's tables. Absent: none."""
    bls_contact: Annotated[str, AfterValidator(_contact)]
    """The e-mail address at which publishers reach you; BLS asks for it."""
    capacity_provider: Literal["FARGATE", "FARGATE_SPOT"] = "FARGATE"
    """Where runs are placed whose deployment does not say: FARGATE, or FARGATE_SPOT (a third of the
    price; none is left at times, and a run may be stopped and then runs again)."""
    cpu_architecture: Literal["X86_64", "ARM64"] = "X86_64"
    """The processor that the image is built for: X86_64, or ARM64."""
    # Prefect keeps names that begin with its own for itself.
    work_pool: Annotated[str, _like(r"(?i:(?!prefect))[\w. -]+", "a work pool's name")] = (
        "bls-data-quest"
    )
    """Name of the Prefect work pool."""
    prefect_api_url: Annotated[str, AfterValidator(_api)]
    """The Prefect API: https://api.prefect.cloud/api/accounts/…/workspaces/…, or your server's."""
    # Of the API's secrets only whether they are given: its client reads them.
    prefect_api_key: Annotated[bool, BeforeValidator(bool)] = Field(
        default=False, validate_default=True
    )
    """Prefect Cloud: an API key."""
    prefect_api_auth_string: Annotated[bool, BeforeValidator(bool)] = False
    """A Prefect server of your own that asks for one: user:password."""
    prefect_api_secret_arn: Annotated[str, _arn("secretsmanager", "secret:")] | None = Field(
        None, validate_default=True
    )
    """ARN of the secret that holds the Prefect API key (Cloud) or auth string (a server of your
    own). Only a server without authentication needs none."""
    notify_webhook_url: Annotated[Literal["none"] | SecretStr, BeforeValidator(_webhook)] | None = (
        None
    )
    """A URL that takes {"text": …} by POST (Slack, Mattermost, Google Chat, your own). Absent: the
    registered one stays. none: it goes, and nobody is notified."""

    @property
    def api_is_cloud(self) -> bool:
        """Whether the Prefect API is Prefect Cloud's."""
        return _is_cloud(self.prefect_api_url)

    @field_validator("prefect_api_key")
    @classmethod
    def _of_cloud(cls, given: bool, info: ValidationInfo) -> bool:
        if not given and _is_cloud(info.data.get("prefect_api_url", "")):
            raise ValueError("It is missing, and PREFECT_API_URL is Prefect Cloud's.")
        return given

    @field_validator("prefect_api_secret_arn")
    @classmethod
    def _where_the_api_asks(cls, arn: str | None, info: ValidationInfo) -> str | None:
        cloud = _is_cloud(info.data.get("prefect_api_url", ""))
        if not arn and (cloud or info.data.get("prefect_api_auth_string")):
            raise ValueError("It is missing, and the API asks for one.")
        return arn


S = TypeVar("S", bound=Cluster)


def terraform_outputs(text: str) -> dict[str, str]:
    """Return the settings in what `terraform output -json` prints; other outputs are left out.

    Raises:
        Misuse: It is not such a document.
    """
    try:
        held = {name: output["value"] for name, output in json.loads(text).items()}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise Misuse(
            "What --from gave is not what `terraform output -json` prints.",
            f"Run: {_FROM_TERRAFORM}",
        ) from error
    return {
        name.upper(): value if isinstance(value, str) else json.dumps(value)
        for name, value in held.items()
        if name in Settings.model_fields.keys() - NOT_OF_TERRAFORM and value is not None
    }


def problems(kind: type[Cluster], given: Mapping[str, str]) -> dict[str, str]:
    """Return the problems of missing and invalid settings, by environment variable."""
    try:
        kind.model_validate(_texts(kind, given))
    except ValidationError as error:
        return {
            str(each["loc"][0]).upper(): "It is missing."
            if each["type"] == "missing"
            else each["msg"].removeprefix("Value error, ")
            for each in error.errors(include_input=False)
        }
    return {}


def read_settings(kind: type[S], environment: Mapping[str, str], outputs: Mapping[str, str]) -> S:
    """Return settings, or raise all their problems. Terraform's outputs take precedence.

    Raises:
        Misuse: Settings are missing or invalid: every one is named, with what it is for.
    """
    given = {**environment, **outputs}
    wrong = problems(kind, given)
    here, there = (each.get("PREFECT_API_URL") for each in (environment, outputs))
    if "prefect_api_url" in kind.model_fields and here and there and here != there:
        wrong["PREFECT_API_URL"] = "The environment names another one than Terraform does."
    if not wrong:
        return kind.model_validate(_texts(kind, given))
    terraform = {name.lower() for name in wrong} - NOT_OF_TERRAFORM
    remedy = f", or take what Terraform has made: {_FROM_TERRAFORM}" if terraform else ""
    lines = [f"  {name}: {what}\n    {purpose(name)}" for name, what in wrong.items()]
    raise Misuse(
        "These settings are missing or impossible:\n" + "\n".join(lines),
        f"Set them in the environment{remedy} (nothing was changed).",
    )


def purpose(name: str) -> str:
    """Return what a setting is for, in one line."""
    return " ".join((Settings.model_fields[name.lower()].description or "").split())


def _texts(kind: type[Cluster], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that are given, by field: an empty one is as good as absent."""
    texts = {name: given.get(name.upper(), "").strip() for name in kind.model_fields}
    return {name: text for name, text in texts.items() if text}
