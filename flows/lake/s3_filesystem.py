"""One s3fs file system a process, set up for a lake, with every request counted as it goes out."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s3fs import S3FileSystem

    from flows.lake.meter import Meter

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
