"""From the environment to the block documents that should be registered. Pure.

A field that a variable governs is set by it, also when the variable is absent: then to its
default. Fields that no variable governs (timeouts, a CA bundle) are left as a person set them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from pydantic import Secret, SecretStr

from blocks.reference import Bucket, parse_lake
from blsquest.core.errors import Misuse
from blsquest.sources.bls import BLS_PER_SECOND, BLS_ROOT
from blsquest.sources.config import check_contact, check_root, check_url
from blsquest.sources.datausa import POPULATION_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLES = {
    "LAKE": "Required. Where the lake is kept: s3://bucket/prefix, or a directory's path.",
    "LAKE_REGION": "The bucket's AWS region. Absent: the environment's chain decides.",
    "LAKE_ENDPOINT_URL": "The URL of an S3-compatible server. Absent: AWS.",
    "LAKE_ACCESS_KEY_ID": "Only where no role or profile serves: an access key, with its secret.",
    "LAKE_SECRET_ACCESS_KEY": "The secret of that key; Prefect stores it encrypted.",
    "BLS_CONTACT": "Required. The e-mail address at which publishers reach you; BLS blocks robots "
    "without one.",
    "BLS_URL": f"The URL that holds the survey folders. Absent: {BLS_ROOT}",
    "BLS_DOWNLOADS_PER_SECOND": "Requests a second at BLS; 0 for no limit, at a server of your own "
    f"only. Absent: {BLS_PER_SECOND:g}, which BLS bears.",
    "POPULATION_URL": "The whole request for the population. Absent: DataUSA's of today.",
}
"""Every variable that is read, and what for."""

T = TypeVar("T")

_OF_BUCKETS = ("LAKE_REGION", "LAKE_ENDPOINT_URL", "LAKE_ACCESS_KEY_ID", "LAKE_SECRET_ACCESS_KEY")


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that holds another block document."""

    document: str


Value = str | float | SecretStr | Secret[dict[str, str]] | Reference | None


@dataclass(frozen=True, slots=True)
class Document:
    """One block document as the environment wants it.

    Attributes:
        kind: The slug of its block type.
        name: Its name.
        fields: The governed fields; a dot leads into a field's own fields.
    """

    kind: str
    name: str
    fields: Mapping[str, Value]

    @property
    def reference(self) -> str:
        """As flows name it: `type/name`."""
        return f"{self.kind}/{self.name}"


def desired_documents(environment: Mapping[str, str]) -> tuple[Document, ...]:
    """The documents to register, each after those that it refers to.

    Args:
        environment: The process's; an empty value counts as absent.

    Raises:
        Misuse: Variables are missing or impossible. All of them are named, and no secret is shown.
    """
    given = {name: value for name in VARIABLES if (value := environment.get(name, "").strip())}
    problems = _Problems()
    with_contact = problems.of("BLS_CONTACT", lambda: check_contact(given.get("BLS_CONTACT")))
    root = problems.of("BLS_URL", lambda: check_root(given.get("BLS_URL", BLS_ROOT)))
    pace = problems.of("BLS_DOWNLOADS_PER_SECOND", lambda: _pace(given))
    url = problems.of(
        "POPULATION_URL", lambda: check_url(given.get("POPULATION_URL", POPULATION_URL))
    )
    lake = _lake(given, problems)
    problems.raise_if_any()
    return (
        Document(
            "bls-source",
            "bls",
            {"base_url": root, "contact": with_contact, "downloads_per_second": pace},
        ),
        Document("population-source", "datausa", {"url": url, "contact": with_contact}),
        *lake,
    )


def changed_fields(desired: Mapping[str, Value], present: Mapping[str, Value]) -> tuple[str, ...]:
    """The governed fields whose present value is another than the desired one, sorted."""
    return tuple(sorted(f for f, value in desired.items() if present.get(f) != value))


class _Problems:
    """Collects what is wrong with each variable, so that all of it can be said at once."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def of(self, variable: str, check: Callable[[], T]) -> T | None:
        """The variable's value, or None where the check finds a problem with it."""
        try:
            return check()
        except Misuse as error:
            self.add(variable, error.what)
            return None

    def add(self, variable: str, what: str) -> None:
        self._found[variable] = what

    def raise_if_any(self) -> None:
        if self._found:
            lines = [f"  {v}: {what}\n    {VARIABLES[v]}" for v, what in self._found.items()]
            raise Misuse(
                "These variables are missing or impossible:\n" + "\n".join(lines),
                "Set them and run again: .venv/bin/python -m blocks (nothing was registered).",
            )


def _pace(given: Mapping[str, str]) -> float:
    text = given.get("BLS_DOWNLOADS_PER_SECOND", str(BLS_PER_SECOND))
    try:
        pace = float(text)
    except ValueError:
        pace = math.nan
    if not 0 <= pace < math.inf:
        raise Misuse(
            f"{text!r} is not a number of downloads a second, 0 or more.",
            "Write 1, which BLS bears.",
        )
    return pace


def _lake(given: Mapping[str, str], problems: _Problems) -> tuple[Document, ...]:
    if "LAKE" not in given:
        problems.add("LAKE", "It is missing.")
        return ()
    place = problems.of("LAKE", lambda: parse_lake(given["LAKE"]))
    if isinstance(place, Bucket):
        return _bucket(place, given, problems)
    if isinstance(place, Path):
        for variable in _OF_BUCKETS:
            if variable in given:
                problems.add(variable, "It has no meaning for a lake in a directory: unset it.")
        return (Document("local-file-system", "lake", {"basepath": str(place)}),)
    if place is not None:
        problems.add("LAKE", f"{given['LAKE']!r} is a block's name already.")
    return ()


def _bucket(place: Bucket, given: Mapping[str, str], problems: _Problems) -> tuple[Document, ...]:
    key, secret = given.get("LAKE_ACCESS_KEY_ID"), given.get("LAKE_SECRET_ACCESS_KEY")
    if key and not secret:
        problems.add("LAKE_SECRET_ACCESS_KEY", "It is missing beside LAKE_ACCESS_KEY_ID.")
    if secret and not key:
        problems.add("LAKE_ACCESS_KEY_ID", "It is missing beside LAKE_SECRET_ACCESS_KEY.")
    endpoint = given.get("LAKE_ENDPOINT_URL")
    if endpoint and not _is_endpoint(endpoint):
        # It is not shown: up to an @ there may be a password.
        problems.add("LAKE_ENDPOINT_URL", "It is not like https://host:port.")
    credentials = Document(
        "aws-credentials",
        "lake",
        {
            "aws_access_key_id": key,
            "aws_secret_access_key": SecretStr(secret) if secret else None,
            # The token of earlier, temporary keys would spoil these, or the role's.
            "aws_session_token": None,
            "region_name": given.get("LAKE_REGION"),
            "aws_client_parameters.endpoint_url": endpoint,
        },
    )
    bucket = Document(
        "s3-bucket",
        "lake",
        {
            "bucket_name": place.name,
            "bucket_folder": place.prefix,
            "credentials": Reference(credentials.reference),
        },
    )
    return credentials, bucket


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and not parts.query
        and not parts.fragment
    )
