"""Times: how they are told apart and written, and what time it is.

That is handed to whatever decides by it, so that tests have a clock of their own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TICK = timedelta(microseconds=1)
"""What manifests tell times apart by."""


def utcnow() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def time_text(moment: datetime) -> str:
    """An aware datetime as `2026-11-22T14:03:11.123456Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
