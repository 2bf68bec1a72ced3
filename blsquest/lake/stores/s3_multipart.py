"""Objects too large for one request: parts, several at a time, put together at the end."""

from __future__ import annotations

import os
from contextlib import suppress
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from blsquest.core.errors import StoreError
from blsquest.core.stop import Stopped, Workers, raise_if_stopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blsquest.lake.stores.s3_client import S3Client


MIB = 1 << 20
MOST_PARTS = 10_000
"""S3's limit."""
PART = 8 * MIB
IN_FLIGHT = 4
"""Parts in memory at a time, over all uploads of the process: 32 MiB, and up to as much again in
the sockets' buffers (more only when a file passes 78 GiB and parts must grow)."""
COPY_PART = 512 * MIB
"""Copied inside S3: nothing passes through this process."""

_slots = BoundedSemaphore(IN_FLIGHT)


def _renew_slots() -> None:
    """A forked child has none of the uploads that held its parent's slots."""
    global _slots  # noqa: PLW0603 -- a semaphore that a fork copied can only be replaced
    _slots = BoundedSemaphore(IN_FLIGHT)


os.register_at_fork(after_in_child=_renew_slots)


def part_size(size: int, smallest: int) -> int:
    """Whole MiB, at least `smallest`, such that `size` bytes fit into the parts S3 allows."""
    needed = -(-size // MOST_PARTS)
    return max(smallest, -(-needed // MIB) * MIB)


def upload_in_parts(client: S3Client, path: Path, key: str, size: int) -> None:
    """Upload a file to a key that must be free.

    Raises:
        S3Error: With code TAKEN or CONFLICT, or a failure. The upload was aborted.
    """

    def send(upload: str, number: int, offset: int, length: int) -> dict[str, Any]:
        with _slots:
            raise_if_stopped()
            with path.open("rb") as file:
                body = os.pread(file.fileno(), length, offset)
            return client.call(
                "upload_part", Key=key, UploadId=upload, PartNumber=number, Body=body
            )

    _assemble(client, key, size, PART, send, IfNoneMatch="*")


def copy_in_parts(client: S3Client, source: str, target: str) -> str:
    """Copy an object of any size over `target`; the new object's ETag.

    Raises:
        StoreError: A failure; `source` changed meanwhile. The upload was aborted.
    """
    head = client.call("head_object", Key=source)

    def send(upload: str, number: int, offset: int, length: int) -> dict[str, Any]:
        raise_if_stopped()
        answer = client.call(
            "upload_part_copy",
            Key=target,
            UploadId=upload,
            PartNumber=number,
            CopySource={"Bucket": client.bucket, "Key": source},
            CopySourceRange=f"bytes={offset}-{offset + length - 1}",
            CopySourceIfMatch=head["ETag"],
        )
        result: dict[str, Any] = answer["CopyPartResult"]
        return result

    return _assemble(client, target, head["ContentLength"], COPY_PART, send)


def _assemble(
    client: S3Client,
    key: str,
    size: int,
    smallest: int,
    send: Callable[[str, int, int, int], dict[str, Any]],
    **condition: str,
) -> str:
    """Start, send all parts, complete; the ETag. Any failure aborts the upload."""
    upload: str = client.call("create_multipart_upload", Key=key)["UploadId"]
    step = part_size(size, smallest)

    def sent(place: tuple[int, int]) -> dict[str, Any]:
        number, offset = place
        return _part(number, send(upload, number, offset, min(step, size - offset)))

    try:
        # The block ends only when no part is under way: one that arrives after the abort would
        # stay, and be paid for.
        with Workers(IN_FLIGHT, "s3-part") as pool:
            parts = list(pool.map(sent, enumerate(range(0, size, step), start=1)))
            answer = client.call(
                "complete_multipart_upload",
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                **condition,
            )
    except BaseException:
        with suppress(StoreError, Stopped):  # the first failure is the one to report
            client.call("abort_multipart_upload", Key=key, UploadId=upload)
        raise
    etag: str = answer["ETag"]
    return etag


def _part(number: int, answer: dict[str, Any]) -> dict[str, Any]:
    """How Complete names a part: with each checksum that was agreed on, or S3 refuses it."""
    checksums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
    return {"PartNumber": number, "ETag": answer["ETag"], **checksums}
