"""Where the fast way to a bucket leads: the settings that it understands, and whose credentials.

Where a setting could mean something else to obstore than to botocore, s3fs does everything.
"""

from __future__ import annotations

import os
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from flows.lake.s3_fast import FastBucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import S3Config

    from flows.lake.s3_filesystem import Environment, S3Options

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
