"""The way to S3: one s3fs file system a process, each request one call and counted.

s3fs is asked for single S3 operations (`call_s3`): its file-like verbs cost more requests than
they look, and drop the ETags that a lake needs.
"""

from __future__ import annotations

import io
import os
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, cast

from flows.lake.s3_errors import explained

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from s3fs import S3FileSystem

    from flows.lake.meter import Meter

CHUNK = 1 << 20
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


class S3Client:
    """Single S3 operations on one bucket, synchronous, from any thread, before or after a fork."""

    def __init__(self, bucket: str, options: S3Options, meter: Meter) -> None:
        self.bucket = bucket
        self.options = options
        self.meter = meter

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One operation by its botocore name; counts each request that went out for it.

        Raises:
            StoreError: It failed, after botocore's own attempts; Missing where the key is absent.
        """
        asked = _meter.set(self.meter)
        try:
            with self.meter.timed():
                answer = _filesystem(self.options).call_s3(method, Bucket=self.bucket, **arguments)
        except Exception as error:
            raise explained(error, self.url_of(arguments)) from error
        finally:
            _meter.reset(asked)
        return cast("dict[str, Any]", answer)

    def open(self, key: str) -> IO[bytes]:
        """A stream over one object from one GET, which holds about a megabyte at a time."""
        body = self.call("get_object", Key=key)["Body"]
        return io.BufferedReader(_Body(self, key, body), CHUNK)

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
            _run(self._client.options, _closed, self._body)

    def _await(self, function: Any, *arguments: Any) -> bytes:
        try:
            with self._client.meter.timed():
                chunk: bytes = _run(self._client.options, function, *arguments)
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


def _run(options: S3Options, function: Any, *arguments: Any) -> Any:
    from fsspec.asyn import sync

    return sync(_filesystem(options).loop, function, *arguments)


# -- One file system a process -----------------------------------------------------------------

_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)
_filesystems: dict[object, S3FileSystem] = {}
_lock = Lock()


def _renew_lock() -> None:
    """Another thread may hold the lock at the moment of a fork; the child would wait for ever."""
    global _lock  # noqa: PLW0603 -- a lock that a fork copied can only be replaced
    _lock = Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _filesystem(options: S3Options) -> S3FileSystem:
    """The process's own file system for these options and this environment.

    A forked child makes its own, and leaves its parent's alone: their event loop is not there.
    """
    environment = frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))
    key = (os.getpid(), options, environment)
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
    filesystem = S3FileSystem(
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
    filesystem.retries = 1  # botocore asks again by itself; s3fs would multiply its attempts
    return filesystem


def _count(request: Any, event_name: str, **_: Any) -> None:
    """Count a request as it goes out, botocore's further attempts and redirects included.

    aiohttp sends a request once more by itself when a connection breaks before the answer, and
    tells nobody: only the server can count those.
    """
    meter = _meter.get()
    if meter is not None:
        operation = event_name.rpartition(".")[2]
        headers = request.headers
        length = headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length") or 0
        meter.add(VERBS.get(operation, operation), sent=int(length))
