"""The checked values of a response's headers. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from blsquest.core.clock import http_date

SAMPLE = "X-Sample-Data"
"""Sent by the project's own sample server with everything that it generates."""

_AGE = re.compile(r"[0-9]{1,9}")
"""Seconds, up to 31 years; a cache that can't count so far says 2**31 (RFC 9111, 1.2.2)."""


def age(last_modified: str | None, date: str | None) -> float | None:
    """Return the seconds from `Last-Modified` to `Date`, both by the publisher's clock."""
    then, now = http_date(last_modified), http_date(date)
    return None if then is None or now is None else (now - then).total_seconds()


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the server's time when its answer was forwarded: `Date` plus `Age` in a cache."""
    date = http_date(headers.get("Date"))
    if date is None:
        return None
    if not _AGE.fullmatch(headers.get("Age", "")):
        return date
    try:
        return date + timedelta(seconds=int(headers["Age"]))
    except OverflowError:
        return date


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return the announced bytes of body; None if not announced, or not in digits."""
    text = headers.get("Content-Length", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None  # noqa: PLR2004 - beyond, no real length


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks to wait; None if it does not say.

    A date (RFC 9110, 10.2.3) is compared with the response's own `Date` if there is one, so that a
    wrong clock on either side does no harm.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    moment = http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - (http_date(headers.get("Date")) or now)).total_seconds())


def is_page(headers: Mapping[str, str], start: bytes) -> bool:
    """Tell a web page by its type or by how its body starts."""
    if headers.get("Content-Type", "").lower().lstrip().startswith("text/html"):
        return True
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))
