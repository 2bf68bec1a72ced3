"""The time now, and how moments are written. What decides by the time is given a clock."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

TICK = timedelta(microseconds=1)
"""The resolution of a manifest's times."""


_FIXDATE = re.compile(
    r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [1-9][0-9]{3} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
"""The one form that servers may send: lenient readers turn the year 0000 into 2000."""


def utcnow() -> datetime:
    """Return the time now, aware, in UTC."""
    return datetime.now(UTC)


def time_text(moment: datetime) -> str:
    """Return an aware datetime as `2026-11-22T14:03:11.123456Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def http_date(text: str | None) -> datetime | None:
    """Read an HTTP date (RFC 9110, 5.6.7), aware, in UTC; None if missing or malformed."""
    if not text or not _FIXDATE.fullmatch(text):
        return None
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
