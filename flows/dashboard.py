"""Telling the dashboard: it never decides how a run ends, and shows text as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from httpx import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import Logger, LoggerAdapter

T = TypeVar("T")

_MARKUP = re.compile(r"([\\\[<&]|(?<=www)\.)", re.IGNORECASE)
"""What begins a link, a picture, HTML or an entity in markdown, or makes a link of a bare name."""


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


def as_text(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table whose cells are shown as they are: no link, no picture, no HTML.

    One of Prefect's two dashboards reads a cell as markdown, and names come from publishers. The
    other one shows the backslashes; a usual name needs none.
    """
    return [
        {k: _MARKUP.sub(r"\\\1", v) if isinstance(v, str) else v for k, v in row.items()}
        for row in rows
    ]
