"""The time now, and how moments are written. What decides by the time is given a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TICK = timedelta(microseconds=1)
"""The resolution of a manifest's times."""


def utcnow() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


def time_text(moment: datetime) -> str:
    """Return an aware datetime as `2026-11-22T14:03:11.123456Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
