"""A lake in a bucket of S3, or of a server that speaks it and honours `If-None-Match`."""

from __future__ import annotations

import mimetypes
import random
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from blsquest.core.errors import Missing, Misuse, StoreError
from blsquest.core.usage import Meter
from blsquest.lake.stores.base import Stored, Unfinished, checked_key, checked_prefix
from blsquest.lake.stores.s3_client import S3Client, S3Options
from blsquest.lake.stores.s3_errors import CONFLICT, NO_UPLOAD, TAKEN, S3Error
from blsquest.lake.stores.s3_fast import Declined
from blsquest.lake.stores.s3_multipart import MIB, copy_in_parts, upload_in_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


LARGEST_PUT = 16 * MIB
"""Larger files go up in parts: a part that fails is sent again, not the whole file."""
CONFLICTS = 5
"""How often a write that met another one under way (409) is tried; the pauses add up to 1.5 s."""
TOO_LARGE_TO_COPY = {"InvalidRequest", "EntityTooLarge"}
"""What S3 answers to a CopyObject over 5 GiB. Asking costs a request only for such an object;
looking at the size first would cost one for every copy."""


class S3Store:
    """A `Store` below a prefix of one bucket, which must exist.

    Each verb is one request (a LIST one per 1,000 keys; an upload over 16 MiB one per 8 MiB and
    two more). Safe to use from any number of threads, processes and machines.
    """

    def __init__(self, bucket: str, prefix: str = "", options: S3Options | None = None) -> None:
        if not bucket or "/" in bucket:
            raise Misuse(f"{bucket!r} is not the name of a bucket.", "Write s3://bucket/prefix.")
        folder = prefix.strip("/")
        self._prefix = f"{checked_key(folder)}/" if folder else ""
        self.meter = Meter()
        self._client = S3Client(bucket, options or S3Options(), self.meter)
        self._tokens: dict[str, str] = {}
        self._hoped: set[str] = set()
        self._deleted: set[str] = set()

    @property
    def url(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._client.bucket}/{self._prefix}".rstrip("/")

    def console_url(self, key: str) -> str | None:
        """The object's page in AWS's console; None on any other server. Asks nobody."""
        return self._client.console_url(self._prefix + key)

    def list(self, prefix: str) -> Sequence[Stored]:
        """See `Store`."""
        with suppress(Declined):
            fast = self._client.fast.list(self._prefix + checked_prefix(prefix), self.meter)
            # One that stays there has a slash at its end, which obstore does not tell.
            if not self._deleted.isdisjoint(stored.key for stored in fast):
                raise Declined
            return sorted(
                (replace(stored, key=self._relative(stored.key)) for stored in fast),
                key=lambda stored: stored.key,
            )
        found = (
            Stored(self._relative(each["Key"]), each["Size"], _token(each))
            for page in self._pages(prefix)
            for each in page.get("Contents", ())
            if not each["Key"].endswith("/")  # what consoles put in place of a folder
        )
        return sorted(found, key=lambda stored: stored.key)

    def folders(self, prefix: str) -> Sequence[str]:
        """See `Store`."""
        with suppress(Declined):
            full = self._prefix + checked_prefix(prefix)
            return sorted(self._client.fast.folders(full, self.meter))
        return sorted(
            each["Prefix"].rstrip("/").rpartition("/")[2]
            for page in self._pages(prefix, Delimiter="/")
            for each in page.get("CommonPrefixes", ())
        )

    def size(self, key: str) -> int | None:
        """See `Store`. S3 answers alike for a bucket that is absent; the next verb tells."""
        with suppress(Declined):
            found = self._client.fast.head(self._key(key), self.meter)
            return None if found is None else found.size
        try:
            size: int = self._client.call("head_object", Key=self._key(key))["ContentLength"]
        except Missing:
            return None
        return size

    def read(self, key: str) -> bytes:
        """See `Store`."""
        full = self._key(key)
        with suppress(Declined):
            return self._client.fast.read(full, self.meter, self._client.url_of({"Key": full}))
        with self.open(key) as stream:
            return stream.read()

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        """See `Store`; a reader keeps the object it opened, whatever replaces it."""
        with self._client.open(self._key(key)) as stream:
            yield stream

    def put_new(self, key: str, body: bytes) -> bool:
        """See `Store`.

        A 412 may be our own doing: the server wrote the object, the answer was lost, and botocore
        asked again. So may a failure. The object itself tells.
        """
        full = self._key(key)
        with suppress(Declined):
            self._client.fast.write(full, body, len(body), self.meter, new=True)
            return True
        for _ in _attempts():
            try:
                self._client.call("put_object", Key=full, Body=body, IfNoneMatch="*")
            except S3Error as error:
                if error.code == CONFLICT:
                    continue
                if error.code != TAKEN and not error.transient:
                    raise
                try:
                    return self.read(key) == body
                except StoreError:
                    raise error from None
            return True
        raise self._busy(key)

    def put(self, key: str, body: bytes) -> None:
        """See `Store`; browsers are told the type that the key's suffix says."""
        kind = mimetypes.guess_type(key)[0] or "binary/octet-stream"
        with suppress(Declined):
            self._client.fast.write(
                self._key(key), body, len(body), self.meter, new=False, kind=kind
            )
            return
        self._client.call("put_object", Key=self._key(key), Body=body, ContentType=kind)

    def upload(self, path: Path, key: str) -> None:
        """See `Store`."""
        size = path.stat().st_size
        if size <= LARGEST_PUT:
            with suppress(Declined):
                full = self._key(key)
                self._tokens[full] = self._client.fast.write(full, path, size, self.meter, new=True)
                return
        for _ in _attempts():
            try:
                self._send(path, self._key(key), size)
            except S3Error as error:
                if error.code not in {TAKEN, CONFLICT, NO_UPLOAD}:
                    raise
                # NO_UPLOAD: completed, and the answer lost, if the object is there.
                if error.code != TAKEN and self.size(key) != size:
                    continue
            return
        raise self._busy(key)

    def copy(self, source: str, target: str) -> str:
        """See `Store`."""
        old, new = self._key(source), self._key(target)
        with suppress(Declined):
            return self._copy_hopefully(old, new)
        try:
            answer = self._client.call(
                "copy_object", Key=new, CopySource={"Bucket": self._client.bucket, "Key": old}
            )
        except Missing:
            raise Missing(
                f"{self.url}/{source} does not exist.", "Run again: a run puts back what it can."
            ) from None
        except S3Error as error:
            if error.code not in TOO_LARGE_TO_COPY:
                raise
            return copy_in_parts(self._client, old, new).strip('"')
        return _token(answer["CopyObjectResult"])

    def delete(self, key: str) -> None:
        """See `Store`."""
        self._client.call("delete_object", Key=self._key(key))
        self._deleted.add(self._key(key))

    def unfinished(self) -> Sequence[Unfinished]:
        """See `Store`: multipart uploads."""
        found: list[Unfinished] = []
        arguments: dict[str, str] = {"Prefix": self._prefix}
        while True:
            page = self._client.call("list_multipart_uploads", **arguments)
            found += [
                Unfinished(self._relative(each["Key"]), each["Initiated"])
                for each in page.get("Uploads", ())
            ]
            if not page.get("IsTruncated"):
                return found
            arguments["KeyMarker"] = page["NextKeyMarker"]
            arguments["UploadIdMarker"] = page["NextUploadIdMarker"]

    # -- How it is done ------------------------------------------------------------------------

    def _key(self, key: str) -> str:
        return self._prefix + checked_key(key, self._prefix)

    def _relative(self, key: str) -> str:
        return key.removeprefix(self._prefix)

    def _pages(self, prefix: str, **arguments: str) -> Iterator[dict[str, Any]]:
        arguments["Prefix"] = self._prefix + checked_prefix(prefix)
        while True:
            page = self._client.call("list_objects_v2", **arguments)
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def _copy_hopefully(self, source: str, target: str) -> str:
        """Copy the fast way, and say that the copy has its original's ETag.

        If it has, it has the same bytes, whoever made it. If it has not (a bucket encrypted with a
        key of KMS's), who lists the folder sees a difference and asks for the copy again: then,
        and from then on, s3fs makes it, whose answer tells the ETag.
        """
        fast = self._client.fast
        if target in self._hoped:
            fast.content_tags = False
        token = self._tokens.get(source)
        if token is None and fast.content_tags:
            found = fast.head(source, self.meter)
            token = "-" if found is None else found.token
        if token is None or "-" in token:  # made of parts, each with a sum of its own
            raise Declined
        fast.copy(source, target, self.meter)
        self._hoped.add(target)
        return token

    def _send(self, path: Path, key: str, size: int) -> None:
        if size > LARGEST_PUT:
            upload_in_parts(self._client, path, key, size)
            return
        with path.open("rb") as body:  # streamed from the file: never in memory
            self._client.call("put_object", Key=key, Body=body, IfNoneMatch="*")

    def _busy(self, key: str) -> StoreError:
        return StoreError(
            f"{self.url}/{key}: other writers kept the key busy ({CONFLICTS} times 409).",
            "Run again later; what arrived is not uploaded again.",
            transient=True,
        )


def _attempts() -> Iterator[int]:
    """`CONFLICTS` attempts, with a growing random pause between them."""
    for attempt in range(CONFLICTS):
        if attempt:
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 -- spreads writers out
        yield attempt


def _token(described: dict[str, Any]) -> str:
    """The ETag; some servers quote it in one answer and not in another."""
    etag: str = described["ETag"]
    return etag.strip('"')
