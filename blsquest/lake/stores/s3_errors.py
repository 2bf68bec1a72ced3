"""What a failure of an S3 request means for a lake, and what to do about it."""

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from blsquest.core.errors import Missing, StoreError
from blsquest.core.text import short

TAKEN = "PreconditionFailed"
"""If-None-Match: there is an object at the key already."""
CONFLICT = "ConditionalRequestConflict"
"""Another conditional write to the key was under way: nothing was written, ask again."""
NO_UPLOAD = "NoSuchUpload"
"""The multipart upload was completed or aborted."""

_CREDENTIALS = (
    "Check the access key, its secret and session token (of the block, or of the environment's "
    "chain: AWS_ACCESS_KEY_ID, AWS_PROFILE, the task's role), and this machine's clock."
)
_PERMISSIONS = (
    "The lake needs s3:ListBucket on the bucket (its audit s3:ListBucketMultipartUploads too), and "
    "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload below its prefix, and "
    "the rights to its KMS key; a policy that demands encryption is met by LAKE_ENCRYPTION; or the "
    "credentials are wrong."
)
_REGION = "Set the bucket's region (AWS_REGION, or the block's region)."
_REACH = "Check the network, and the endpoint (AWS_ENDPOINT_URL, or the block's), then run again."
_TRUST = (
    "Check the endpoint, and name the file of its CA in AWS_CA_BUNDLE (or REQUESTS_CA_BUNDLE, or "
    "the block's certificate path)."
)
_BUNDLE = (
    "Correct AWS_CA_BUNDLE (or REQUESTS_CA_BUNDLE, ca_bundle in the AWS configuration file, or the "
    "block's certificate path), or unset it for the usual CAs."
)
_PROXY = "Correct HTTP_PROXY or HTTPS_PROXY, or unset it."
_SETTINGS = (
    "Look at the access key, the session token and the region: in the environment, the block, and "
    "the AWS configuration and credentials files (~/.aws)."
)
_UNSAID = (
    "It gave no cause. The likely ones: a session token that has expired, a wrong region, and this "
    "machine's clock."
)
_LATER = "Run again later; what arrived is not uploaded again."

_CODES: dict[str, tuple[str, str]] = {
    "NoSuchBucket": ("the bucket does not exist", "Create it, or correct its name or endpoint."),
    "AccessDenied": ("access was denied", _PERMISSIONS),
    "InvalidAccessKeyId": ("the access key is unknown", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key is wrong", _CREDENTIALS),
    "InvalidToken": ("the session token is wrong", _CREDENTIALS),
    "ExpiredToken": ("the session token has expired", _CREDENTIALS),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", _CREDENTIALS),
    "PermanentRedirect": ("the bucket is in another region", _REGION),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", _REGION),
    "IllegalLocationConstraintException": ("the bucket is in another region", _REGION),
    TAKEN: ("there is an object already", "Nothing was changed."),
    CONFLICT: ("other writers kept the key busy", _LATER),
    NO_UPLOAD: ("the multipart upload was ended by someone else", _LATER),
}
_STATUSES: dict[int, str] = {
    HTTPStatus.MOVED_PERMANENTLY: "PermanentRedirect",
    HTTPStatus.FORBIDDEN: "AccessDenied",
    HTTPStatus.CONFLICT: CONFLICT,
    HTTPStatus.PRECONDITION_FAILED: TAKEN,
}
_TRANSIENT_CODES = {"SlowDown", "RequestTimeout", "Throttling", "RequestLimitExceeded", CONFLICT}
_NO_ANSWER = re.compile(
    "Connection|Timeout|HTTPClient|IncompleteRead|ResponseStreaming|FlexibleChecksum|ClientPayload"
)
_NO_CREDENTIALS = re.compile("Credential|ProfileNotFound|Token")
"""Both in the names of exceptions, of botocore and aiohttp."""
_PASSWORD = re.compile(r"[^/\s@]+@")
"""In an endpoint's URL."""
_SIGNATURE = re.compile(r"(?<==)[^\s&,]{16,}")
"""Or a token, as a URL or a header has it."""
_PHRASES = {status.phrase for status in HTTPStatus}


class S3Error(StoreError):
    """An S3 server's refusal; `code` is S3's own name for it, "" where there was no answer."""

    def __init__(self, what: str, remedy: str, *, code: str = "", transient: bool = False) -> None:
        super().__init__(what, remedy, transient=transient)
        self.code = code


def explained(
    error: Exception, url: str, secrets: Collection[str] = (), server: str = "the storage"
) -> StoreError:
    """Explain what `error`, of s3fs, botocore or aiohttp, means for what is at `url`.

    s3fs translates S3's answers into built-in exceptions and keeps the original as their cause.
    """
    cause = error.__cause__ if hasattr(error.__cause__, "response") else error
    response: Any = getattr(cause, "response", None)
    if isinstance(response, dict):
        return _refused(response, url, secrets, server)
    kind = type(cause).__name__
    endpoint = _endpoint(cause, server)
    if setting := _misfit(getattr(cause, "kwargs", {}).get("error")):
        return S3Error(f"{url}: the request could not be made: {setting[0]}.", setting[1])
    if "SSL" in kind:
        return S3Error(f"{url}: {endpoint} has a TLS certificate that can't be verified.", _TRUST)
    if _NO_ANSWER.search(kind):
        return S3Error(f"{url}: no answer from {endpoint} ({kind}).", _REACH, transient=True)
    if _NO_CREDENTIALS.search(kind):
        return S3Error(f"{url}: no usable AWS credentials were found ({kind}).", _CREDENTIALS)
    # botocore's messages about set-up name values such as the bucket, the region, the endpoint.
    reason = short(_PASSWORD.sub("***@", str(cause)))
    return S3Error(f"{url}: the request could not be made ({kind}: {reason}).", _REACH)


def _misfit(error: object) -> tuple[str, str] | None:
    """Return the fault of a setting that prevents every request, and the remedy."""
    unread = isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError)
    if unread or getattr(error, "library", "") in {"X509", "PEM"}:  # of OpenSSL
        return "the file of CA certificates can't be read, or holds none", _BUNDLE
    if "Prox" in type(error).__name__:
        return "the address of the proxy makes no sense", _PROXY
    # A certificate that can't be verified is a ValueError too.
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "a setting contains a control character, or is invalid", _SETTINGS
    return None


def _refused(
    response: dict[str, Any], url: str, secrets: Collection[str], server: str
) -> StoreError:
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    fault = response.get("Error", {})
    code = str(fault.get("Code", ""))
    if code in {"NoSuchKey", "404", "NotFound"}:
        return Missing(f"{url} does not exist.", "Run again: a run puts back what it can.")
    if code not in _CODES:
        code = _STATUSES.get(status, code)
    transient = (
        code in _TRANSIENT_CODES
        or status == HTTPStatus.TOO_MANY_REQUESTS
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
    if code in _CODES:
        cause, remedy = _CODES[code]
    elif transient:
        cause, remedy = f"{server} is busy or failing ({code}, {status})", _LATER
    else:
        bare = code in {"", str(status)}
        cause = f"{server} answered {status}" + ("" if bare else f" {code}")
        remedy = _UNSAID if bare else "See the storage's documentation of that code."
    message = _quoted(str(fault.get("Message", "")), secrets)
    if message and code not in {TAKEN, CONFLICT}:
        cause = f"{cause} (it says: {message})"
    return S3Error(f"{url}: {cause}.", remedy, code=code, transient=transient)


def _quoted(message: str, secrets: Collection[str]) -> str:
    """Return a server's own words, short and printable, without what may be a secret in them."""
    for secret in secrets:
        message = message.replace(secret, "***")
    if message in _PHRASES:  # what botocore says of an answer without a body
        return ""
    return short(_SIGNATURE.sub("***", _PASSWORD.sub("***@", message))).rstrip(".")


def _endpoint(error: BaseException | None, server: str) -> str:
    """Scheme, host and port only: a URL may hold a password or a signature."""
    address = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url", "")))
    if not address.hostname:
        return server
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
