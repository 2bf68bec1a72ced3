"""Checks on a survey's data file: by itself, against its own past, and against its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.checks import advisory, required, some
from blsquest.analytics.observations import PERIOD_BIT, VALUE, YEAR

if TYPE_CHECKING:
    from blsquest.analytics.catalogue import Catalogue
    from blsquest.analytics.checks import Check


PROFILE = pl.Schema(
    {
        "series_id": pl.String(),
        "year": YEAR,
        "rows": pl.Int64(),
        "low": VALUE,
        "high": VALUE,
        "repeated": pl.Boolean(),
    }
)


def profile(observations: pl.LazyFrame) -> pl.DataFrame:
    """Count and bound the values of each series and year.

    Args:
        observations: As from `read_observations`.

    Returns:
        One row a series and year, sorted by them: `rows`, `low` and `high` (the least and the
        largest value; null where the publisher gives none) and `repeated` (whether a period is
        there twice).
    """
    # As categories of their own, ids take 4 bytes a row while millions of groups are made.
    codes = pl.Categorical(pl.Categories.random())
    groups = (
        observations.select(
            pl.col("series_id").cast(codes), "year", "value", PERIOD_BIT.alias("bit")
        )
        .group_by("series_id", "year")
        .agg(
            pl.len().cast(pl.Int64).alias("rows"),
            pl.col("value").min().alias("low"),
            pl.col("value").max().alias("high"),
            (pl.col("bit").sum().bitwise_count_ones() != pl.len()).alias("repeated"),
        )
        .collect(engine="streaming")
    )
    return (
        groups.with_columns(pl.col("series_id").cast(pl.String))
        .cast(PROFILE)
        .sort("series_id", "year")
    )


_ROW = ["series_id", "year", "period", "value", "footnote_codes"]
CATALOGUED = "every series is in the survey's series file"
KEPT = "no rows are lost since the release before"
AGREES = "the same rows as the survey's complete file"


def layout_checks(name: str, profile: pl.DataFrame) -> list[Check]:
    """What reading the file has proven line by line: a file that fails it was refused then.

    Args:
        name: What the publisher calls the file.
        profile: As from `profile`.
    """
    rows, series = profile.get_column("rows").sum(), profile.get_column("series_id").n_unique()
    return [
        required("schema", name, f"{rows:,} lines, each a well-formed observation", passed=True),
        required(
            "periods known", name, "each is one of M01-M13, Q01-Q05, S01-S03, A01", passed=True
        ),
        _keys_unique(name, profile, f"{rows:,} observations of {series:,} series"),
    ]


def _keys_unique(name: str, profile: pl.DataFrame, detail: str) -> Check:
    twice = profile.filter("repeated").select("series_id", "year").rows()
    if twice:
        detail = f"a period is there twice in {some([f'{s} {y}' for s, y in twice])}"
    return required("keys unique", name, detail, passed=not twice)


def years_contiguous(name: str, profile: pl.DataFrame) -> Check:
    """Whether each series has rows in every year from its first to its last."""
    year = pl.col("year")
    spans = profile.group_by("series_id").agg(year.min().alias("a"), year.max().alias("b"), year)
    gaps = spans.filter(pl.col("b") - pl.col("a") + 1 != pl.col("year").list.len())
    if gaps.is_empty():
        first, last = profile.select(year.min(), year.max().alias("last")).row(0)
        return advisory(
            "years contiguous", name, f"{first}-{last}, no series has a gap", passed=True
        )
    named = [
        f"{series} lacks {some(sorted(set(range(a, b)) - set(years)))}"
        for series, a, b, years in gaps.sort("series_id").iter_rows()
    ]
    return advisory(
        "years contiguous", name, f"series with gaps, {gaps.height:,}: {some(named)}", passed=False
    )


def values_in_range(name: str, profile: pl.DataFrame) -> Check:
    """Whether the newest year's values stay within twice the range of all years before.

    Twice, around its middle: series that grow leave their past range at every release, by little.
    A misplaced decimal point or a unit that changed leaves it by much.
    """
    newest = pl.col("year") == pl.col("year").max()
    past = (
        profile.filter(~newest)
        .group_by("series_id")
        .agg(pl.col("low").min().alias("least"), pl.col("high").max().alias("most"))
    )
    compared = profile.filter(newest).drop_nulls("low").join(past.drop_nulls(), on="series_id")
    allowed = (pl.col("most") - pl.col("least")) / 2
    outside = compared.filter(
        (pl.col("high") > pl.col("most") + allowed) | (pl.col("low") < pl.col("least") - allowed)
    ).sort("series_id")
    year = max(profile.get_column("year").to_list())
    detail = f"the values of {year} in {compared.height:,} series are like those before"
    if outside.height:
        detail = f"the values of {year} are far from all before in " + some(
            outside.get_column("series_id").to_list()
        )
    return advisory("values in range of history", name, detail, passed=outside.is_empty())


def series_catalogued(name: str, profile: pl.DataFrame, catalogue: Catalogue) -> Check:
    """Whether the survey's series file has every series of the data file."""
    listed = catalogue.frame.get_column("series_id")
    if listed.is_empty():
        why = "; ".join(catalogue.notes) or "the series file has no rows"
        return advisory(CATALOGUED, name, why, passed=None)
    present = profile.get_column("series_id").unique().sort()
    unlisted = present.filter(~present.is_in(listed.implode()))
    detail = f"{present.len():,} series in the data, {listed.len():,} in the series file"
    if unlisted.len():
        detail += f"; not in it: {some(unlisted.to_list())}"
    return advisory(CATALOGUED, name, detail, passed=unlisted.is_empty())


def rows_kept(name: str, removed: int, rows: int, before: int) -> Check:
    """Whether every observation of the release before is still there.

    Args:
        name: What the publisher calls the file.
        removed: Observations of the release before that are gone.
        rows: Rows now.
        before: The generation of the release before.
    """
    detail = f"{rows:,} rows; {removed:,} of generation {before} are gone"
    return advisory(KEPT, name, detail, passed=removed == 0)


def agrees_with_complete(
    name: str, part: pl.LazyFrame, complete_name: str, complete: pl.LazyFrame
) -> Check:
    """Whether a file is exactly the recent part of the survey's complete file.

    `pr.data.0.Current` is `pr.data.1.AllData` from its own first year on, footnotes included.

    Args:
        name: What the publisher calls the part.
        part: As from `read_observations`, and so is `complete`.
        complete_name: What the publisher calls the complete file.
        complete: Both files fit into memory: the caller looked at their sizes.
    """
    mine, whole = (frame.select(_ROW).collect(engine="streaming") for frame in (part, complete))
    recent = whole.filter(pl.col("year") >= mine.get_column("year").min())
    extra = mine.join(recent, on=_ROW, how="anti", nulls_equal=True)
    lacking = recent.join(mine, on=_ROW, how="anti", nulls_equal=True)
    detail = f"all {mine.height:,} rows are those of {complete_name}"
    if extra.height or lacking.height:
        seen = pl.concat([extra, lacking]).select(_ROW[:3]).unique().sort(_ROW[:3]).rows()
        detail = (
            f"rows that are not in {complete_name}: {extra.height:,}; rows of it not here: "
            f"{lacking.height:,}; such as {some([' '.join(map(str, row)) for row in seen])}"
        )
    return advisory(AGREES, name, detail, passed=extra.is_empty() and lacking.is_empty())
