"""What a failure of the Prefect API means, and what to do about it."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from httpx import HTTPStatusError, RequestError
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from blsquest.core.errors import QuestError

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = {"127.0.0.1", "localhost", "::1"}
_DASHBOARD_PORT = 4200
"""The default of `make dashboard`."""


class ApiError(QuestError):
    """The Prefect API did not answer, or not as it should."""


def api_error(error: BaseException) -> ApiError | None:
    """Explain `error` if it is a failure of the API, else return None; no secret is shown."""
    url = PREFECT_API_URL.value()
    address = f"at {_shown(url)}" if url else "that this command starts for itself"
    if isinstance(error, HTTPStatusError):
        status = error.response.status_code
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return ApiError(
                f"The Prefect API {address} did not accept the credentials ({status}).",
                "Set PREFECT_API_KEY (Prefect Cloud) or PREFECT_API_AUTH_STRING (a server of your "
                "own), or log in again with: prefect cloud login",
            )
        return ApiError(
            f"The Prefect API {address} answered {status}.",
            "Check that PREFECT_API_URL ends in /api (or names a workspace of Prefect Cloud), and "
            "that the server is of the same version as this client.",
        )
    # Prefect's own word for an API that it cannot reach at all is a RuntimeError.
    if isinstance(error, RequestError) or (isinstance(error, RuntimeError) and "API" in str(error)):
        return ApiError(
            f"The Prefect API {address} does not answer ({type(error).__name__}).",
            f"{_start(url)} Then run again: what is done is not done twice.",
        )
    return None


@contextmanager
def explain_api() -> Iterator[str]:
    """Turn failures of the API within into `ApiError`; gives its address, without secrets."""
    try:
        with get_client(sync_client=True) as client:
            address = _shown(str(client.api_url))
            client.read_block_types()
        yield address
    except (HTTPStatusError, RequestError, RuntimeError) as error:
        failure = api_error(error)
        if failure is None:
            raise
        raise failure from error


def _start(url: str | None) -> str:
    """Say what may bring the API back: a server here can be started, one elsewhere can't."""
    parts = urlsplit(url or "")
    if url and parts.hostname not in _HERE:
        return (
            "See that it is up and that this machine reaches it (proxy, firewall), or correct "
            "PREFECT_API_URL."
        )
    port = f" PORT={parts.port or 80}" if url and parts.port != _DASHBOARD_PORT else ""
    return (
        f"Start it (make dashboard{port}), or correct PREFECT_API_URL; without that variable a "
        "flow starts a server of its own."
    )


def _shown(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
