"""Exact sums of each series' periods by year, in one streaming pass over the observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.observations import PERIOD_BIT, VALUE, YEAR, repetition
from blsquest.analytics.periods import BASES, BASIS_STARTS

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

_NAME = pl.lit(pl.Series([basis.name for basis in BASES], dtype=SUMS["basis"]))
_SIZE = pl.lit(pl.Series([len(basis.periods) for basis in BASES], dtype=pl.Int32))
_ANNUAL = next(number for number, basis in enumerate(BASES) if basis.name == "annual")

# A group is one integer, series * _SERIES + basis * _BASIS + year: on a 1 GB file the hash table
# of millions of groups takes two thirds of the memory and time of one with three keys.
_BASIS = 1 << 12  # years end at 2199
_SERIES = _BASIS * 8  # there are seven bases
_CODE = (pl.col("key") // _SERIES).cast(pl.UInt32)
_NUMBER = pl.col("key") // _BASIS % (_SERIES // _BASIS)
_YEAR = pl.col("key") % _BASIS


def annual_sums(observations: pl.LazyFrame) -> pl.DataFrame:
    """Sum each series' values by year, over the finest periods that the series has.

    Months come before quarters, quarters before halves; a series with none of them is answered
    from its annual figure. Averages such as Q05 are never added to the periods they average.
    Missing values are skipped and don't count as periods.

    Returns:
        `series_id`, `year`, `basis` (months, quarters, halves, annual), `value` (exact),
        `periods` (how many were summed) and `complete` (all that the basis has), sorted by
        series and year. Series and years without any value are left out.

    Raises:
        BadData: A series has two rows for one of the periods that are summed.
    """
    # Codes keep their meaning only while a series of their type lives.
    codes = pl.Series(dtype=pl.Categorical(pl.Categories.random()))
    series_id = _CODE.cat.to(codes.dtype).cast(pl.String).alias("series_id")
    # Few series have nothing finer than annual figures. Until those are known, all annual figures
    # of a series share one group, of the year 0: half the groups of a monthly survey.
    groups = _sum_groups(observations, codes.dtype, annual_year=pl.lit(0))
    only_annual = groups.filter(_YEAR == 0).select(series_id).to_series()
    groups = groups.filter(_YEAR > 0)
    if only_annual.len():
        rest = observations.filter(pl.col("series_id").is_in(only_annual.implode()))
        groups.extend(_sum_groups(rest, codes.dtype, annual_year=pl.col("year")))
    repeated = groups.filter("repeated").select(series_id, _YEAR.alias("year"))
    if repeated.height:
        first, year = repeated.sort("series_id", "year").row(0)
        rows = observations.filter(pl.col("series_id") == first, pl.col("year") == year)
        keys = rows.select("series_id", "year", "period").collect(engine="streaming")
        raise repetition("The data file", keys)
    return groups.select(
        series_id,
        _YEAR.cast(YEAR).alias("year"),
        _NAME.gather(_NUMBER).alias("basis"),
        "value",
        "periods",
        (pl.col("periods") == _SIZE.gather(_NUMBER)).alias("complete"),
    ).sort("series_id", "year")


def _sum_groups(
    observations: pl.LazyFrame, series: PolarsDataType, *, annual_year: pl.Expr
) -> pl.DataFrame:
    """Sum by series, basis and year; of each series only its finest basis that has any value."""
    code = pl.col("series_id").cast(series).to_physical().cast(pl.Int64)
    position = pl.col("period").to_physical().cast(pl.Int64)
    number = pl.sum_horizontal((position >= start).cast(pl.Int64) for start in BASIS_STARTS[1:])
    year = pl.when(number < _ANNUAL).then("year").otherwise(annual_year)
    rows = observations.select(
        (code * _SERIES + number * _BASIS + year).alias("key"),
        "value",
        PERIOD_BIT.alias("bit"),
    )
    groups = rows.group_by("key").agg(
        pl.col("value").sum(),
        pl.col("value").count().cast(pl.Int32).alias("periods"),
        (pl.col("bit").sum().bitwise_count_ones() != pl.len()).alias("repeated"),
    )
    valued = groups.filter(pl.col("periods") > 0)
    return valued.filter(_NUMBER.min().over(_CODE) == _NUMBER).collect(engine="streaming")
