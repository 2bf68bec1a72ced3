"""Asking the Prefect API with patience: no fleet's sum is lost because it was away for a while."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from httpx import HTTPError, HTTPStatusError
from prefect.logging import get_run_logger

from blocks.api import api_error
from blsquest.core.stop import sleep_unless_stopped

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

WAITS = (5.0, 10.0, 20.0, 40.0, *[60.0] * 29)
"""Seconds before each further try: half an hour, and what Prefect's client adds of its own."""

_WORTH_ASKING_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


def asked(ask: Callable[[], T], what: str) -> T:
    """Ask the API, again and again while it does not answer, or not as it should.

    Args:
        ask: Asks it; doing so twice must do no harm.
        what: What for, for the log.

    Raises:
        ApiError: It refused, or did not answer in the end.
        Stopped: The process is to end.
    """
    for wait in WAITS:
        try:
            return ask()
        except HTTPError as error:
            if not _may_pass(error):
                raise api_error(error) or error from error
            get_run_logger().warning(
                "The Prefect API does not answer (%s) when asked %s: again in %.0f s.",
                type(error).__name__,
                what,
                wait,
            )
        sleep_unless_stopped(wait)
    try:
        return ask()
    except HTTPError as error:
        raise api_error(error) or error from error


def _may_pass(error: HTTPError) -> bool:
    """Whether asking again later may help."""
    if not isinstance(error, HTTPStatusError):
        return True
    status = error.response.status_code
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _WORTH_ASKING_AGAIN
