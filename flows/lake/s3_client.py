"""The way to S3: single operations on one bucket, each one request, counted and explained.

s3fs is asked for single S3 operations (`call_s3`): its file-like verbs cost more requests than
they look, and drop the ETags that a lake needs.
"""

from __future__ import annotations

import asyncio
import io
from threading import current_thread, main_thread
from typing import IO, TYPE_CHECKING, Any, cast

from flows.lake.s3_console import console_url
from flows.lake.s3_errors import explained
from flows.lake.s3_fast_setup import fast_bucket
from flows.lake.s3_filesystem import S3Options, environment, filesystem, meter
from flows.lake.stop import Stopped, is_stopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from _typeshed import WriteableBuffer
    from s3fs import S3FileSystem

    from flows.lake.meter import Meter
    from flows.lake.s3_fast import FastBucket

CHUNK = 1 << 20
OPERATION_SECONDS = 900
"""For one operation with all of its attempts. aiohttp's read timeout begins only once a body is
sent: a server that takes no body, or never says `100 Continue` to it, would hold a run for ever."""
STOP_SECONDS = 5
"""How long an operation may still take once the run was told to stop: enough for one that works,
such as the abort of an upload in parts."""


class S3Client:
    """Single S3 operations on one bucket, synchronous, from any thread, before or after a fork."""

    def __init__(self, bucket: str, options: S3Options, counting: Meter) -> None:
        self.bucket = bucket
        self.options = options
        self.meter = counting
        self._environment = environment()

    @property
    def filesystem(self) -> S3FileSystem:
        """The process's own, for these options and the environment that the client was made in."""
        return filesystem(self.options, self._environment)

    @property
    def fast(self) -> FastBucket:
        """The process's own way to the bucket for small requests; ask it first."""
        return fast_bucket(self.bucket, self.options, self._environment)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One operation by its botocore name; counts each request that went out for it.

        Raises:
            StoreError: It failed, after botocore's own attempts; Missing where the key is absent.
            Stopped: The run is to end, and the server says nothing.
        """
        asked = meter.set(self.meter)
        try:
            with self.meter.timed():
                answer = _run(
                    self,
                    self.filesystem._call_s3,  # noqa: SLF001 -- what `call_s3` waits for
                    method,
                    Bucket=self.bucket,
                    timeout=OPERATION_SECONDS,
                    **arguments,
                )
        except Stopped:
            raise
        except Exception as error:
            raise explained(error, self.url_of(arguments)) from error
        finally:
            meter.reset(asked)
        return cast("dict[str, Any]", answer)

    def open(self, key: str) -> IO[bytes]:
        """A stream over one object from one GET, which holds about a megabyte at a time."""
        body = self.call("get_object", Key=key)["Body"]
        return io.BufferedReader(_Body(self, key, body), CHUNK)

    def console_url(self, key: str) -> str | None:
        """See the function of that name; botocore knows where requests really go."""
        told = self.filesystem.s3.meta
        return console_url(told.endpoint_url, told.region_name, self.bucket, key)

    def url_of(self, arguments: dict[str, Any]) -> str:
        """What an operation is about, for messages."""
        return f"s3://{self.bucket}/{arguments.get('Key', arguments.get('Prefix', ''))}"


class _Body(io.RawIOBase):
    """A response's body, which lives on s3fs's event loop, as a plain stream."""

    def __init__(self, client: S3Client, key: str, body: Any) -> None:
        super().__init__()
        self._client = client
        self._url = client.url_of({"Key": key})
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        chunk = self._await(_filled, self._body, len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def readall(self) -> bytes:
        return self._await(self._body.read)

    def close(self) -> None:
        if not self.closed:
            super().close()
            _run(self._client, _closed, self._body)

    def _await(self, function: Any, *arguments: Any) -> bytes:
        try:
            with self._client.meter.timed():
                chunk: bytes = _run(self._client, function, *arguments)
        except Stopped:
            raise
        except Exception as error:
            raise explained(error, self._url) from error
        self._client.meter.add(received=len(chunk))
        return chunk


async def _filled(body: Any, size: int) -> bytes:
    """As many bytes as asked for: the socket's own pieces are small, and each crosses threads."""
    pieces = []
    while size > 0 and (piece := await body.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


async def _closed(body: Any) -> None:
    body.close()


async def _unless_stopped(function: Callable[..., Awaitable[Any]], *args: Any, **how: Any) -> Any:
    """What it returns; given up some seconds after the stop, which no thread but the main hears."""
    work = asyncio.ensure_future(function(*args, **how))
    left = STOP_SECONDS
    try:
        while not (await asyncio.wait({work}, timeout=1))[0]:
            left -= is_stopped()
            if left <= 0:
                raise Stopped
        return work.result()
    finally:
        work.cancel()


def _run(client: S3Client, function: Any, *arguments: Any, **how: Any) -> Any:
    from fsspec.asyn import sync

    loop = client.filesystem.loop
    # The signal interrupts the main thread; what that then cleans up no signal ends.
    if current_thread() is main_thread() and not is_stopped():
        return sync(loop, function, *arguments, **how)
    return sync(loop, _unless_stopped, function, *arguments, **how)
