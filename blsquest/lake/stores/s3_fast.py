"""obstore in front of s3fs, for the small requests of a lake that simply succeed.

s3fs takes a millisecond of processor time for a request, obstore a seventh (docs/performance.md).
It only handles success: in every other case s3fs asks again, retries and explains.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from blsquest.core.settings import one_line
from blsquest.core.stop import raise_if_stopped
from blsquest.lake.stores.s3_options import CA_BUNDLES

if TYPE_CHECKING:
    from obstore.store import S3Config
    from obstore.store import S3Store as Obstore

    from blsquest.core.usage import Meter
    from blsquest.lake.stores.s3_options import Environment, S3Options

LARGEST = 16 << 20
"""Bytes of a body: obstore holds each whole."""
SMALL = 256 << 10
_large = BoundedSemaphore(4)
"""Bodies over `SMALL` that are sent at a time."""
PAGE = 1_000  # keys in one answer to LIST
REQUEST_SECONDS = 15
"""For one request with its body; the main thread hears of a signal only after it."""

Answer = dict[str, Any] | None
"""What botocore would answer; None leaves the request to s3fs."""


class FastBucket:
    """One bucket through obstore; None if s3fs does all, as after a failed request."""

    def __init__(self, bucket: Obstore | None) -> None:
        self.bucket = bucket

    def answer(self, method: str, given: dict[str, Any], meter: Meter) -> Answer:
        """Answer one of botocore's operations as botocore would, or not at all."""
        operation = _OPERATIONS.get(method)
        if self.bucket is None or operation is None:
            return None
        try:
            return operation(self.bucket, given, meter)
        except BaseException as error:
            if _interrupts(error):
                raise
            # With these two the server is well.
            if type(error).__name__ not in {"FileNotFoundError", "AlreadyExistsError"}:
                self.bucket = None
        if current_thread() is not main_thread():  # s3fs would only wait once more
            raise_if_stopped()
        return None


def _interrupts(error: BaseException) -> bool:
    """Whether it ends the run; a panic of Rust's does not, though it is no Exception either."""
    return not isinstance(error, Exception) and type(error).__name__ != "PanicException"


def _head(bucket: Obstore, given: dict[str, Any], meter: Meter) -> Answer:
    with meter.timed("HEAD"):
        try:
            return {"ContentLength": bucket.head(given["Key"])["size"]}
        except FileNotFoundError:  # an answer too: it has no length
            return {}


def _get(bucket: Obstore, given: dict[str, Any], meter: Meter) -> Answer:
    with meter.timed("GET"):
        found = bucket.get(given["Key"])
        if found.meta["size"] > LARGEST:
            return None
        body = bytes(found.bytes())
    meter.add(received=len(body))
    return {"Body": body}


def _put(bucket: Obstore, given: dict[str, Any], meter: Meter) -> Answer:
    body, kind = given["Body"], given.get("ContentType")
    if not isinstance(body, bytes):
        body = Path(body.name)  # the file's position stays where s3fs would want it
    size = len(body) if isinstance(body, bytes) else body.stat().st_size
    if size > LARGEST:
        return None
    with _large if size > SMALL else nullcontext(), meter.timed("PUT"):
        bucket.put(
            given["Key"],
            body,
            use_multipart=False,
            mode="create" if "IfNoneMatch" in given else "overwrite",
            attributes={"Content-Type": kind} if kind else None,
        )
    meter.add(sent=size)
    return {}


def _list(bucket: Obstore, given: dict[str, Any], meter: Meter) -> Answer:
    if "ContinuationToken" in given:  # of a list that s3fs began
        return None
    folders: Any = ()
    with meter.timed("LIST"):
        if "Delimiter" in given:
            found = bucket.list_with_delimiter(given["Prefix"] or None)
            folders, objects = found["common_prefixes"], found["objects"]
        else:
            objects = bucket.list(given["Prefix"], chunk_size=PAGE).collect()
    for _ in range(PAGE, len(folders) + len(objects), PAGE):
        meter.add("LIST")
    # A folder's marker lost its slash. Most are empty; others may show beside a file of that name.
    if not all(o["size"] for o in objects) or len({o["path"] for o in objects}) < len(objects):
        return None
    return {
        "CommonPrefixes": [{"Prefix": folder} for folder in folders],
        "Contents": [{"Key": o["path"], "Size": o["size"], "ETag": o["e_tag"]} for o in objects],
    }


_OPERATIONS = {"head_object": _head, "get_object": _get, "put_object": _put}
_OPERATIONS["list_objects_v2"] = _list

_UNDERSTOOD = re.compile(
    """AWS_(
        ACCESS_KEY_ID | SECRET_ACCESS_KEY | SESSION_TOKEN | PROFILE | CONFIG_FILE
        | SHARED_CREDENTIALS_FILE | CONTAINER_(CREDENTIALS|AUTHORIZATION)_.* | ROLE_ARN
        | ROLE_SESSION_NAME | WEB_IDENTITY_TOKEN_FILE | EC2_METADATA_DISABLED | EXECUTION_ENV
        | (DEFAULT_)?REGION | ENDPOINT_URL(_S3)? | CA_BUNDLE
    ) | REQUESTS_CA_BUNDLE""",
    re.VERBOSE,
)
"""Settings that mean the same to both, or only say where credentials are: botocore finds those."""
_FOREIGN = {"endpoint_url", "services", "s3", "ca_bundle"}
_FOREIGN |= {"use_fips_endpoint", "use_dualstack_endpoint"}
"""Settings of an AWS profile that change where requests go: botocore alone reads them."""


@cache
def fast_bucket(name: str, options: S3Options, environment: Environment) -> FastBucket:
    """Return the process's own; unused if a setting could mean something else to obstore."""
    try:
        return FastBucket(_connect(name, options, dict(environment)))
    except BaseException as error:  # no such profile, a region of two lines, …: s3fs explains
        if _interrupts(error):
            raise
        return FastBucket(None)


def _connect(name: str, options: S3Options, environment: dict[str, str]) -> Obstore | None:
    endpoint = options.server(environment)
    secure = not endpoint.startswith("http:")
    own_certificates = options.verify not in {None, True} or any(
        environment.get(name) for name in CA_BUNDLES
    )
    understood = all(map(_UNDERSTOOD.fullmatch, environment))
    if (secure and own_certificates) or not understood:
        return None
    from botocore.session import Session
    from obstore.store import S3Store as Obstore

    session = Session(profile=options.profile)
    if options.key is not None:
        session.set_credentials(options.key, options.secret, options.token)
    region = options.region or session.get_config_variable("region")
    credentials = session.get_credentials()
    foreign = _FOREIGN & session.get_scoped_config().keys()
    if foreign or credentials is None or not (region or endpoint):
        return None

    def renewed() -> Any:
        """Ask botocore, which renews a role's credentials ten minutes before they expire."""
        frozen = credentials.get_frozen_credentials()
        for each in frozen:
            one_line("The AWS credentials", each or "")  # Rust would panic
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + timedelta(minutes=5),
        }

    renewed()  # what makes no sense in a file is for s3fs to explain
    config: S3Config = {
        "region": region or "us-east-1",
        "virtual_hosted_style_request": not endpoint and "." not in name,
        "checksum_algorithm": "SHA256",  # a bucket with Object Lock takes nothing without one
    }
    if endpoint:
        config["endpoint"] = endpoint
    if options.encryption:
        config["server_side_encryption"] = options.encryption
    if options.kms_key:
        config["sse_kms_key_id"] = options.kms_key
    return Obstore(
        name,
        config=config,
        client_options={
            "allow_http": not secure,
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "user_agent": "bls-data-quest",
        },
        retry_config={"max_retries": 0},
        credential_provider=renewed,
    )
