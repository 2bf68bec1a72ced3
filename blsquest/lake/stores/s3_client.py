"""S3's operations on one bucket, each one request: counted, explained, and given up at a stop.

s3fs makes them by its `call_s3` (`s3_fast` makes the small ones that succeed): its file-like verbs
cost more requests than expected, and drop the ETags that a lake needs.
"""

from __future__ import annotations

import asyncio
import io
import os
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, cached_property
from threading import Lock
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

from blsquest.core.errors import Missing
from blsquest.core.settings import reach_loopback_directly
from blsquest.core.stop import Stopped, is_stopped
from blsquest.lake.stores.s3_errors import S3Error, explained
from blsquest.lake.stores.s3_fast import FastBucket, fast_bucket
from blsquest.lake.stores.s3_options import resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from _typeshed import WriteableBuffer
    from s3fs import S3FileSystem

    from blsquest.core.usage import Meter
    from blsquest.lake.stores.s3_options import Environment, S3Options

CONNECT_SECONDS = 10
READ_SECONDS = 60
"""Silence after which a request is given up; also the time for sending a body, so a body of
16 MiB needs 280 kB/s."""
OPERATION_SECONDS = 900
"""For one operation with all of its attempts. aiohttp's read timeout begins only once a body is
sent: a server that takes no body, or never says `100 Continue` to it, would hold a run for ever."""
STOP_SECONDS = 5
"""What an operation may still take at a stop: enough for one that works, such as an abort."""
ATTEMPTS = 4
"""How often botocore asks in all, with backoff and jitter: connections, timeouts, 429, 5xx."""
CHUNK = 1 << 20

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


_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_CREATING = {"put_object", "copy_object", "create_multipart_upload"}
"""What takes the encryption of a new object; a part has its upload's."""

_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)
"""Who counts the requests that are made in this context."""
_lock = Lock()


_SERVICE: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 10,
    "retries": {"total_max_attempts": 2, "mode": "standard"},
}
"""For the small calls of other services, which no stop can cut short: 20 s together."""


@cache
def connect(options: S3Options, environment: Environment) -> S3FileSystem:
    """Return the process's own file system for these options in that environment."""
    from aiobotocore.session import AioSession
    from s3fs import S3FileSystem

    session = AioSession(profile=options.profile)
    session.register("before-send.s3", _count)
    client = {"region_name": options.region, "verify": _verify(options, environment, session)}
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
            "max_pool_connections": 64,
            "retries": {"total_max_attempts": ATTEMPTS, "mode": "standard"},
            "user_agent": "bls-data-quest aiobotocore",  # to write the usual one takes 0.1 ms
        },
        use_listings_cache=False,
        skip_instance_cache=True,  # whoever else uses s3fs here must not meet our settings
    )
    connected.retries = 1  # botocore asks again by itself; s3fs would multiply its attempts
    return connected


@cache
def connect_service(service: str, options: S3Options, environment: Environment) -> Any:
    """Return the process's own client of another AWS service, likewise; any thread may use it.

    An endpoint in the options is S3's alone; one in the environment may be for every service.
    """
    from botocore.config import Config
    from botocore.session import Session

    session = Session(profile=options.profile)
    return session.create_client(
        service,
        region_name=options.region or dict(environment).get("AWS_REGION"),
        verify=_verify(options, environment, session),
        aws_access_key_id=options.key,
        aws_secret_access_key=options.secret,
        aws_session_token=options.token,
        config=Config(**_SERVICE),
    )


def _verify(options: S3Options, environment: Environment, session: Any) -> bool | str | None:
    """Return what to check certificates by; None leaves it to botocore."""
    if options.verify is None and session.get_config_variable("ca_bundle") is None:
        return dict(environment).get("REQUESTS_CA_BUNDLE")
    return options.verify


def _count(request: Any, event_name: str, **_: Any) -> None:
    """Count a request as it goes out, botocore's further attempts and redirects included.

    aiohttp silently sends a request again when a connection breaks before the answer: only the
    server can count those.
    """
    counting = _meter.get()
    if counting is not None:
        operation = event_name.rpartition(".")[2]
        headers = request.headers
        length = headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length") or 0
        counting.add(VERBS.get(operation, operation), sent=int(length))


class S3Client:
    """Single S3 operations on one bucket, synchronous, from any thread."""

    def __init__(self, bucket: str, options: S3Options, meter: Meter) -> None:
        self.bucket = bucket
        self.options, self._environment = resolved(options, os.environ)
        self.meter = meter
        reach_loopback_directly()
        variables = dict(self._environment)
        secrets = (self.options.secret, self.options.token, *map(variables.get, _SECRETS))
        self._secrets = frozenset(secret for secret in secrets if secret)

    @property
    def server(self) -> str:
        """The server's URL; "" for AWS itself."""
        return self.options.server(dict(self._environment))

    @cached_property
    def filesystem(self) -> S3FileSystem:
        """s3fs, connected when it is first needed."""
        with _lock:
            return connect(self.options, self._environment)

    @cached_property
    def fast(self) -> FastBucket:
        """obstore, likewise."""
        with _lock:
            return fast_bucket(self.bucket, self.options, self._environment)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Do an operation by its botocore name, by obstore if that succeeds, else by s3fs.

        Raises:
            StoreError: It failed, after botocore's own attempts; Missing where the key is absent.
            Stopped: The run is to end, and the server says nothing.
        """
        answer = self.fast.answer(method, arguments, self.meter)
        return self.ask(method, **arguments) if answer is None else answer

    def ask(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Do an operation by s3fs alone; else as `call`.

        A refused HEAD has no body, so no cause; the same request as a GET has.
        """
        url = f"s3://{self.bucket}/{arguments.get('Key', arguments.get('Prefix', ''))}"
        if method in _CREATING:
            arguments |= self.options.encrypted
        try:
            answer: dict[str, Any] = self.wait(
                url,
                # What `call_s3` waits for.
                lambda s3: s3._call_s3(method, Bucket=self.bucket, **arguments),  # noqa: SLF001
            )
        except S3Error as error:
            if method == "head_object" and error.code and not error.transient:
                with suppress(Missing):
                    self.ask("get_object", **arguments, Range="bytes=0-0")["Body"].close()
            raise
        return answer

    def ask_service(
        self, service: str, method: str, arguments: dict[str, Any], what: str
    ) -> dict[str, Any]:
        """Do an operation of another AWS service, with what leads to the bucket, for `what`."""
        try:
            with _lock:
                client = connect_service(service, self.options, self._environment)
            answer: dict[str, Any] = getattr(client, method)(**arguments)
        except Exception as error:
            raise explained(error, what, self._secrets, service.capitalize()) from error
        return answer

    def read(self, key: str) -> bytes:
        """Return a whole object."""
        answer = self.fast.answer("get_object", {"Key": key}, self.meter)
        if answer is not None:
            return bytes(answer["Body"])
        with self.open(key) as stream:
            return stream.read()

    def open(self, key: str) -> IO[bytes]:
        """Return a stream over one object from one GET; it holds about a megabyte at a time."""
        body = self.ask("get_object", Key=key)["Body"]
        return io.BufferedReader(_Body(self, f"s3://{self.bucket}/{key}", body), CHUNK)

    def wait(self, url: str, work: Callable[[S3FileSystem], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine on s3fs's event loop, counted and timed; errors name `url`."""
        token = _meter.set(self.meter)
        try:
            with self.meter.timed():
                s3 = self.filesystem
                return _result(asyncio.run_coroutine_threadsafe(work(s3), s3.loop))
        except Stopped:
            raise
        except Exception as error:
            raise explained(error, url, self._secrets) from error
        finally:
            _meter.reset(token)


def _result(future: Future[Any]) -> Any:
    """Wait for it, at most some seconds after a stop: only the main thread hears of a signal."""
    deadline, stopping = monotonic() + OPERATION_SECONDS, STOP_SECONDS
    try:
        while True:
            try:
                return future.result(timeout=1)
            except TimeoutError:
                if future.done():
                    return future.result()
            stopping -= is_stopped()
            if stopping <= 0:
                raise Stopped
            if monotonic() > deadline:
                raise TimeoutError
    finally:
        future.cancel()


class _Body(io.RawIOBase):
    """A response's body, which lives on s3fs's event loop, as a plain stream."""

    def __init__(self, client: S3Client, url: str, body: Any) -> None:
        super().__init__()
        self._client = client
        self._url = url
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        chunk = self._wait(_filled(self._body, len(view)))
        view[: len(chunk)] = chunk
        return len(chunk)

    def readall(self) -> bytes:
        return self._wait(self._body.read())

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._client.filesystem.loop.call_soon_threadsafe(self._body.close)

    def _wait(self, work: Coroutine[Any, Any, bytes]) -> bytes:
        chunk: bytes = self._client.wait(self._url, lambda _: work)
        self._client.meter.add(received=len(chunk))
        return chunk


async def _filled(body: Any, size: int) -> bytes:
    """Read so many bytes: the socket's own pieces are small, and each would cross threads."""
    pieces = []
    while size > 0 and (piece := await body.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
