"""Failures of the Prefect API: what they mean, and whether to retry or to tell a person."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

from httpx import HTTPError, HTTPStatusError, RequestError
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay
from tenacity.wait import wait_exponential

from blsquest.core.errors import QuestError
from blsquest.core.settings import one_line, reach_loopback_directly
from blsquest.core.stop import sleep_unless_stopped

T = TypeVar("T")

PATIENCE = 1800.0
"""Seconds for which an API that is away is asked again."""

OWN: set[str] = set()
"""Addresses of the servers that this process started for itself."""

_HERE = {"127.0.0.1", "localhost", "::1"}
_DASHBOARD_PORT = 4200
"""The default of `make dashboard`."""
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class ApiError(QuestError):
    """The Prefect API did not answer, or not as it should."""


def api_error(error: BaseException) -> ApiError | None:
    """Explain `error` if it is a failure of the API, else return None; no secret is shown."""
    url = PREFECT_API_URL.value()
    if url in OWN:
        url = None
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


def asked(ask: Callable[[], T]) -> T:
    """Ask the API, with retries while it is unavailable; the call must be safe to repeat.

    Raises:
        ApiError: It refused, or was unavailable for longer than `PATIENCE`.
        Stopped: The process is to end.
    """
    patiently = Retrying(
        retry=retry_if_exception(_is_transient),
        wait=wait_exponential(multiplier=5, max=60),
        stop=stop_after_delay(PATIENCE),
        sleep=sleep_unless_stopped,
        before_sleep=_say,
        reraise=True,
    )
    try:
        return patiently(ask)
    except HTTPError as error:
        raise api_error(error) or error from error


def check_api_settings() -> None:
    """Check the API's settings before a client is made, and bypass proxies for this machine.

    Raises:
        Misuse: A setting is not one line of text; its value is not shown.
    """
    reach_loopback_directly()
    for setting in (PREFECT_API_URL, PREFECT_API_KEY, PREFECT_API_AUTH_STRING):
        value = setting.value()
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        one_line(setting.name, text or "")


@contextmanager
def explain_api() -> Iterator[str]:
    """Turn failures of the API within into `ApiError`; gives its address, without secrets."""
    check_api_settings()
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


def _say(tries: RetryCallState) -> None:
    error = tries.outcome.exception() if tries.outcome else None
    message = "The Prefect API does not answer (%s): again in %.0f s."
    get_run_logger().warning(message, type(error).__name__, tries.upcoming_sleep)


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, HTTPStatusError):
        status = error.response.status_code
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING
    return isinstance(error, HTTPError)


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
        f"Start it (make dashboard{port}), or correct PREFECT_API_URL (prefect config view shows "
        "where it is set); where it is not, a flow starts a server of its own."
    )


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
