"""The fast way to S3 for what runs do most: look at a key, read, list, and write small objects.

s3fs takes a millisecond of processor time a request, and an eighth of a second to start; obstore a
seventh of that millisecond, and four thousandths (`docs/performance.md`). So obstore asks first,
once. Whatever does not simply succeed is asked again by s3fs, which alone retries and explains:
there is one account of what goes wrong, and this file has none. Once a request has failed, s3fs
does everything.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import BoundedSemaphore, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from flows.lake.errors import Missing
from flows.lake.stop import raise_if_stopped
from flows.lake.store import Stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from obstore.store import S3Store as Obstore

    from flows.lake.meter import Meter

PAGE = 1_000
"""Keys in one answer to LIST."""
SMALL = 256 << 10
LARGE_AT_ONCE = 4
"""Bodies over `SMALL` that are in memory at a time: obstore holds each whole."""


class Declined(Exception):
    """The fast way has no answer: ask s3fs."""


@dataclass
class FastBucket:
    """One bucket by way of obstore, for all threads of a process; `Declined` from any verb.

    Attributes:
        bucket: obstore's view of it; None where s3fs is to do everything. So it becomes for the
            rest of the process once a request has failed.
        content_tags: Whether a copy has its original's ETag, as far as is known: S3 makes it of the
            bytes, unless it encrypts them with keys of KMS's.
    """

    bucket: Obstore | None
    content_tags: bool = True
    _large: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(LARGE_AT_ONCE))

    def head(self, key: str, meter: Meter) -> Stored | None:
        """An object's size and ETag; None where there is none. One HEAD."""
        try:
            return _stored(self._ask(meter, "HEAD", lambda bucket: bucket.head(key)))
        except FileNotFoundError:
            return None

    def read(self, key: str, meter: Meter, url: str) -> bytes:
        """A whole object. One GET.

        Raises:
            Missing: The bucket is there, and it is not.
        """
        try:
            body = bytes(self._ask(meter, "GET", lambda bucket: bucket.get(key).bytes()))
        except FileNotFoundError as error:
            if "<Code>NoSuchKey</Code>" not in str(error):
                raise Declined from error
            raise Missing(
                f"{url} does not exist.", "Run again: a run puts back what it can."
            ) from error
        meter.add(received=len(body))
        return body

    def folders(self, prefix: str, meter: Meter) -> list[str]:
        """The names of the folders directly below one. One LIST per 1,000 folders and keys."""
        found = self._ask(meter, "LIST", lambda bucket: bucket.list_with_delimiter(prefix or None))
        _count_pages(len(found["common_prefixes"]) + len(found["objects"]), meter)
        return [folder.rpartition("/")[2] for folder in found["common_prefixes"]]

    def list(self, prefix: str, meter: Meter) -> list[Stored]:
        """All objects below a folder, with their full keys. One LIST per 1,000 keys."""
        found = self._ask(
            meter, "LIST", lambda bucket: bucket.list(prefix, chunk_size=PAGE).collect()
        )
        _count_pages(len(found), meter)
        # What consoles put in place of a folder is empty, and has lost the slash that tells it.
        # One that is not empty shows beside a file of that name.
        if not all(each["size"] for each in found) or len({e["path"] for e in found}) < len(found):
            raise Declined
        return [_stored(each) for each in found]

    def write(
        self, key: str, body: bytes | Path, size: int, meter: Meter, *, new: bool, kind: str = ""
    ) -> str:
        """Put an object in place whole, `new` only where there is none; its ETag. One PUT."""
        arguments: dict[str, Any] = {"mode": "create" if new else "overwrite"}
        if kind:
            arguments["attributes"] = {"Content-Type": kind}

        def put(bucket: Obstore) -> str | None:
            return bucket.put(key, body, use_multipart=False, **arguments)["e_tag"]

        with self._large if size > SMALL else nullcontext():
            try:
                token = self._ask(meter, "PUT", put)
            except FileNotFoundError as error:  # the bucket is gone
                raise Declined from error
        meter.add(sent=size)
        return _token(token)

    def copy(self, source: str, target: str, meter: Meter) -> None:
        """Copy inside S3, over what is at `target`; its answer's ETag is not told. One COPY."""
        if not self.content_tags:
            raise Declined
        try:
            self._ask(meter, "COPY", lambda bucket: bucket.copy(source, target))
        except FileNotFoundError as error:
            raise Declined from error

    def _ask(self, meter: Meter, verb: str, request: Callable[[Obstore], Any]) -> Any:
        """One request.

        Raises:
            FileNotFoundError: The server answered 404.
            Declined: It did not succeed.
            Stopped: Neither did it, and the run is to end: s3fs would only wait once more.
        """
        bucket = self.bucket
        if bucket is None:
            raise Declined
        from obstore.exceptions import AlreadyExistsError

        try:
            with meter.timed(verb):
                return request(bucket)
        except FileNotFoundError:
            raise
        except AlreadyExistsError as error:  # 412 and 409 alike: s3fs tells them apart
            raise Declined from error
        except Exception as error:
            self.bucket = None
            if current_thread() is not main_thread():
                raise_if_stopped()
            raise Declined from error


def _count_pages(found: int, meter: Meter) -> None:
    """Count the requests of a LIST beyond its first."""
    for _ in range(PAGE, found, PAGE):
        meter.add("LIST")


def _stored(described: Any) -> Stored:
    return Stored(described["path"], described["size"], _token(described["e_tag"]))


def _token(etag: str | None) -> str:
    """The ETag; some servers quote it in one answer and not in another."""
    if not etag:
        raise Declined
    return etag.strip('"')
