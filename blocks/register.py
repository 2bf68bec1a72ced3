"""The block documents that the environment wants, and registering them.

A field that a variable governs is set by it, also when the variable is absent: then to its
default. Fields that no variable governs (timeouts, a CA bundle) stay as a person set them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from prefect.blocks.core import Block
from prefect.filesystems import LocalFileSystem
from prefect_aws import AwsCredentials, S3Bucket
from prefect_aws.client_parameters import AwsClientParameters
from pydantic import BaseModel, SecretStr

from blocks.lake import bucket_of, find
from blocks.publishers import BlsSource, PopulationSource
from blsquest.core.errors import Misuse, StoreError
from blsquest.lake.stores import HINT, open_store
from blsquest.lake.stores.base import prove_put_if_absent
from blsquest.lake.stores.s3_options import S3Options, check_encryption
from blsquest.sources.bls import BLS_PER_SECOND, BLS_ROOT
from blsquest.sources.config import check_contact, check_root, check_url
from blsquest.sources.datausa import POPULATION_URL

T = TypeVar("T")

VARIABLES = {
    "LAKE": "Required. Where the lake is kept: s3://bucket/prefix, or a directory's path.",
    "LAKE_REGION": "The bucket's AWS region. Absent: the environment's chain decides.",
    "LAKE_ENDPOINT_URL": "The URL of an S3-compatible server. Absent: AWS.",
    "LAKE_ACCESS_KEY_ID": "Only where no role or profile serves: an access key, with its secret.",
    "LAKE_SECRET_ACCESS_KEY": "The secret of that key; Prefect stores it encrypted.",
    "LAKE_ENCRYPTION": "What each write asks for: AES256, aws:kms or aws:kms:dsse. Absent: the "
    "bucket decides.",
    "LAKE_KMS_KEY": "The ARN of the KMS key. Absent: AWS's own for S3.",
    "BLS_CONTACT": "Required. The e-mail address at which publishers reach you; BLS blocks robots "
    "without one.",
    "BLS_URL": f"The URL that holds the survey folders. Absent: {BLS_ROOT}",
    "BLS_DOWNLOADS_PER_SECOND": "Requests a second at BLS; 0 for no limit, at a server of your own "
    f"only. Absent: {BLS_PER_SECOND:g}, which BLS bears.",
    "POPULATION_URL": "The whole request for the population. Absent: DataUSA's of today.",
}
"""Every variable that is read, and what for."""

_KEYS = ("LAKE_ACCESS_KEY_ID", "LAKE_SECRET_ACCESS_KEY")
_OF_BUCKETS = [name for name in VARIABLES if name.startswith("LAKE_")]


Done = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True, slots=True)
class Registered:
    """What was done with one document, and the names (never values) of fields that differed."""

    reference: str
    what: Done
    fields: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return one line for people."""
        fields = f": {', '.join(self.fields)}" if self.fields else ""
        return f"{self.reference:<28} {self.what}{fields}"


def wanted_blocks(environment: Mapping[str, str]) -> dict[str, Block]:
    """Return the blocks to register by `type/name`, each after those that it refers to.

    Only their governed fields are set (pydantic's `model_fields_set`).

    Args:
        environment: The process's; an empty value counts as absent.

    Raises:
        Misuse: Variables are missing or impossible. All of them are named, and no secret is shown.
    """
    given = {name: value for name in VARIABLES if (value := environment.get(name, "").strip())}
    problems: dict[str, str] = {}

    def checked(variable: str, check: Callable[[str], T], default: str = "") -> T | None:
        try:
            return check(given.get(variable, default))
        except Misuse as error:
            problems[variable] = error.what
            return None

    root = checked("BLS_URL", check_root, BLS_ROOT)
    contact = checked("BLS_CONTACT", lambda text: check_contact(text, root or ""))
    pace = checked("BLS_DOWNLOADS_PER_SECOND", _pace, str(BLS_PER_SECOND))
    url = checked("POPULATION_URL", check_url, POPULATION_URL)
    place = checked("LAKE", _place)
    in_bucket = (place or "").startswith("s3://")
    if in_bucket:
        problems |= _problems_of_bucket(given)
    elif place:
        problem = "It has no meaning for a lake in a directory: unset it."
        problems |= {name: problem for name in _OF_BUCKETS if name in given}
    if problems:
        lines = [f"  {name}: {what}\n    {VARIABLES[name]}" for name, what in problems.items()]
        raise Misuse(
            "These variables are missing or impossible:\n" + "\n".join(lines),
            "Set them and run again: .venv/bin/python -m blocks (nothing was registered).",
        )
    sources: dict[str, Block] = {
        "bls-source/bls": BlsSource(base_url=root, contact=contact, downloads_per_second=pace),
        "population-source/datausa": PopulationSource(url=url, contact=contact),
    }
    if place and in_bucket:
        return sources | _bucket(place, given)
    return sources | {"local-file-system/lake": LocalFileSystem(basepath=place)}


def register(wanted: Mapping[str, Block], *, dry_run: bool = False) -> Iterator[Registered]:
    """Create or update each document in turn, and say so as soon as it is done.

    Args:
        wanted: By `type/name`, with nothing set but the fields that are governed.
        dry_run: Write nothing, and tell what would be done.
    """
    for reference, block in wanted.items():
        if not dry_run:
            block.register_type_and_schema()
        name = reference.partition("/")[2]
        what: Done = "created"
        fields: Iterable[str] = ()
        try:
            present = find(type(block), name)
        except RuntimeError:  # saved by another version: nothing of it can be kept
            what, fields = "updated", block.model_fields_set
        else:
            if present is not None:
                fields = list(_compare(block, present))
                what = "updated" if fields else "unchanged"
                block._block_document_id = present._block_document_id  # noqa: SLF001 - what a block that refers to this one is saved with
        if what != "unchanged" and not dry_run:
            block.save(name, overwrite=True)
        yield Registered(reference, what, tuple(sorted(fields)))


def prove_storage(wanted: Mapping[str, Block]) -> str:
    """Check that the lake's bucket honours put-if-absent, before runs rely on it.

    Returns:
        A sentence for people if it can't be checked from here; else "".

    Raises:
        Refused: It does not.
    """
    bucket = wanted.get("s3-bucket/lake")
    if not isinstance(bucket, S3Bucket):
        return ""
    store = bucket_of(bucket, "s3-bucket/lake")
    try:
        prove_put_if_absent(store)
    except StoreError as error:
        return f"The first run will check that {store.url} honours put-if-absent. {error.what}"
    return ""


def _compare(wanted: BaseModel, present: BaseModel, path: str = "") -> Iterator[str]:
    """Name each governed field that differs, and fill in the others with what is present."""
    for name in type(wanted).model_fields:
        new, old = getattr(wanted, name), getattr(present, name)
        if name not in wanted.model_fields_set:
            wanted.__dict__[name] = old  # not by setattr, which would make it a governed field
        elif isinstance(new, Block):
            if new._block_document_id != old._block_document_id:  # noqa: SLF001 - Prefect's only name for a loaded block
                yield path + name
        elif isinstance(new, BaseModel):
            yield from _compare(new, old, f"{path}{name}.")
        elif new != old:
            yield path + name


def _pace(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (pace := float(text)) < math.inf:
            return pace
    raise Misuse(
        f"{text!r} is not a number of downloads a second, 0 or more.", "Write 1, which BLS bears."
    )


def _place(text: str) -> str:
    """Return the lake's own address: a folder's absolute path, or s3://bucket/prefix."""
    store = open_store(text) if text else None
    if store is None:
        raise Misuse(
            f"{text!r} is neither a path nor a bucket." if text else "It is missing.", HINT
        )
    return store.url


def _problems_of_bucket(given: Mapping[str, str]) -> dict[str, str]:
    problems = {}
    for one, other in (_KEYS, _KEYS[::-1]):
        if one in given and other not in given:
            problems[other] = f"It is missing beside {one}."
    endpoint = given.get("LAKE_ENDPOINT_URL")
    if endpoint and not _is_endpoint(endpoint):
        # It is not shown: up to an @ there may be a password.
        problems["LAKE_ENDPOINT_URL"] = "It is not like https://host:port."
    try:
        check_encryption(given.get("LAKE_ENCRYPTION"), given.get("LAKE_KMS_KEY"))
    except Misuse as error:
        problems["LAKE_KMS_KEY" if "KMS key" in error.what else "LAKE_ENCRYPTION"] = error.what
    return problems


def _bucket(place: str, given: Mapping[str, str]) -> dict[str, Block]:
    secret = given.get("LAKE_SECRET_ACCESS_KEY")
    encryption, key = given.get("LAKE_ENCRYPTION"), given.get("LAKE_KMS_KEY")
    options = S3Options(encryption=encryption, kms_key=key)
    credentials = AwsCredentials(
        aws_access_key_id=given.get("LAKE_ACCESS_KEY_ID"),
        aws_secret_access_key=SecretStr(secret) if secret else None,
        # The token of earlier, temporary keys would spoil these, or the role's.
        aws_session_token=None,
        region_name=given.get("LAKE_REGION"),
        aws_client_parameters=AwsClientParameters(
            endpoint_url=given.get("LAKE_ENDPOINT_URL"),
            # botocore lets such names pass.
            config={"s3": options.encrypted} if options.encrypted else None,
        ),
    )
    name, _, prefix = place.removeprefix("s3://").partition("/")
    bucket = S3Bucket(bucket_name=name, bucket_folder=prefix, credentials=credentials)
    return {"aws-credentials/lake": credentials, "s3-bucket/lake": bucket}


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return False
    web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return web and "@" not in parts.netloc and not parts.query and not parts.fragment
