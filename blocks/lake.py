"""A lake's reference (block, URL or path) → the store that it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from blocks.load import load
from flows.lake.model import Misuse

if TYPE_CHECKING:
    from flows.lake.model import Store

HINT = "Write a path (./lake), a bucket (s3://bucket/prefix) or a block (s3-bucket/lake)."


def open_lake(reference: str) -> Store:
    """The store behind a reference; reaches nothing yet, except a block's document.

    A reference that starts with `/`, `.` or `~`, or `file://`, is a path; `s3://…` a bucket
    (credentials and endpoint from the environment, as AWS's own tools read it); `type/name` a
    Prefect block document of type `s3-bucket` or `local-file-system`.

    Raises:
        Misuse: It is none of these, or the block is not registered.
    """
    if reference.startswith(("/", ".", "~")):
        return _directory(reference)
    if reference.startswith("file://"):
        return _directory(unquote(urlsplit(reference).path))
    if reference.startswith("s3://"):
        return _bucket(reference)
    if reference.startswith("s3-bucket/"):
        return _s3_block(reference)
    if reference.startswith("local-file-system/"):
        return _local_block(reference)
    raise Misuse(f"{reference!r} names no lake.", HINT)


def _directory(path: str) -> Store:
    from flows.lake.store_directory import DirectoryStore

    return DirectoryStore(Path(path).expanduser().absolute())


def _bucket(url: str) -> Store:
    from flows.lake.store_s3 import S3Store

    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise Misuse(f"{url!r} is no bucket's address: s3://bucket/prefix.", HINT)
    return S3Store(parts.netloc, parts.path)


def _s3_block(reference: str) -> Store:
    # prefect_aws takes 0.6 s to import: only a block of its own is worth it.
    from prefect_aws import S3Bucket

    from flows.lake.s3_client import S3Options
    from flows.lake.store_s3 import S3Store

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
        raise Misuse(f"{reference} has no base path.", "Register it again: python -m blocks")
    return _directory(block.basepath)
