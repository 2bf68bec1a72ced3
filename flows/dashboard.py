"""What is only told to the dashboard never decides how a run ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from httpx import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger, LoggerAdapter

T = TypeVar("T")


def tell(logger: Logger | LoggerAdapter[Logger], what: str, send: Callable[[], T]) -> T | None:
    """Send something to the Prefect API; without an answer, say so in the log and go on.

    Prefect's client tries for about a minute before it gives up (PREFECT_CLIENT_MAX_RETRIES).

    Args:
        logger: The run's.
        what: What the dashboard then lacks, for the log.
        send: Asks the API.
    """
    try:
        return send()
    except HTTPError as error:
        logger.warning(
            "The Prefect API does not answer (%s): the dashboard lacks %s. The run goes on.",
            type(error).__name__,
            what,
        )
        return None
