"""Single S3 operations on one bucket by s3fs, each one request, counted and explained.

s3fs is asked for single operations (`call_s3`): its file-like verbs cost more requests than they
look, and drop the ETags that a lake needs.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock, current_thread, main_thread
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlsplit

from blsquest.core.stop import Stopped, is_stopped
from blsquest.lake.stores.s3_errors import explained
from blsquest.lake.stores.s3_fast import fast_bucket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from _typeshed import WriteableBuffer
    from s3fs import S3FileSystem

    from blsquest.core.usage import Meter
    from blsquest.lake.stores.s3_fast import FastBucket


CONNECT_SECONDS = 10
READ_SECONDS = 60
"""Silence after which a request is given up; also the time for sending a body, so a body of
16 MiB needs 280 kB/s."""
ATTEMPTS = 4
"""How often botocore asks in all, with backoff and jitter: connections, timeouts, 429, 5xx."""
CONNECTIONS = 64

VERBS = {
    "ListObjectsV2": "LIST",
    "HeadObject": "HEAD",
    "GetObject": "GET",
    "PutObject": "PUT",
    "CopyObject": "COPY",
    "DeleteObject": "DELETE",
    "CreateMultipartUpload": "START",
    "UploadPart": "PART",
    "UploadPartCopy": "COPYPART",
    "CompleteMultipartUpload": "COMPLETE",
    "AbortMultipartUpload": "ABORT",
}
"""What a meter calls S3's operations; any other keeps its own name."""


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach an S3 server; what is None comes from the environment's chain, as for boto3.

    Attributes:
        key: Access key id; give it together with `secret`, and only where no role serves.
        secret: Secret access key.
        token: Session token of temporary credentials.
        profile: A profile of the AWS configuration files.
        region: The bucket's region.
        endpoint: URL of an S3-compatible server (None: `AWS_ENDPOINT_URL`, or AWS itself).
        verify: False, or the path of a CA bundle, for a server with a certificate of its own.
    """

    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    verify: bool | str | None = None


meter: ContextVar[Meter | None] = ContextVar("meter", default=None)
"""Who counts the requests that are made in this context."""

_filesystems: dict[object, S3FileSystem] = {}
_lock = Lock()


def _renew_lock() -> None:
    """Another thread may hold the lock at the moment of a fork; the child would wait for ever."""
    global _lock  # noqa: PLW0603 -- a lock that a fork copied can only be replaced
    _lock = Lock()


os.register_at_fork(after_in_child=_renew_lock)


Environment = frozenset[tuple[str, str]]
"""What a process's environment says of AWS."""


def environment() -> Environment:
    """As it is now. Reading it takes as long as half a request: once a store, not once a call."""
    return frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))


def filesystem(options: S3Options, around: Environment) -> S3FileSystem:
    """The process's own file system for these options and that environment.

    A forked child makes its own, and leaves its parent's alone: their event loop is not there.
    """
    key = (os.getpid(), options, around)
    with _lock:
        found = _filesystems.get(key)
        if found is None:
            found = _filesystems[key] = _connect(options)
        return found


def _connect(options: S3Options) -> S3FileSystem:
    from aiobotocore.session import AioSession
    from s3fs import S3FileSystem

    session = AioSession(profile=options.profile)
    session.register("before-send.s3", _count)
    client = {"region_name": options.region, "verify": options.verify}
    connected = S3FileSystem(
        key=options.key,
        secret=options.secret,
        token=options.token,
        endpoint_url=options.endpoint,
        session=session,
        client_kwargs={name: value for name, value in client.items() if value is not None},
        config_kwargs={
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "max_pool_connections": CONNECTIONS,
            "retries": {"total_max_attempts": ATTEMPTS, "mode": "standard"},
            "user_agent_extra": "bls-data-quest",
        },
        use_listings_cache=False,
        skip_instance_cache=True,  # whoever else uses s3fs here must not meet our settings
    )
    connected.retries = 1  # botocore asks again by itself; s3fs would multiply its attempts
    return connected


def _count(request: Any, event_name: str, **_: Any) -> None:
    """Count a request as it goes out, botocore's further attempts and redirects included.

    aiohttp sends a request once more by itself when a connection breaks before the answer, and
    tells nobody: only the server can count those.
    """
    counting = meter.get()
    if counting is not None:
        operation = event_name.rpartition(".")[2]
        headers = request.headers
        length = headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length") or 0
        counting.add(VERBS.get(operation, operation), sent=int(length))


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


_AWS = re.compile(r"s3[a-z0-9.-]*\.amazonaws\.com")
"""The hosts of S3 in AWS's main partition; any other server, and any other partition, has its own
console, or none."""


def console_url(endpoint: str, region: str | None, bucket: str, key: str) -> str | None:
    """The object's page in the console, safe inside any text; None where the server is not AWS's.

    Args:
        endpoint: The URL that requests go to.
        region: The bucket's; None lets the console find it.
        bucket: Its name.
        key: The object's whole key.
    """
    if not _AWS.fullmatch(urlsplit(endpoint).hostname or ""):
        return None
    where = f"region={quote(region, safe='')}&" if region else ""
    return f"https://console.aws.amazon.com/s3/object/{bucket}?{where}prefix={quote(key, safe='')}"
