"""The fast way to S3 for small requests: look at a key, read, list, and write small objects.

s3fs takes a millisecond of processor time a request, and an eighth of a second to start; obstore a
seventh of that millisecond, and four thousandths (`docs/performance.md`). So obstore asks first,
once. Whatever does not simply succeed is asked again by s3fs, which alone retries and explains.
Once a request has failed, or where a setting could mean something else to obstore than to botocore,
s3fs does everything.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from threading import BoundedSemaphore, Lock, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from blsquest.core.errors import Missing
from blsquest.core.stop import raise_if_stopped
from blsquest.lake.stores.base import Stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from obstore.store import S3Config
    from obstore.store import S3Store as Obstore

    from blsquest.core.usage import Meter
    from blsquest.lake.stores.s3_client import Environment, S3Options


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


CONNECT_SECONDS = 10
REQUEST_SECONDS = 15
"""For one request with its body: these are small. Then it is s3fs's, which has more patience.
The main thread hears of a SIGTERM only after it."""
CREDENTIALS_KEPT = timedelta(minutes=5)
"""botocore renews a role's credentials ten minutes before they expire."""

UNDERSTOOD = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_EXECUTION_ENV",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
)
"""Settings that both take alike, or that only say where credentials are: botocore finds those."""

_FOREIGN = (
    "endpoint_url",
    "services",
    "s3",
    "ca_bundle",
    "use_fips_endpoint",
    "use_dualstack_endpoint",
)
"""Settings of an AWS profile that change where requests go: botocore alone reads them."""


_CLOSED = FastBucket(None)
_buckets: dict[object, FastBucket] = {}
_lock = Lock()
_forked = False


def _after_fork() -> None:
    """Obstore's threads are not in a forked child, which would wait for them for ever."""
    global _forked, _lock
    _forked, _lock = True, Lock()


os.register_at_fork(after_in_child=_after_fork)


def fast_bucket(name: str, options: S3Options, around: Environment) -> FastBucket:
    """The process's own for a bucket; one that declines all where s3fs is to do everything.

    Args:
        name: The bucket.
        options: How to reach its server; what is None comes from `around` and AWS's files.
        around: What the process's environment says of AWS.
    """
    if _forked:
        return _CLOSED
    key = (name, options, around)
    with _lock:
        if key not in _buckets:
            _buckets[key] = _connect(name, options, dict(around))
        return _buckets[key]


def _connect(name: str, options: S3Options, around: dict[str, str]) -> FastBucket:
    endpoint = (
        options.endpoint
        or around.get("AWS_ENDPOINT_URL_S3")
        or around.get("AWS_ENDPOINT_URL")
        or ""
    )
    secure = not endpoint.startswith("http:")
    own_certificates = options.verify not in {None, True} or "AWS_CA_BUNDLE" in around
    unknown = around.keys() - UNDERSTOOD - {"AWS_CA_BUNDLE"}
    if name.startswith("arn:") or (secure and own_certificates) or unknown:
        return _CLOSED
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session
    from obstore.store import S3Store as Obstore

    try:
        session = Session(profile=options.profile)
        if any(session.get_scoped_config().get(setting) for setting in _FOREIGN):
            return _CLOSED
        region = options.region or session.get_config_variable("region")
        credentials = _credentials(session, options)
    except (BotoCoreError, ValueError):  # no such profile, no credentials: s3fs says so
        return _CLOSED
    if not (region or endpoint):
        return _CLOSED
    where: S3Config = {"endpoint": endpoint} if endpoint else {}
    return FastBucket(
        Obstore(
            name,
            config={
                "region": region or "us-east-1",
                "virtual_hosted_style_request": not endpoint and "." not in name,
                "checksum_algorithm": "SHA256",  # a bucket with Object Lock takes nothing without
                **where,
            },
            client_options={
                "allow_http": not secure,
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "timeout": timedelta(seconds=REQUEST_SECONDS),
                "user_agent": "bls-data-quest",
            },
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=REQUEST_SECONDS)},
            credential_provider=credentials,
        )
    )


def _credentials(session: Any, options: S3Options) -> Callable[[], Any]:
    """botocore's, asked for anew whenever obstore needs them: roles' credentials expire."""

    def given() -> dict[str, Any]:
        return {
            "access_key_id": options.key,
            "secret_access_key": options.secret,
            "token": options.token,
            "expires_at": None,
        }

    if options.key is not None:
        return given
    from obstore.auth.boto3 import Boto3CredentialProvider

    return Boto3CredentialProvider(session, ttl=CREDENTIALS_KEPT)
