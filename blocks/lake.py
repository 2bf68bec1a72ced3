"""A lake's reference (block, URL or path) → the store that it names."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.load import load
from blocks.reference import Bucket, parse_lake
from blsquest.core.errors import Misuse

if TYPE_CHECKING:
    from blsquest.lake.stores.base import Store


def open_lake(reference: str) -> Store:
    """The store behind a reference (see `parse_lake`); reaches nothing yet but a block's document.

    A bucket named by its URL takes credentials and endpoint from the environment, as AWS's own
    tools read it.

    Raises:
        Misuse: The reference names no lake, or a file, or the block is not registered.
    """
    place = parse_lake(reference)
    if isinstance(place, Path):
        return _directory(place)
    if isinstance(place, Bucket):
        from blsquest.lake.stores.s3 import S3Store

        return S3Store(place.name, place.prefix)
    return _s3_block(reference) if place.kind == "s3-bucket" else _local_block(reference)


def _directory(path: Path) -> Store:
    from blsquest.lake.stores.directory import DirectoryStore

    with suppress(OSError):  # which the store will tell more of
        if any(place.is_file() for place in (path, *path.parents)):
            raise Misuse(f"{path} is a file, or lies below one.", "Name a folder as the lake.")
    return DirectoryStore(path)


def _s3_block(reference: str) -> Store:
    # prefect_aws takes 0.6 s to import: only a block of its own is worth it.
    from prefect_aws import S3Bucket

    from blsquest.lake.stores.s3 import S3Store
    from blsquest.lake.stores.s3_client import S3Options

    block = load(S3Bucket, reference)
    credentials = block.credentials
    if getattr(credentials, "assume_role_arn", None):
        raise Misuse(
            f"The credentials of {reference} name a role to assume, which this lake does not do.",
            "Leave it out of the block and set AWS_ROLE_ARN or a profile, which AWS's own chain "
            "follows.",
        )
    secret = getattr(credentials, "aws_secret_access_key", None)
    how = credentials.aws_client_parameters
    options = S3Options(
        key=getattr(credentials, "aws_access_key_id", None),
        secret=secret.get_secret_value() if secret else None,
        token=getattr(credentials, "aws_session_token", None),
        profile=getattr(credentials, "profile_name", None),
        region=getattr(credentials, "region_name", None),
        endpoint=how.endpoint_url,
        verify=str(how.verify_cert_path) if how.verify_cert_path else bool(how.verify),
    )
    return S3Store(block.bucket_name, block.bucket_folder, options)


def _local_block(reference: str) -> Store:
    from prefect.filesystems import LocalFileSystem

    block = load(LocalFileSystem, reference)
    if not block.basepath:
        raise Misuse(
            f"{reference} has no base path.", "Register it again: .venv/bin/python -m blocks"
        )
    return _directory(Path(block.basepath).expanduser())
