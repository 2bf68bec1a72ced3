"""What a setting's text must be like, and what it means. Pure; no message shows a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr

from blocks.reference import Bucket, parse_lake
from blsquest.core.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Capacity = Literal["FARGATE_SPOT", "FARGATE"]

_TAG = re.compile(r"[0-9a-f]{7,40}|v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_CLOUD = re.compile(r"(.+\.)?prefect\.cloud")


def matching(pattern: str, what: str) -> Callable[[str], str]:
    """A check that the whole text is like `pattern`, which people call `what`."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Misuse(f"{text!r} is not {what}.")
        return text

    return check


def arn(service: str, resource: str) -> Callable[[str], str]:
    """A check that the text is the ARN of such a thing, in any of AWS's partitions."""
    return matching(
        rf"arn:aws[a-z-]*:{service}:[a-z0-9-]*:\d{{12}}:{resource}\S+",
        f"an ARN like arn:aws:{service}:…:{resource}…",
    )


def ids(prefix: str) -> Callable[[str], tuple[str, ...]]:
    """A check that the text is a list of ids: JSON, as Terraform prints it, or with commas."""

    def check(text: str) -> tuple[str, ...]:
        found = tuple(re.findall(r"[^\s,\"\[\]]+", text))
        if not found or not all(re.fullmatch(rf"{prefix}[0-9a-f]+", one) for one in found):
            raise Misuse(f"{text!r} are not ids like {prefix}0123abcd.")
        return found

    return check


def optional(check: Callable[[str], T]) -> Callable[[str], T | None]:
    """The same check, of a text that may be empty: then there is no value."""
    return lambda text: check(text) if text else None


def boolean(text: str) -> bool:
    """`true` or `false`."""
    if text.lower() not in {"true", "false"}:
        raise Misuse(f"{text!r} is neither true nor false.")
    return text.lower() == "true"


def immutable(tag: str) -> str:
    """An image's tag that always names the same image."""
    if not _TAG.fullmatch(tag):
        raise Misuse(f"{tag!r} may name another image tomorrow.")
    return tag


def bucket(lake: str) -> str:
    """A lake that tasks on ECS can keep."""
    if not isinstance(parse_lake(lake), Bucket):
        raise Misuse(f"{lake!r} is no bucket, and tasks on ECS keep no directory.")
    return lake.rstrip("/")


def capacity(text: str) -> Capacity:
    """One of Fargate's capacity providers."""
    if text not in get_args(Capacity):
        raise Misuse(f"{text!r} is neither FARGATE_SPOT nor FARGATE.")
    return cast("Capacity", text)


def api(url: str) -> str:
    """A Prefect API's address, without credentials in it."""
    # It is not shown: up to an @ there may be a password.
    wrong = Misuse("It is not like https://host/api.")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise wrong
    return url


def is_cloud(url: str) -> bool:
    """Whether that API is Prefect Cloud's."""
    return bool(_CLOUD.fullmatch(urlsplit(url).hostname or ""))


def webhook(url: str) -> SecretStr | Literal["none"]:
    """A webhook's address, which is its password too; or `none`."""
    if url == "none":
        return "none"
    if not re.fullmatch(r"https?://[!-~]+", url):
        raise Misuse("It is neither like https://host/path nor none.")
    return SecretStr(url)
