from __future__ import annotations

from datetime import UTC, datetime

import pytest
from requests.structures import CaseInsensitiveDict

from blsquest.core.clock import http_date
from blsquest.sources.headers import age, content_length, is_page, retry_after

NOW = datetime(2026, 8, 6, 12, 30, tzinfo=UTC)


def test_a_date_is_read_in_utc() -> None:
    assert http_date("Thu, 06 Aug 2026 12:30:00 GMT") == NOW


@pytest.mark.parametrize(
    "text",
    [None, "", "yesterday", "Thu, 32 Aug 2026 12:30:00 GMT", "Thu, 06 Aug 0000 12:30:00 GMT",
     "Thu, 06 Aug 2026 12:30:00 GMT\r\n X: y", "Thu, 06 Aug 2026 99:30:00 GMT", "8/6/2026",
     "Fri, 31 Dec 9999 23:59:59 -2359", "Thursday, 06-Aug-26 12:30:00 GMT", "\u0661"],
)  # fmt: skip
def test_a_malformed_date_is_none(text: str | None) -> None:
    assert http_date(text) is None


def test_age_is_the_time_from_last_modified_to_date_and_may_be_negative() -> None:
    early, late = "Thu, 06 Aug 2026 12:30:00 GMT", "Thu, 06 Aug 2026 12:45:00 GMT"
    assert age(early, late) == 900
    assert age(late, early) == -900
    assert age(None, late) is None
    assert age(early, "soon") is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("Thu, 06 Aug 2026 12:31:00 GMT", 60),
        ("Thu, 06 Aug 2026 12:29:00 GMT", 0),
        ("later", None),
        ("-5", None),
        ("9" * 400, float("inf")),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str, seconds: float | None) -> None:
    assert retry_after(CaseInsensitiveDict({"retry-after": said}), NOW) == seconds


@pytest.mark.parametrize(
    ("said", "length"), [("12", 12), ("-1", None), ("ten", None), ("1e3", None)]
)
def test_a_content_length_is_digits(said: str, length: int | None) -> None:
    assert content_length({"Content-Length": said}) == length


@pytest.mark.parametrize(
    ("kind", "start", "page"),
    [
        ("text/html; charset=utf-8", b"", True),
        ("application/octet-stream", b"\r\n <!DOCTYPE HTML>", True),
        ("text/plain", b"\xef\xbb\xbf<HTML>", True),
        ("text/plain", b"series_id\tyear", False),
    ],
)
def test_a_page_is_known_by_its_type_or_its_start(kind: str, start: bytes, page: bool) -> None:
    assert is_page({"Content-Type": kind}, start) is page
