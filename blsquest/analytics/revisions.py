"""Compare two vintages of one data file: values withdrawn, filled, added, removed and revised.

The two are read side by side in parts, and each part is joined with the unmatched rows of the ones
before. So memory depends on how much differs and not on how long the files are. The result depends
on neither the parts nor the order of the rows; in files of the same order, few rows wait for a
match.
"""

from collections.abc import Sequence
from itertools import zip_longest

import polars as pl

from blsquest.analytics import CHANGES
from blsquest.analytics.observations import (
    OBSERVATIONS,
    PERIOD,
    PERIOD_BIT,
    VALUE,
    YEAR,
    Batches,
    repetition,
)
from blsquest.core.errors import BadData

KEY = ["series_id", "year", "period"]
"""The columns that identify an observation in any vintage."""

REVISIONS = pl.Schema(
    {
        "series_id": pl.String(),
        "year": YEAR,
        "period": PERIOD,
        "change": pl.Enum(CHANGES),
        "old_value": VALUE,
        "new_value": VALUE,
        "difference": VALUE,
        "old_footnotes": pl.String(),
        "new_footnotes": pl.String(),
        "decimals": pl.Int32(),
    }
)

MOST_CHANGES = 5_000_000
"""Each change takes about 300 bytes of memory: beyond, a comparison would need a large machine."""


def compare(old: Batches, new: Batches) -> pl.DataFrame:
    """Find every observation that differs between two vintages of one file.

    Returns:
        One row a difference, sorted by series, year and period: `change` (see `CHANGES`),
        `old_value` and `new_value` (null where there is no row, or no value in it), `difference`
        (new less old, exact; null unless both are there, so each `revised` value has one),
        `old_footnotes` and `new_footnotes`
        (null where there is no row, "" for none), `decimals` (the most that the publisher gives any
        value of the series, in either file; 0 where there is none).

    Raises:
        BadData: A file has two rows for one observation, or there are over `MOST_CHANGES`.
    """
    changed: list[pl.DataFrame] = []
    gone = fresh = OBSERVATIONS.to_frame()
    of_old, of_new = UniqueKeys(), UniqueKeys()
    most = pl.col("decimals").max()
    scales = [OBSERVATIONS.to_frame().select("series_id", "decimals")]
    for left, right in zip_longest(old(), new(), fillvalue=OBSERVATIONS.to_frame()):
        of_old.take(left)
        of_new.take(right)
        scales += [part.group_by("series_id").agg(most) for part in (left, right)]
        matched, gone, fresh = _match(pl.concat([gone, left]), pl.concat([fresh, right]))
        changed.append(matched)
        if sum(part.height for part in changed) > MOST_CHANGES:
            raise BadData(
                f"More than {MOST_CHANGES:,} observations differ.",
                "Compare the two vintages with a database that spills to disk, such as DuckDB.",
            )
    of_old.check(old)
    of_new.check(new)
    found = pl.concat([*changed, _one_sided(gone, "removed"), _one_sided(fresh, "added")])
    scale = pl.concat(scales).group_by("series_id").agg(most.fill_null(0))
    return found.drop("decimals").join(scale, on="series_id", how="left").cast(REVISIONS).sort(KEY)


def _match(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the differences of matching rows, and the old and new rows without a match."""
    joined = (
        old.lazy()
        .with_columns(was=True)
        .join(new.lazy().with_columns(now=True), on=KEY, how="full", coalesce=True, suffix="_new")
        .collect(engine="streaming")
    )
    gone = joined.filter(pl.col("now").is_null()).select(OBSERVATIONS.names())
    others = {name: pl.col(f"{name}_new") for name in OBSERVATIONS if name not in KEY}
    fresh = joined.filter(pl.col("was").is_null()).select(*KEY, **others)
    same_value = pl.col("value").eq_missing(pl.col("value_new"))
    same_notes = pl.col("footnote_codes") == pl.col("footnote_codes_new")
    different = joined.filter("was", "now", ~(same_value & same_notes)).select(
        *KEY,
        change=pl.when(same_value)
        .then(pl.lit("annotated"))
        .when(pl.col("value_new").is_null())
        .then(pl.lit("withdrawn"))
        .when(pl.col("value").is_null())
        .then(pl.lit("filled"))
        .otherwise(pl.lit("revised")),
        old_value="value",
        new_value="value_new",
        difference=pl.col("value_new") - pl.col("value"),
        old_footnotes="footnote_codes",
        new_footnotes="footnote_codes_new",
        decimals=pl.lit(None),
    )
    return different.cast(REVISIONS), gone, fresh


def _one_sided(rows: pl.DataFrame, change: str) -> pl.DataFrame:
    side = "old" if change == "removed" else "new"
    known = {f"{side}_value": pl.col("value"), f"{side}_footnotes": pl.col("footnote_codes")}
    empty = {name: pl.lit(None, dtype) for name, dtype in REVISIONS.items() if name not in KEY}
    return rows.select(*KEY, **(empty | known | {"change": pl.lit(change)})).cast(REVISIONS)


class UniqueKeys:
    """A check for repeated keys, part by part; memory grows with a file's series, not its rows.

    A file in which each series is one run of lines, forward in time, as BLS writes them, can have
    no repeated key. Only the keys of a file in another order are counted.
    """

    def __init__(self) -> None:
        self._series: set[str] = set()
        self._last: pl.DataFrame | None = None
        self._in_order = True

    def take(self, part: pl.DataFrame) -> None:
        """Look at the next part."""
        if not self._in_order or part.is_empty():
            return
        keys = part.select("series_id", "year", pl.col("period").cast(pl.String))
        seen = keys if self._last is None else pl.concat([self._last, keys])
        self._last = keys.tail(1)
        series, year, period = (pl.col(name) for name in KEY)
        later = (year > year.shift()) | ((year == year.shift()) & (period > period.shift()))
        ahead = seen.select(series, same=series == series.shift(), later=later)
        begun = ahead.filter(pl.col("same").not_().fill_null(value=len(self._series) == 0))
        names = set(begun.get_column("series_id").to_list())
        self._in_order = (
            not ahead.filter("same", pl.col("later").not_()).height
            and len(names) == begun.height
            and self._series.isdisjoint(names)
        )
        self._series |= names

    def check(self, parts: Batches) -> None:
        """Refuse a file with a repeated key; read it again if its order does not exclude one.

        Raises:
            BadData: A key is repeated.
        """
        if self._in_order:
            return
        counted = [
            part.group_by("series_id", "year").agg(bits=PERIOD_BIT.sum(), rows=pl.len())
            for part in parts()
        ]
        sums = pl.concat(counted).group_by("series_id", "year").sum()
        twice = sums.filter(pl.col("bits").bitwise_count_ones() != pl.col("rows"))
        if twice.height:
            series_id, year = twice.select("series_id", "year").sort("series_id", "year").row(0)
            rows = [part.filter(series_id=series_id, year=year).select(KEY) for part in parts()]
            raise repetition("A vintage of the data file", pl.concat(rows))


# -- Sums of differences -----------------------------------------------------------------------

_COUNTED = [(pl.col("change") == c).sum().cast(pl.Int64).alias(c) for c in CHANGES]


def counts(revisions: pl.DataFrame) -> dict[str, int]:
    """Count the observations by `CHANGES`, and the `series` that have any."""
    found = dict(revisions.get_column("change").value_counts().iter_rows())
    return {change: found.get(change, 0) for change in CHANGES} | {
        "series": revisions.get_column("series_id").n_unique()
    }


def by_series(revisions: pl.DataFrame) -> pl.DataFrame:
    """Sum up the differences of each series.

    Returns:
        One row a series that differs, sorted by it: a count for each of `CHANGES`, `largest` (the
        revision of the largest size, with its sign; null where no value was revised),
        `first_year` and `last_year` (of what differs).
    """
    moved = pl.when(pl.col("change") == "revised").then("difference")
    furthest = pl.col("difference").abs() == moved.abs().max()
    return (
        revisions.sort(KEY)
        .group_by("series_id")
        .agg(
            *_COUNTED,
            moved.filter(furthest).first().alias("largest"),
            pl.col("year").min().alias("first_year"),
            pl.col("year").max().alias("last_year"),
        )
        .sort("series_id")
    )


def by_year(revisions: pl.DataFrame) -> pl.DataFrame:
    """Sum up the differences of each year of observation.

    Returns:
        One row a year that differs, sorted by it: a count for each of `CHANGES`, and `series` (of
        how many). Differences are not added up: units differ from series to series.
    """
    series = pl.col("series_id").n_unique().cast(pl.Int64).alias("series")
    return revisions.group_by("year").agg(*_COUNTED, series).sort("year")


# -- The largest -------------------------------------------------------------------------------

MEASURES = ("measure", "data_type", "datatype", "dataelement", "estimate")
"""Codes by which surveys say what they measure (hours, costs; employment, earnings)."""

COMPARABLE = ("unit", "measure")
"""Revisions are ranked among series that share both; unknown ones count as the same."""

MOST_RANKED = 60
"""Rows of a ranking over all groups: more than that nobody reads."""


def described(catalogue: pl.DataFrame) -> pl.DataFrame:
    """Return `series_id`, `title`, `unit` and `measure` of a catalogue's series.

    `measure` is in words, else as a code; null where no column of the catalogue says it.
    """
    measures = [
        pl.coalesce(name for name in (stem, f"{stem}_code") if name in catalogue.columns)
        for stem in MEASURES
        if {stem, f"{stem}_code"} & {*catalogue.columns}
    ]
    joined = pl.concat_str(measures, separator=", ", ignore_nulls=True).replace("", None)
    measure = joined if measures else pl.lit(None, pl.String)
    return catalogue.select("series_id", "title", "unit", measure=measure)


def with_percent(revisions: pl.DataFrame) -> pl.DataFrame:
    """Return revisions with `unit` and their `percent`: the difference in percent of the old value.

    It is null where the old value is 0, and for values in percent: their differences are points
    already.
    """
    is_share = pl.col("unit").str.to_lowercase().str.starts_with("percent").fill_null(value=False)
    old = pl.col("old_value").cast(pl.Float64).abs()
    percent = pl.col("difference").cast(pl.Float64) / pl.when(old > 0).then(old) * 100
    return revisions.with_columns(percent=pl.when(~is_share).then(percent.round(6)))


def largest(
    revisions: pl.DataFrame,
    number: int,
    *,
    by: Sequence[str] = (),
    rank: str = "difference",
    most: int | None = None,
) -> pl.DataFrame:
    """Return the revised values that moved most, in either direction, the largest first.

    Args:
        revisions: As from `compare`, with the columns that are named below.
        number: How many, of each group.
        by: The columns that define a group, null included; groups are sorted by them, null last.
        rank: `difference`, or `percent` as from `with_percent`.
        most: How many over all groups; with many groups each has fewer, but one at least.
    """
    size = pl.col(rank).abs()
    moved = revisions.filter(pl.col("change") == "revised", size.is_not_null())
    ranked = moved.sort(size, *KEY, descending=[True, False, False, False])
    if not by:
        return ranked.head(number)
    groups = ranked.select(by).n_unique()
    each = number if most is None else max(1, min(number, most // max(1, groups)))
    place = pl.int_range(pl.len()).over(by)
    found = ranked.filter(place < each).sort(by, maintain_order=True, nulls_last=True)
    return found if most is None else found.head(most)


def newest(revisions: pl.DataFrame, change: str, number: int) -> pl.DataFrame:
    """Return observations of one kind of change, the newest first: by year, period, then series."""
    rows = revisions.filter(pl.col("change") == change)
    order = [pl.col("year"), pl.col("period").cast(pl.String), pl.col("series_id")]
    return rows.sort(order, descending=[True, True, False]).head(number)


SHOWN = 5
"""Revisions that are listed for each group, by either ranking."""

LISTED = 20
"""Withdrawn and filled values that are listed; the Parquet file has all."""


def highlights(parts: Sequence[pl.DataFrame], catalogue: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the differences to show first, of one file or of several that overlap.

    Returns:
        `withdrawn` and `filled`, the newest first; `largest`, ranked by the difference, and
        `largest_percent`, ranked by `percent`, both among what is `COMPARABLE`. Each has an
        observation once, with `title`, `unit` and `measure` of its series, and `percent`.
    """
    words = described(catalogue)
    # One after the other: a part with its titles is a second copy already.
    shown = (p.filter(pl.col("change").is_in(["withdrawn", "filled", "revised"])) for p in parts)
    titled = [
        with_percent(p.join(words, on="series_id", how="left", maintain_order="left"))
        for p in shown
    ]

    def ranked(rows: pl.DataFrame, rank: str, most: int | None = None) -> pl.DataFrame:
        return largest(rows, SHOWN, by=COMPARABLE, rank=rank, most=most)

    def once(tops: Sequence[pl.DataFrame]) -> pl.DataFrame:
        return pl.concat(tops).unique(KEY, keep="first", maintain_order=True)

    lists = {
        change: newest(once([newest(part, change, LISTED) for part in titled]), change, LISTED)
        for change in ("withdrawn", "filled")
    }
    rankings = {
        name: ranked(once([ranked(part, rank) for part in titled]), rank, MOST_RANKED)
        for name, rank in (("largest", "difference"), ("largest_percent", "percent"))
    }
    return lists | rankings
