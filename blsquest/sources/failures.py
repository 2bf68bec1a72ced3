"""Why a request did not work, in one sentence that a person can act on. Pure."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import TYPE_CHECKING

import requests
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3 import exceptions as urllib3

from blsquest.core.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator


LIBRARY_ERRORS = (requests.RequestException, urllib3.HTTPError, http.client.HTTPException, OSError)
"""All that `requests`, `urllib3` and the socket raise, while asking or while reading."""

_LATER = "Run again later."
_NETWORK = "Check the network and the URL, and run again."

# The first line that fits one of the causes decides, so the most telling stand first. The texts
# never hold the library's own message: behind a proxy it can show the proxy's password.
_SENTENCES: tuple[tuple[tuple[type[BaseException], ...], str, str, bool], ...] = (
    ((InvalidURL, InvalidSchema), "cannot be asked: the URL is invalid", "Check the URL.", False),
    (
        (urllib3.ProxyError,),
        "could not be reached through the proxy that the environment names",
        "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
        True,
    ),
    (
        (ssl.SSLCertVerificationError,),
        "did not prove its identity: its TLS certificate cannot be verified",
        "Check the URL and this machine's clock, and REQUESTS_CA_BUNDLE behind a proxy that reads.",
        False,
    ),
    ((ssl.SSLEOFError,), "closed the connection during TLS", _LATER, True),
    ((ssl.SSLError,), "does not speak TLS as it should", "Check the URL.", False),
    ((socket.gaierror,), "has a name that cannot be resolved (DNS)", _NETWORK, True),
    ((ConnectionRefusedError,), "refused the connection", _NETWORK, True),
    ((urllib3.NewConnectionError,), "cannot be reached from here", _NETWORK, True),
    (
        (urllib3.ConnectTimeoutError,),
        "did not accept a connection in the time allowed",
        _NETWORK,
        True,
    ),
    (
        (urllib3.ReadTimeoutError, TimeoutError),
        "stopped sending: nothing came within the read timeout",
        _LATER,
        True,
    ),
    (
        (urllib3.IncompleteRead, http.client.IncompleteRead),
        "closed the connection before the body was whole",
        _LATER,
        True,
    ),
    ((ConnectionError,), "cut the connection", _LATER, True),
    ((http.client.HTTPException, urllib3.InvalidHeader), "does not answer in HTTP", _LATER, True),
    ((OSError,), "could not be talked to: this machine's network failed", _NETWORK, True),
)


def describe(error: BaseException, what: str, host: str) -> SourceError:
    """The failure as a SourceError; `transient` where the same request may work in a moment.

    Args:
        error: One of `LIBRARY_ERRORS`.
        what: What was asked for.
        host: Of whom.
    """
    causes = list(_causes(error))
    for kinds, sentence, remedy, transient in _SENTENCES:
        if any(isinstance(cause, kinds) for cause in causes):
            return SourceError(f"{what}: {host} {sentence}.", remedy, transient=transient)
    return SourceError(f"{what}: asking {host} failed ({type(error).__name__}).", _LATER)


def _causes(error: BaseException, depth: int = 8) -> Iterator[BaseException]:
    """An exception and all that it wraps; libraries hide the cause in several places."""
    if isinstance(error, requests.RequestException):
        yield from (error,) if isinstance(error, InvalidURL | InvalidSchema) else ()
    else:
        yield error
    inside = [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
    if depth:
        for cause in {id(c): c for c in inside if isinstance(c, BaseException)}.values():
            yield from _causes(cause, depth - 1)
