"""A lake's reference (path, bucket or block) and the store that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from blsquest.core.errors import Misuse
from blsquest.lake.stores import HINT, open_directory, open_store

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect_aws import S3Bucket
    from prefect_aws.client_parameters import AwsClientParameters

    from blsquest.lake.stores.base import Store

    B = TypeVar("B", bound=Block)

REFERENCE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+", re.ASCII)
"""A block document: the slug of its type, and its name."""

_REGISTER = "Register the blocks with: .venv/bin/python -m blocks"


def open_lake(reference: str) -> Store:
    """Open the store behind a path, a bucket or a block; the only request is for the block.

    Raises:
        Misuse: The reference names no lake, or a file, or the block is not registered.
    """
    store = open_store(reference)
    if store is not None:
        return store
    kind = reference.partition("/")[0] if REFERENCE.fullmatch(reference) else ""
    if kind == "s3-bucket":
        # prefect_aws takes 0.6 s to import: only a block of its own is worth it.
        from prefect_aws import S3Bucket

        return bucket_of(load(S3Bucket, reference), reference)
    if kind == "local-file-system":
        from prefect.filesystems import LocalFileSystem

        if path := load(LocalFileSystem, reference).basepath:
            return open_directory(Path(path))
        raise Misuse(f"{reference} has no base path.", _REGISTER)
    meant = f"Did you mean ./{reference}? " if re.fullmatch(r"\w[\w./ -]*", reference) else ""
    raise Misuse(f"{reference!r} names no lake.", meant + HINT)


def load(kind: type[B], reference: str) -> B:
    """Load the block document that `type-slug/name` names.

    Raises:
        Misuse: The reference is of another type, nothing is registered under it, or another
            version of this program registered it.
    """
    slug, name = kind.get_block_type_slug(), reference.partition("/")[2]
    if reference != f"{slug}/{name}":
        raise Misuse(
            f"{reference!r} is no reference to a block of type {slug}.",
            f"Write {slug}/ and the name that it is registered under.",
        )
    try:
        block = find(kind, name)
    except RuntimeError as error:
        raise Misuse(
            f"The block {reference} was saved by another version and cannot be read.", _REGISTER
        ) from error
    if block is None:
        raise Misuse(f"No block {reference} is registered in this Prefect workspace.", _REGISTER)
    return block


def find(kind: type[B], name: str) -> B | None:
    """Return the block document of that name, or None where there is none.

    Raises:
        RuntimeError: It does not fit this version of the block.
    """
    try:
        return cast("B", kind.load(name))
    except ValueError:
        return None


def bucket_of(block: S3Bucket, reference: str) -> Store:
    """Open the bucket that a block describes; asks nobody anything yet.

    Raises:
        Misuse: Its credentials are of a kind that this lake does not take.
    """
    from blsquest.lake.stores.s3 import S3Store
    from blsquest.lake.stores.s3_options import S3Options

    credentials = block.credentials
    if getattr(credentials, "assume_role_arn", None):
        raise Misuse(
            f"The credentials of {reference} name a role to assume, which this lake does not do.",
            "Leave it out of the block and set AWS_ROLE_ARN or a profile, which AWS's own chain "
            "follows.",
        )
    secret = getattr(credentials, "aws_secret_access_key", None)
    how = credentials.aws_client_parameters
    asked = (how.config or {}).get("s3") or {}
    options = S3Options(
        key=getattr(credentials, "aws_access_key_id", None),
        secret=secret.get_secret_value() if secret else None,
        token=getattr(credentials, "aws_session_token", None),
        profile=getattr(credentials, "profile_name", None),
        region=getattr(credentials, "region_name", None),
        endpoint=how.endpoint_url,
        verify=_verify(how),
        encryption=asked.get("ServerSideEncryption"),
        kms_key=asked.get("SSEKMSKeyId"),
    )
    return S3Store(block.bucket_name, block.bucket_folder, options)


def _verify(how: AwsClientParameters) -> bool | str | None:
    """Return what a block says of certificates: False, a CA's file, or None for the usual ones."""
    if how.verify is False:
        return False
    path = how.verify_cert_path or (how.verify if how.verify is not True else None)
    return str(path) if path else None
