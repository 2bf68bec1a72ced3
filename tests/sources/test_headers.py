from datetime import UTC, datetime

import pytest

from blsquest.core.clock import http_date
from blsquest.sources.headers import content_length

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


@pytest.mark.parametrize(
    ("said", "length"), [("12", 12), ("-1", None), ("ten", None), ("1e3", None)]
)
def test_a_content_length_is_digits(said: str, length: int | None) -> None:
    assert content_length({"Content-Length": said}) == length
