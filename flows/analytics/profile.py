"""What one streaming pass over a data file tells of each series and year."""

from __future__ import annotations

import polars as pl

from flows.analytics.tables import PERIOD_BIT, VALUE, YEAR

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
