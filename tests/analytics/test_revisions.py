"""What differs between two vintages of a data file."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars import selectors as cs

from blsquest.analytics.observations import OBSERVATIONS, Batches, observation_batches
from blsquest.analytics.revisions import (
    REVISIONS,
    by_series,
    by_year,
    compare,
    counts,
    described,
    highlights,
    largest,
    newest,
    with_percent,
)
from blsquest.core.errors import BadData

Key = tuple[str, int, str]
Said = tuple[Decimal | None, str]
"""A value and its footnotes."""
Row = tuple[str, int, str, str | None, str]


def vintage(*rows: Row, parts: int = 100) -> Batches:
    exact = [(*key, Decimal(value) if value else None, note) for *key, value, note in rows]
    return batches(exact, parts)


def batches(rows: Iterable[tuple[object, ...]], parts: int) -> Batches:
    placed = [(*row, None if row[3] is None else _decimals(str(row[3]))) for row in rows]
    whole = pl.DataFrame(placed, schema=OBSERVATIONS, orient="row")
    return lambda: whole.iter_slices(parts)


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


def as_rows(revisions: pl.DataFrame) -> list[tuple[object, ...]]:
    return revisions.select(
        "series_id", "period", "change", "old_value", "new_value", "difference"
    ).rows()


def test_each_kind_of_difference_has_both_values_and_the_exact_difference() -> None:
    old = vintage(
        ("A", 2020, "M01", None, ""),
        ("A", 2020, "M02", "1", ""),
        ("A", 2020, "M03", None, ""),
        ("A", 2020, "Q01", "0.10", ""),
        ("A", 2020, "Q02", "0.3", "P"),
        ("A", 2020, "Q03", "5", ""),
        ("A", 2020, "Q04", "7", "R"),
    )
    new = vintage(
        ("A", 2020, "M01", "1", ""),
        ("A", 2020, "M02", None, "X"),
        ("A", 2020, "M03", None, "X"),
        ("A", 2020, "Q01", "0.1", ""),
        ("A", 2020, "Q02", "0.1", ""),
        ("A", 2020, "Q04", "7", ""),
        ("A", 2020, "Q05", "9", ""),
    )
    found = compare(old, new)
    assert dict(found.schema) == dict(REVISIONS)
    assert as_rows(found) == [
        ("A", "M01", "filled", None, Decimal(1), None),
        ("A", "M02", "withdrawn", Decimal(1), None, None),
        ("A", "M03", "annotated", None, None, None),
        ("A", "Q02", "revised", Decimal("0.3"), Decimal("0.1"), Decimal("-0.2")),
        ("A", "Q03", "removed", Decimal(5), None, None),  # its row is gone, not its value
        ("A", "Q04", "annotated", Decimal(7), Decimal(7), Decimal(0)),
        ("A", "Q05", "added", None, Decimal(9), None),
    ]
    notes = found.filter(pl.col("period").cast(pl.String) > "Q").select(cs.contains("footnotes"))
    assert notes.rows() == [("P", ""), ("", None), ("R", ""), (None, "")]
    assert list(counts(found).items()) == [
        *(("withdrawn", 1), ("filled", 1), ("added", 1), ("removed", 1)),
        *(("revised", 1), ("annotated", 2), ("series", 1)),
    ]
    without = found.filter(pl.col("change") != "revised")
    assert largest(without, 5).is_empty()
    assert by_series(without).item(0, "largest") is None


def test_withdrawn_values_are_listed_from_the_newest_on_and_of_overlapping_files_once() -> None:
    rows: list[Row] = [
        ("A", year, f"M{month:02}", "1", "") for year in (2019, 2020) for month in (1, 2)
    ]
    found = compare(vintage(*rows), vintage(*[(*row[:3], None, "") for row in rows]))
    listed = [row[1:3] for row in newest(found, "withdrawn", 3).rows()]
    assert listed == [(2020, "M02"), (2020, "M01"), (2019, "M02")]
    words = pl.DataFrame({"series_id": ["A"], "title": ["a"], "unit": ["u"]})
    lists = highlights([found, found], words)
    assert lists["withdrawn"].height == 4
    assert lists["filled"].is_empty()
    assert lists["largest"].is_empty()


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
    for series, year, period, change, was, now, moved, old_note, new_note, _ in revisions.rows():
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


@pytest.mark.parametrize("parts", [1, 100])
def test_a_change_has_the_most_decimals_of_its_whole_series_in_either_vintage(parts: int) -> None:
    old = vintage(
        ("A", 2019, "Q01", "1.0", ""),
        ("A", 2020, "Q01", "-7", ""),
        ("B", 2020, "Q01", None, ""),
        ("C", 2020, "Q01", "1.25", ""),
        parts=parts,
    )
    new = vintage(
        ("A", 2019, "Q01", "1.0", ""),
        ("A", 2020, "Q01", "-8", ""),
        ("B", 2020, "Q01", None, "X"),
        ("C", 2020, "Q01", "1.5", ""),
        parts=parts,
    )
    found = compare(old, new).select("series_id", "decimals")
    assert found.rows() == [("A", 1), ("B", 0), ("C", 2)]


def test_summaries_count_by_series_and_by_year() -> None:
    old = vintage(
        ("A", 2019, "Q01", "1", ""), ("A", 2020, "Q01", "1", ""), ("B", 2020, "Q01", "1", "")
    )
    new = vintage(
        ("A", 2019, "Q01", "4", ""), ("A", 2020, "Q01", "-3", ""), ("C", 2020, "Q01", "1", "")
    )
    found = compare(old, new)
    assert by_series(found).rows() == [
        ("A", 0, 0, 0, 0, 2, 0, Decimal(-4), 2019, 2020),
        ("B", 0, 0, 0, 1, 0, 0, None, 2020, 2020),
        ("C", 0, 0, 1, 0, 0, 0, None, 2020, 2020),
    ]
    assert by_year(found).rows() == [(2019, 0, 0, 0, 0, 1, 0, 1), (2020, 0, 0, 1, 1, 1, 0, 3)]


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
    assert [row[-1] for row in as_rows(largest(found, 2))] == [-50, 40]
    assert [row[-1] for row in as_rows(largest(found, 2, by=["unit"]))] == [-50, 40, Decimal("0.2")]
    few = largest(found, 2, by=["unit"], most=3)  # of two groups each may have one
    assert [row[-1] for row in as_rows(few)] == [-50, Decimal("0.2")]


def test_the_largest_are_ranked_among_one_unit_and_measure_by_difference_and_by_percent() -> None:
    moves = {
        "HOURS": [("100", "104"), ("1", "2")],
        "COSTS": [("100", "101")],
        "RATE": [("0.1", "0.3")],
        "ZERO": [("0", "5")],
        "OTHER": [("7", "8")],
    }
    rows = [
        (name, 2020, f"Q0{at}", *pair)
        for name, pairs in moves.items()
        for at, pair in enumerate(pairs, 1)
    ]
    found = compare(
        vintage(*((*row[:3], row[3], "") for row in rows)),
        vintage(*((*row[:3], row[4], "") for row in rows)),
    )
    words = pl.DataFrame(
        {
            "series_id": ["HOURS", "COSTS", "RATE", "ZERO"],
            "title": [None] * 4,
            "unit": ["index", "index", "Percent of all", "index"],
            "measure_code": ["01", "02", "01", "01"],
            "measure": ["hours", None, "hours", "hours"],
        },
        schema_overrides={"title": pl.String},
    )
    lists = highlights([found], words)
    by_size = lists["largest"].select("unit", "measure", "series_id", "difference").rows()
    assert by_size == [
        ("Percent of all", "hours", "RATE", Decimal("0.2")),
        ("index", "02", "COSTS", 1),
        ("index", "hours", "ZERO", 5),
        ("index", "hours", "HOURS", 4),
        ("index", "hours", "HOURS", 1),
        (None, None, "OTHER", 1),
    ]
    # A percentage has no percent, and nothing is a percentage of 0.
    by_percent = lists["largest_percent"].select("series_id", "period", "percent").rows()
    assert by_percent == [
        ("COSTS", "Q01", 1.0),
        ("HOURS", "Q02", 100.0),
        ("HOURS", "Q01", 4.0),
        ("OTHER", "Q01", 14.285714),
    ]


def test_what_is_measured_follows_from_whichever_codes_say_it() -> None:
    series = pl.DataFrame({"series_id": ["A"], "title": ["a"], "unit": ["u"]})
    assert described(series).row(0) == ("A", "a", "u", None)
    both = series.with_columns(datatype=pl.lit("median"), estimate_code=pl.lit("03"))
    assert described(both).row(0) == ("A", "a", "u", "median, 03")
    none = series.with_columns(data_type=pl.lit(None, pl.String))
    assert described(none).row(0) == ("A", "a", "u", None)
    assert with_percent(compare(vintage(), vintage()).with_columns(unit=pl.lit("u"))).is_empty()


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
    assert counts(found) == {"withdrawn": 0, "filled": 0} | changes | {"series": 282}
    assert by_year(found).get_column("revised").sum() == revised
    assert by_series(found).get_column("added").sum() == 834
    before, after = (
        {row[:3]: row[3:5] for part in read() for row in part.rows()} for read in (old, new)
    )
    assert applied(before, found) == after
    assert counts(compare(new, old))["removed"] == 834


few_keys = st.tuples(
    st.sampled_from("ABC"), st.integers(2020, 2022), st.sampled_from(["M01", "M13", "S01", "Q05"])
)


@given(st.lists(few_keys, max_size=12), st.integers(1, 5), st.sampled_from(("old", "new", "both")))
def test_a_key_is_found_there_twice_if_and_only_if_it_is(
    rows: list[Key], size: int, where: str
) -> None:
    """Where both have it twice, each has a partner."""
    given, none = batches([(*key, None, "") for key in rows], size), vintage()
    pair = (none if where == "new" else given), (none if where == "old" else given)
    twice = {key for key in rows if rows.count(key) > 1}
    if not twice:
        compare(*pair)
        return
    with pytest.raises(BadData) as caught:
        compare(*pair)
    named = tuple(caught.value.what.rstrip(".").split(" ")[-3:])
    assert named in {(series, str(year), period) for series, year, period in twice}


@given(st.sets(few_keys, min_size=1), st.integers(1, 5))
def test_a_file_in_order_is_not_read_again(rows: set[Key], size: int) -> None:
    by_series = sorted(rows, key=lambda key: ("BCA".index(key[0]), *key[1:]))
    parts = batches([(*key, None, "") for key in by_series], size)
    read: list[str] = []

    def counted() -> Iterator[pl.DataFrame]:
        read.append("")
        return parts()

    assert compare(counted, counted).is_empty()
    assert len(read) == 2
