"""Exact sums of each series' periods by year, in one streaming pass over the observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.bad_data import BadData
from flows.analytics.periods import BASES, BASIS_STARTS
from flows.analytics.tables import VALUE, YEAR

if TYPE_CHECKING:
    from polars._typing import PolarsDataType

SUMS = pl.Schema(
    {
        "series_id": pl.String(),
        "year": YEAR,
        "basis": pl.Enum(list(dict.fromkeys(basis.name for basis in BASES))),
        "value": VALUE,
        "periods": pl.Int32(),
        "complete": pl.Boolean(),
    }
)

# A group is one integer, series * _SERIES + basis * _BASIS + year: on a 1 GB file the hash table
# of 3.7 million groups takes two thirds of the memory and time of one with three keys.
_BASIS = 1 << 12  # years end at 2199
_SERIES = _BASIS * 8  # there are seven bases


def annual_sums(observations: pl.LazyFrame) -> pl.DataFrame:
    """Sum each series' values by year, over the finest periods that the series has.

    Months come before quarters, quarters before halves; a series with none of them is answered
    from its annual figure. Averages such as Q05 are never added to the periods they average.
    Missing values are skipped and don't count as periods.

    Args:
        observations: As from `read_observations`.

    Returns:
        `series_id`, `year`, `basis` (months, quarters, halves, annual), `value` (exact),
        `periods` (how many were summed) and `complete` (all that the basis has), sorted by
        series and year. Series and years without any value are left out.

    Raises:
        BadData: A series has two rows for one period.
    """
    # Codes keep their meaning only while a series of their type lives.
    codes = pl.Series(dtype=pl.Categorical(pl.Categories.random()))
    groups = _sum_groups(observations, codes.dtype)
    key = pl.col("key")
    code = (key // _SERIES).cast(pl.UInt32)
    series_id = code.cat.to(codes.dtype).cast(pl.String).alias("series_id")
    year = (key % _BASIS).cast(YEAR).alias("year")
    number = key // _BASIS % (_SERIES // _BASIS)
    repeated = groups.filter("repeated").select(series_id, year)
    if repeated.height:
        raise _repetition(observations, repeated.sort("series_id", "year").row(0))
    basis = pl.lit(pl.Series([basis.name for basis in BASES], dtype=SUMS["basis"]))
    size = pl.lit(pl.Series([len(basis.periods) for basis in BASES], dtype=pl.Int32))
    return (
        groups.lazy()
        .filter(pl.col("periods") > 0)
        .filter(number == number.min().over(code))
        .select(
            series_id,
            year,
            basis.gather(number).alias("basis"),
            "value",
            "periods",
            (pl.col("periods") == size.gather(number)).alias("complete"),
        )
        .sort("series_id", "year")
        .collect()
    )


def _sum_groups(observations: pl.LazyFrame, series: PolarsDataType) -> pl.DataFrame:
    code = pl.col("series_id").cast(series).to_physical().cast(pl.Int64)
    position = pl.col("period").to_physical().cast(pl.Int64)
    number = pl.sum_horizontal((position >= start).cast(pl.Int64) for start in BASIS_STARTS[1:])
    rows = observations.select(
        (code * _SERIES + number * _BASIS + pl.col("year")).alias("key"),
        "value",
        pl.lit(2, pl.Int64).pow(position).alias("bit"),
    )
    # Powers of two add up to a number with as many ones as rows, unless a period is repeated.
    repeated = pl.col("bit").sum().bitwise_count_ones() != pl.len()
    return (
        rows.group_by("key")
        .agg(
            pl.col("value").sum(),
            pl.col("value").count().cast(pl.Int32).alias("periods"),
            repeated.alias("repeated"),
        )
        .collect(engine="streaming")
    )


def _repetition(observations: pl.LazyFrame, row: tuple[str, int]) -> BadData:
    series_id, year = row
    rows = observations.filter(pl.col("series_id") == series_id, pl.col("year") == year)
    periods = rows.select("period").collect(engine="streaming").to_series()
    twice = periods.filter(periods.is_duplicated()).sort().item(0)
    return BadData(
        f"The data file has two rows for {series_id} {year} {twice}.",
        "Nothing was computed from it: which of the two holds is the publisher's to say.",
    )
