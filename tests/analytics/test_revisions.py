"""What differs between two vintages of a data file."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blsquest.analytics.observations import OBSERVATIONS, observation_batches
from blsquest.analytics.revisions import (
    KEY,
    REVISIONS,
    UniqueKeys,
    by_series,
    by_year,
    compare,
    counts,
    largest,
)
from blsquest.core.errors import BadData

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from random import Random

    from blsquest.analytics.observations import Batches

Key = tuple[str, int, str]
Said = tuple[Decimal | None, str]
"""A value and its footnotes."""
Row = tuple[str, int, str, str | None, str]


def vintage(*rows: Row, parts: int = 100) -> Batches:
    exact = [(*key, Decimal(value) if value else None, note) for *key, value, note in rows]
    return batches(exact, parts)


def batches(rows: Iterable[tuple[object, ...]], parts: int) -> Batches:
    whole = pl.DataFrame(list(rows), schema=OBSERVATIONS, orient="row")
    return lambda: whole.iter_slices(parts)


def told(revisions: pl.DataFrame) -> list[tuple[object, ...]]:
    return revisions.select(
        "series_id", "period", "change", "old_value", "new_value", "difference"
    ).rows()


def test_each_kind_of_difference_is_told_with_both_values_and_the_exact_difference() -> None:
    old = vintage(
        ("A", 2020, "Q01", "0.10", ""),
        ("A", 2020, "Q02", "0.3", "P"),
        ("A", 2020, "Q03", "5", ""),
        ("A", 2020, "Q04", "7", "R"),
    )
    new = vintage(
        ("A", 2020, "Q01", "0.1", ""),
        ("A", 2020, "Q02", "0.1", ""),
        ("A", 2020, "Q04", "7", ""),
        ("A", 2020, "Q05", "9", ""),
    )
    found = compare(old, new)
    assert dict(found.schema) == dict(REVISIONS)
    assert told(found) == [
        ("A", "Q02", "revised", Decimal("0.3"), Decimal("0.1"), Decimal("-0.2")),
        ("A", "Q03", "removed", Decimal(5), None, None),
        ("A", "Q04", "annotated", Decimal(7), Decimal(7), Decimal(0)),
        ("A", "Q05", "added", None, Decimal(9), None),
    ]
    notes = found.select("old_footnotes", "new_footnotes").rows()
    assert notes == [("P", ""), ("", None), ("R", ""), (None, "")]
    assert counts(found) == {"added": 1, "removed": 1, "revised": 1, "annotated": 1, "series": 1}


def test_a_value_that_comes_or_goes_is_a_revision_without_a_difference() -> None:
    old = vintage(("A", 2020, "M01", None, ""), ("A", 2020, "M02", "1", ""))
    new = vintage(("A", 2020, "M01", "1", ""), ("A", 2020, "M02", None, ""))
    assert told(compare(old, new)) == [
        ("A", "M01", "revised", None, Decimal(1), None),
        ("A", "M02", "revised", Decimal(1), None, None),
    ]
    assert largest(compare(old, new), 5).is_empty()
    assert by_series(compare(old, new)).item(0, "largest") is None


keys = st.tuples(
    st.sampled_from(["A", "B", "C10", "C2"]),
    st.integers(2019, 2022),
    st.sampled_from(["Q01", "Q05", "M13", "S01", "A01"]),
)
values = st.none() | st.decimals(-1000, 1000, places=3)
contents = st.dictionaries(keys, st.tuples(values, st.sampled_from(["", "R", "P,R"])), max_size=25)


def applied(old: dict[Key, Said], revisions: pl.DataFrame) -> dict[Key, Said]:
    """The old vintage with the revisions made; each must find what it says was there."""
    result = dict(old)
    for series, year, period, change, was, now, moved, old_note, new_note in revisions.rows():
        key = (series, year, period)
        before = result.pop(key, None)
        assert before == (None if change == "added" else (was, old_note))
        if change != "removed":
            result[key] = (now, new_note)
        if change in {"revised", "annotated"} and None not in {was, now}:
            assert moved == now - was
    return result


@given(contents, contents, st.randoms(use_true_random=False), st.integers(1, 7))
@settings(max_examples=60)
def test_revisions_applied_to_the_old_vintage_give_the_new(
    old: dict[Key, Said], new: dict[Key, Said], random: Random, parts: int
) -> None:
    in_order = [(*key, *said) for key, said in sorted(old.items())]
    shuffled = [(*key, *said) for key, said in new.items()]
    random.shuffle(shuffled)
    found = compare(batches(in_order, parts), batches(shuffled, parts))
    assert applied(old, found) == new
    assert found.height == len({k for k in old.keys() | new.keys() if old.get(k) != new.get(k)})
    assert found.equals(compare(batches(in_order, 100), batches(shuffled, 100)))


@pytest.mark.parametrize("parts", [1, 2, 100])
@pytest.mark.parametrize("twice_in", [("old",), ("new",), ("old", "new")])
def test_an_observation_twice_is_refused_however_apart(
    parts: int, twice_in: tuple[str, ...]
) -> None:
    """Where both have it twice, each has a partner."""
    once = [
        (series, 2020, period, "1", "") for series in "ABCD" for period in ("Q01", "Q02", "Q05")
    ]
    old, new = (
        vintage(*once, *([("A", 2020, "Q01", value, "")] if name in twice_in else []), parts=parts)
        for name, value in (("old", "2"), ("new", "3"))
    )
    with pytest.raises(BadData, match="two rows for A 2020 Q01"):
        compare(old, new)


def test_summaries_count_by_series_and_by_year() -> None:
    old = vintage(
        ("A", 2019, "Q01", "1", ""), ("A", 2020, "Q01", "1", ""), ("B", 2020, "Q01", "1", "")
    )
    new = vintage(
        ("A", 2019, "Q01", "4", ""), ("A", 2020, "Q01", "-3", ""), ("C", 2020, "Q01", "1", "")
    )
    found = compare(old, new)
    assert by_series(found).rows() == [
        ("A", 0, 0, 2, 0, Decimal(-4), 2019, 2020),
        ("B", 0, 1, 0, 0, None, 2020, 2020),
        ("C", 1, 0, 0, 0, None, 2020, 2020),
    ]
    assert by_year(found).rows() == [(2019, 0, 0, 1, 0, 1), (2020, 1, 1, 1, 0, 3)]


def test_the_largest_revisions_are_ranked_by_size_apart_for_each_unit() -> None:
    old = vintage(*(("A", 2020, f"Q0{q}", "0", "") for q in (1, 2, 3)), ("B", 2020, "Q01", "0", ""))
    new = vintage(
        ("A", 2020, "Q01", "-50", ""),
        ("A", 2020, "Q02", "30", ""),
        ("A", 2020, "Q03", "40", ""),
        ("B", 2020, "Q01", "0.2", ""),
    )
    found = compare(old, new).with_columns(
        unit=pl.when(pl.col("series_id") == "A").then(pl.lit("index")).otherwise(pl.lit("percent"))
    )
    assert [row[-1] for row in told(largest(found, 2))] == [-50, 40]
    assert [row[-1] for row in told(largest(found, 2, by="unit"))] == [-50, 40, Decimal("0.2")]


@pytest.mark.parametrize(
    ("file", "revised"), [("pr.data.0.Current", 8140), ("pr.data.1.AllData", 8980)]
)
def test_the_real_releases_differ_as_known(shared_data: Path, file: str, revised: int) -> None:
    old, new = (
        observation_batches(shared_data / "pr" / release / file)
        for release in ("2024-06", "2025-02")
    )
    found = compare(old, new)
    changes = {"added": 834, "removed": 0, "revised": revised, "annotated": 17}
    assert counts(found) == changes | {"series": 282}
    assert by_year(found).get_column("revised").sum() == revised
    assert by_series(found).get_column("added").sum() == 834
    before, after = (
        {row[:3]: row[3:] for part in read() for row in part.rows()} for read in (old, new)
    )
    assert applied(before, found) == after
    assert counts(compare(new, old))["removed"] == 834


few_keys = st.tuples(
    st.sampled_from("ABC"), st.integers(2020, 2022), st.sampled_from(["M01", "M13", "S01", "Q05"])
)


def checked(rows: Sequence[Key], size: int) -> int:
    """How often all parts had to be read once more."""
    whole = pl.DataFrame(rows, schema={name: OBSERVATIONS[name] for name in KEY}, orient="row")
    read: list[Iterator[pl.DataFrame]] = []

    def anew() -> Iterator[pl.DataFrame]:
        read.append(whole.iter_slices(size))
        return read[-1]

    found = UniqueKeys()
    for part in whole.iter_slices(size):
        found.take(part)
    found.check(anew)
    return len(read)


@given(st.lists(few_keys, max_size=12), st.integers(1, 5))
def test_a_key_is_found_there_twice_if_and_only_if_it_is(rows: list[Key], size: int) -> None:
    twice = sorted(key for key in set(rows) if rows.count(key) > 1)
    if not twice:
        checked(rows, size)
        return
    with pytest.raises(BadData) as caught:
        checked(rows, size)
    named = tuple(caught.value.what.rstrip(".").split(" ")[-3:])
    assert named in {(series, str(year), period) for series, year, period in twice}


@given(st.sets(few_keys, min_size=1), st.integers(1, 5))
def test_a_file_in_order_is_not_read_again(rows: set[Key], size: int) -> None:
    by_series = sorted(rows, key=lambda key: ("BCA".index(key[0]), *key[1:]))
    assert checked(by_series, size) == 0
