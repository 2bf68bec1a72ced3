"""The errors that a request ends in: why it failed, in one sentence that a person can act on."""

import http.client
import socket
import ssl
from collections.abc import Iterator

import requests
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3 import exceptions as urllib3

from blsquest.core.errors import SourceError


class StatusError(SourceError):
    """The publisher answered with a status that another attempt will not change."""

    def __init__(self, what: str, remedy: str, status: int) -> None:
        super().__init__(what, remedy)
        self.status = status


class TransientError(SourceError):
    """One attempt failed in a way that the next may not."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy, transient=True)


LIBRARY_ERRORS = (requests.RequestException, urllib3.HTTPError, http.client.HTTPException, OSError)
"""All that `requests`, `urllib3` and the socket raise, before or within a body."""

_LATER = "Run again later."
_NETWORK = "Check the network and the URL, and run again."
_PROXY = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
_URL = "Check the URL."
_TRUST = "Check the URL and this machine's clock, and REQUESTS_CA_BUNDLE if a proxy reads TLS."
_ADDRESS = "Check the URL, and HTTPS_PROXY and HTTP_PROXY where they are set."
_FINAL = {_URL, _ADDRESS, _TRUST}
"""Remedies of failures that another attempt will not change."""

# The first line that fits one of the causes decides, so the most specific come first. The texts
# never hold the library's own message: behind a proxy it can show the proxy's password.
_Kinds = type[BaseException] | tuple[type[BaseException], ...]
_SENTENCES: tuple[tuple[_Kinds, str, str], ...] = (
    (
        (InvalidURL, InvalidSchema),
        "cannot be reached: the URL is invalid, or its proxy's",
        _ADDRESS,
    ),
    (urllib3.ProxyError, "could not be reached through the proxy in the environment", _PROXY),
    (ssl.SSLCertVerificationError, "has a TLS certificate that cannot be verified", _TRUST),
    (ssl.SSLEOFError, "closed the connection during TLS", _LATER),
    (ssl.SSLError, "does not speak TLS as it should", _URL),
    (socket.gaierror, "has a name that cannot be resolved (DNS)", _NETWORK),
    (ConnectionRefusedError, "refused the connection", _NETWORK),
    (urllib3.NewConnectionError, "cannot be reached from here", _NETWORK),
    (urllib3.ConnectTimeoutError, "did not accept a connection in the time allowed", _NETWORK),
    (
        (urllib3.ReadTimeoutError, TimeoutError),
        "stopped sending: nothing came within the read timeout",
        _LATER,
    ),
    (
        (urllib3.IncompleteRead, http.client.IncompleteRead),
        "closed the connection before the body was whole",
        _LATER,
    ),
    (ConnectionError, "cut the connection", _LATER),
    ((http.client.HTTPException, urllib3.InvalidHeader), "does not answer in HTTP", _LATER),
    (OSError, "could not be reached: this machine's network failed", _NETWORK),
)


def describe(error: BaseException, what: str, host: str) -> SourceError:
    """Return a TransientError if the same request may work in a moment, else a SourceError.

    The error is one of `LIBRARY_ERRORS`; `what` names the request in messages.
    """
    causes = list(_causes(error))
    for kinds, sentence, remedy in _SENTENCES:
        if any(isinstance(cause, kinds) for cause in causes):
            failure = SourceError if remedy in _FINAL else TransientError
            return failure(f"{what}: {host} {sentence}.", remedy)
    return SourceError(f"{what}: the request to {host} failed ({type(error).__name__}).", _LATER)


def _causes(error: BaseException, depth: int = 8) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps; libraries hide the cause in several places."""
    if not isinstance(error, requests.RequestException) or isinstance(
        error, InvalidURL | InvalidSchema
    ):
        yield error
    inside = [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
    if depth:
        for cause in {id(c): c for c in inside if isinstance(c, BaseException)}.values():
            yield from _causes(cause, depth - 1)
