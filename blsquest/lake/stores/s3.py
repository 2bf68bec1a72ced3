"""A lake in a bucket of S3, or of a server that speaks it and honours `If-None-Match`."""

import mimetypes
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from blsquest.core.errors import Missing, Misuse, StoreError
from blsquest.core.usage import STORAGE, Meter
from blsquest.lake.stores.base import Stored, Unfinished, checked_key, checked_prefix
from blsquest.lake.stores.s3_client import S3Client
from blsquest.lake.stores.s3_errors import CONFLICT, NO_UPLOAD, TAKEN, S3Error
from blsquest.lake.stores.s3_multipart import MIB, copy_in_parts, upload_in_parts
from blsquest.lake.stores.s3_options import S3Options

LARGEST_PUT = 16 * MIB
"""Larger files go up in parts: a part that fails is sent again, not the whole file."""
CONFLICTS = 5
"""How often a write that met another one under way (409) is tried; the pauses add up to 1.5 s."""
TOO_LARGE_TO_COPY = {"InvalidRequest", "EntityTooLarge"}
"""S3's answers to a CopyObject over 5 GiB; this saves a HEAD before every copy."""
_AWS = re.compile(r"s3[a-z0-9.-]*\.amazonaws\.com")
"""The hosts of S3 in AWS's main partition; others have another console, or none."""


class S3Store:
    """A `Store` below a prefix of one bucket, which must exist.

    Each verb is one request (a LIST one per 1,000 keys; an upload over 16 MiB one per 8 MiB and
    two more), and one more where obstore could not answer it (see `S3Client.call`). Safe to use
    from any number of threads, processes and machines.
    """

    def __init__(self, bucket: str, prefix: str = "", options: S3Options | None = None) -> None:
        if bucket.startswith("arn:"):
            raise Misuse(
                f"{bucket!r} is the ARN of an access point, which names no lake.",
                "Write its alias as the bucket: s3://<name>-<letters>-s3alias/prefix "
                "(aws s3control get-access-point shows it).",
            )
        if not bucket or "/" in bucket:
            raise Misuse(f"{bucket!r} is not the name of a bucket.", "Write s3://bucket/prefix.")
        folder = prefix.strip("/")
        self._prefix = f"{checked_key(folder)}/" if folder else ""
        self.meter = Meter(within=STORAGE)
        self._client = S3Client(bucket, options or S3Options(), self.meter)
        self._deleted = False
        self.url = f"s3://{bucket}/{self._prefix}".rstrip("/")
        server = urlsplit(self._client.server)
        host = server.netloc.rpartition("@")[2]  # before an @ there may be a password
        self.address = f"{server.scheme}://{host}/{self.url[5:]}" if host else self.url

    def console_url(self, key: str) -> str | None:
        """Return the object's page in AWS's console, safe inside any text; None elsewhere.

        Makes no request; botocore knows where requests would go.
        """
        meta = self._client.filesystem.s3.meta
        if not _AWS.fullmatch(urlsplit(meta.endpoint_url).hostname or ""):
            return None
        where = f"region={quote(meta.region_name, safe='')}&" if meta.region_name else ""
        page = f"https://console.aws.amazon.com/s3/object/{self._client.bucket}"
        return f"{page}?{where}prefix={quote(self._prefix + key, safe='')}"

    def list(self, prefix: str) -> Sequence[Stored]:
        """See `Store`."""
        found = (
            Stored(each["Key"].removeprefix(self._prefix), each["Size"], _token(each))
            for page in self._listed(prefix)
            for each in page.get("Contents", ())
            if not each["Key"].endswith("/")  # what consoles put in place of a folder
        )
        return sorted(found, key=lambda stored: stored.key)

    def folders(self, prefix: str) -> Sequence[str]:
        """See `Store`."""
        return sorted(
            each["Prefix"].rstrip("/").rpartition("/")[2]
            for page in self._listed(prefix, Delimiter="/")
            for each in page.get("CommonPrefixes", ())
        )

    def size(self, key: str) -> int | None:
        """See `Store`. S3 answers alike for a bucket that is absent; the next verb tells."""
        try:
            return self._client.call("head_object", Key=self._key(key)).get("ContentLength")
        except Missing:
            return None

    def read(self, key: str) -> bytes:
        """See `Store`."""
        return self._client.read(self._key(key))

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        """See `Store`; a reader keeps the object it opened, whatever replaces it."""
        with self._client.open(self._key(key)) as stream:
            yield stream

    def put_new(self, key: str, body: bytes) -> bool:
        """See `Store`.

        A 412 may be our own doing: the server wrote the object, the answer was lost, and the
        request was retried. So may a failure: the object itself is compared.
        """
        for _ in _attempts():
            try:
                self._client.call("put_object", Key=self._key(key), Body=body, IfNoneMatch="*")
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
        """See `Store`; the content type follows from the key's suffix."""
        kind = mimetypes.guess_type(key)[0] or "binary/octet-stream"
        self._client.call("put_object", Key=self._key(key), Body=body, ContentType=kind)

    def upload(self, path: Path, key: str) -> None:
        """See `Store`."""
        full, size = self._key(key), path.stat().st_size
        for _ in _attempts():
            try:
                if size > LARGEST_PUT:
                    upload_in_parts(self._client, path, full, size)
                    return
                with path.open("rb") as body:
                    self._client.call("put_object", Key=full, Body=body, IfNoneMatch="*")
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
        try:
            answer = self._client.ask(
                "copy_object", Key=new, CopySource={"Bucket": self._client.bucket, "Key": old}
            )
        except Missing as error:
            raise Missing(f"{self.url}/{source} does not exist.", error.remedy) from None
        except S3Error as error:
            if error.code not in TOO_LARGE_TO_COPY:
                raise
            return copy_in_parts(self._client, old, new).strip('"')
        return _token(answer["CopyObjectResult"])

    def delete(self, key: str) -> None:
        """See `Store`."""
        self._client.ask("delete_object", Key=self._key(key))
        self._deleted = True

    def unfinished(self) -> Sequence[Unfinished]:
        """See `Store`: multipart uploads."""
        return [
            Unfinished(each["Key"].removeprefix(self._prefix), each["Initiated"])
            for page in _pages(self._client.ask, "list_multipart_uploads", Prefix=self._prefix)
            for each in page.get("Uploads", ())
        ]

    def ask_service(
        self, service: str, method: str, arguments: dict[str, Any], what: str
    ) -> dict[str, Any]:
        """Ask another AWS service, such as Glue, as this bucket is asked: see `S3Client`."""
        return self._client.ask_service(service, method, arguments, what)

    def _key(self, key: str) -> str:
        return self._prefix + checked_key(key, self._prefix)

    def _listed(self, prefix: str, **how: str) -> Iterator[dict[str, Any]]:
        # obstore shows a folder's marker as a file, which no delete removes; s3fs tells them apart.
        ask = self._client.ask if self._deleted else self._client.call
        return _pages(ask, "list_objects_v2", Prefix=self._prefix + checked_prefix(prefix), **how)

    def _busy(self, key: str) -> StoreError:
        return StoreError(
            f"{self.url}/{key}: other writers kept the key busy ({CONFLICTS} times 409).",
            "Run again later; what arrived is not uploaded again.",
            transient=True,
        )


def _pages(ask: Callable[..., dict[str, Any]], method: str, **how: str) -> Iterator[dict[str, Any]]:
    page: dict[str, Any] = {"IsTruncated": True}
    while page.get("IsTruncated"):
        page = ask(method, **how)
        yield page
        how |= {n.removeprefix("Next"): page[n] for n in page if n.startswith("Next")}


def _attempts() -> Iterator[int]:
    """`CONFLICTS` attempts, with a growing random pause between them."""
    for attempt in range(CONFLICTS):
        if attempt:
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 -- spreads writers out
        yield attempt


def _token(described: dict[str, Any]) -> str:
    """Return the ETag; some servers quote it in one answer and not in another."""
    return str(described["ETag"]).strip('"')
