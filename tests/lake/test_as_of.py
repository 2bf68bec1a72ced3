"""Which moment a person means. Pure."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.core.errors import Misuse
from blsquest.lake.as_of import AsOf, is_past, parse_as_of

NOON = datetime(2025, 8, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-08-15", AsOf(day=date(2025, 8, 15))),
        (" 2025-08-15\n", AsOf(day=date(2025, 8, 15))),
        ("2025-08-15T12:00:00Z", AsOf(moment=NOON)),
        ("2025-08-15T14:00:00+02:00", AsOf(moment=NOON)),
        ("2025-08-15 07:00-05:00", AsOf(moment=NOON)),
        ("9999-12-31", AsOf(day=date(9999, 12, 30))),
        ("1", AsOf(generation=1)),
    ],
)
def test_a_date_a_time_with_its_zone_and_a_number_are_understood(text: str, meant: AsOf) -> None:
    assert parse_as_of(text) == meant


FAR = ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00+14:00")
"""Times that no datetime in UTC can name."""
ODD = ("", "0", "-1", "1.5", "2025-13-01", "2025-02-30", "yesterday", "2025-8-1", "²", "1e3")


@pytest.mark.parametrize("text", [*ODD, *FAR, "10:00Z"])
def test_anything_else_is_misuse_that_shows_what_to_write(text: str) -> None:
    with pytest.raises(Misuse, match=r"not a date, time or generation.*2025-08-15T12:00:00Z"):
        parse_as_of(text)
    with pytest.raises(Misuse, match="no time zone"):
        parse_as_of("2025-08-15T12:00:00")


@given(st.dates(max_value=date(9999, 12, 30)))
def test_a_day_means_its_last_moment_in_utc(day: date) -> None:
    until = AsOf(day=day).until
    assert until is not None
    assert until.date() == day
    assert (until + timedelta(microseconds=1)).date() == day + timedelta(days=1)


def test_today_is_not_past_and_yesterday_and_any_generation_are() -> None:
    assert not is_past(AsOf(day=NOON.date()), now=NOON)
    assert is_past(AsOf(day=NOON.date() - timedelta(days=1)), now=NOON)
    assert is_past(AsOf(moment=NOON - timedelta(seconds=1)), now=NOON)
    assert not is_past(AsOf(moment=NOON + timedelta(seconds=1)), now=NOON)
    assert is_past(AsOf(generation=3), now=NOON)
