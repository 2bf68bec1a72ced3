"""Objects too large for one request: parts, several at a time, put together at the end."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from blsquest.core.errors import StoreError
from blsquest.core.stop import Stopped, Workers, raise_if_stopped
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


def part_size(size: int, smallest: int) -> int:
    """Whole MiB, at least `smallest`, such that `size` bytes fit into the parts S3 allows."""
    needed = -(-size // MOST_PARTS)
    return max(smallest, -(-needed // MIB) * MIB)


def upload_in_parts(client: S3Client, path: Path, key: str, size: int) -> None:
    """Upload a file to a key that must be free; S3Error TAKEN or CONFLICT where it is not."""

    def send(part: dict[str, Any], offset: int, length: int) -> dict[str, Any]:
        with _slots:
            raise_if_stopped()
            with path.open("rb") as file:
                body = os.pread(file.fileno(), length, offset)
            return client.ask("upload_part", **part, Body=body)

    _assemble(client, key, size, PART, send, IfNoneMatch="*")


def copy_in_parts(client: S3Client, source: str, target: str) -> str:
    """Copy an object of any size over `target`; return the new object's ETag.

    Fails where `source` changed meanwhile.
    """
    head = client.ask("head_object", Key=source)

    def send(part: dict[str, Any], offset: int, length: int) -> dict[str, Any]:
        raise_if_stopped()
        answer = client.ask(
            "upload_part_copy",
            **part,
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
    send: Callable[[dict[str, Any], int, int], dict[str, Any]],
    **condition: str,
) -> str:
    """Start, send all parts, complete; return the ETag. Any failure aborts the upload."""
    started = client.ask("create_multipart_upload", Key=key)
    upload = {"Key": key, "UploadId": started["UploadId"]}
    step = part_size(size, smallest)

    def sent(offset: int) -> dict[str, Any]:
        """Send a part; name it as Complete must: with each checksum that was agreed on."""
        number = offset // step + 1
        answer = send({**upload, "PartNumber": number}, offset, min(step, size - offset))
        checksums = {name: value for name, value in answer.items() if name.startswith("Checksum")}
        return {"PartNumber": number, "ETag": answer["ETag"], **checksums}

    try:
        # A part that arrived after the abort would stay, and be paid for: leaving this block waits
        # for those under way, which a stop cuts short.
        with Workers(IN_FLIGHT, "s3-part") as pool:
            parts = list(pool.map(sent, range(0, size, step)))
            done = client.ask(
                "complete_multipart_upload", **upload, MultipartUpload={"Parts": parts}, **condition
            )
    except BaseException:
        with suppress(StoreError, Stopped):  # the first failure is the one to report
            client.ask("abort_multipart_upload", **upload)
        raise
    etag: str = done["ETag"]
    return etag
