"""A file has no observation twice, whatever its order and the parts in which it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.analytics.observations import OBSERVATIONS
from blsquest.analytics.revisions import KEY, UniqueKeys
from blsquest.core.errors import BadData

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Key = tuple[str, int, str]

keys = st.tuples(
    st.sampled_from("ABC"), st.integers(2020, 2022), st.sampled_from(["M01", "M13", "S01", "Q05"])
)


def split(rows: Sequence[Key], size: int) -> list[pl.DataFrame]:
    types = {name: OBSERVATIONS[name] for name in KEY}
    return [
        pl.DataFrame(rows[at : at + size], schema=types, orient="row")
        for at in range(0, len(rows), size)
    ]


def checked(parts: list[pl.DataFrame]) -> int:
    """How often all parts had to be read once more."""
    again = 0

    def anew() -> Iterator[pl.DataFrame]:
        nonlocal again
        again += 1
        return iter(parts)

    found = UniqueKeys()
    for part in parts:
        found.take(part)
    found.check(anew)
    return again


@given(st.lists(keys, max_size=12), st.integers(1, 5))
def test_a_key_is_found_there_twice_if_and_only_if_it_is(rows: list[Key], size: int) -> None:
    twice = sorted(key for key in set(rows) if rows.count(key) > 1)
    if not twice:
        checked(split(rows, size))
        return
    with pytest.raises(BadData) as caught:
        checked(split(rows, size))
    named = tuple(caught.value.what.rstrip(".").split(" ")[-3:])
    assert named in {(series, str(year), period) for series, year, period in twice}


@given(st.sets(keys, min_size=1), st.integers(1, 5))
def test_a_file_in_order_is_not_read_again(rows: set[Key], size: int) -> None:
    by_series = sorted(rows, key=lambda key: ("BCA".index(key[0]), *key[1:]))
    assert checked(split(by_series, size)) == 0
