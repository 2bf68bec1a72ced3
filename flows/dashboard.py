"""Telling the dashboard: it never decides how a run ends, and shows text as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from httpx import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import Logger, LoggerAdapter

T = TypeVar("T")

_MARKUP = re.compile(r"([\\\[<&])")
"""What begins a link, a picture, HTML or an entity in markdown."""
_ESCAPED = re.compile(r"\\([\\\[<&])")
_ADDRESS = re.compile(r"(https?:|www)(?=//|\.)", re.IGNORECASE)
"""What markdown makes a link of, in spite of any escape: a word joiner in it prevents that."""


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
        {name: _plain(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
        for row in rows
    ]


def from_text(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that `as_text` was given."""
    return [
        {
            name: _ESCAPED.sub(r"\1", cell.replace("\N{WORD JOINER}", ""))
            if isinstance(cell, str)
            else cell
            for name, cell in row.items()
        }
        for row in rows
    ]


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", _ADDRESS.sub("\\1\N{WORD JOINER}", text))
