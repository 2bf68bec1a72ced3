"""Exact sums of each series' periods by year, in one pass over the observations.

`_complete` decides which years are complete, by the series' own pattern of periods:
most metro price indexes have six values a year, Philadelphia's had twelve before 1998, and October
2025 was never published at all.
"""

from collections.abc import Sequence

import polars as pl

from blsquest.analytics.observations import PERIOD_BIT, VALUE, YEAR, by_series, repetition
from blsquest.analytics.periods import BASES, BASIS_STARTS

SUMS = pl.Schema(
    {
        "series_id": pl.String(),
        "year": YEAR,
        "basis": pl.Enum(list(dict.fromkeys(basis.name for basis in BASES))),
        "value": VALUE,
        "periods": pl.Int32(),
        "annual_average": VALUE,
        "bits": pl.Int64(),
        "whole": pl.Boolean(),
        "complete": pl.Boolean(),
        "decimals": pl.Int32(),
    }
)

_KINDS = BASES[:3]
"""A kind is a basis together with its annual average, so that both are in one group."""
_ANNUAL = len(_KINDS)
_FIRST_AVERAGE = BASIS_STARTS[_ANNUAL]

_NAMES = pl.lit(pl.Series([*(kind.name for kind in _KINDS), "annual"], dtype=SUMS["basis"]))
_WHOLE = [
    sum(1 << start + at for at in range(len(basis.periods)))
    for basis, start in zip(_KINDS, BASIS_STARTS, strict=False)
]
"""For each kind, the bits of all its periods."""


def annual_sums(observations: pl.LazyFrame) -> pl.DataFrame:
    """Sum each series' values by year, over the finest periods that the series has.

    Months come before quarters, quarters before halves; a series with none of them is answered
    from its annual figure. Averages such as Q05 are never added to the periods they average.
    Missing values are skipped and don't count as periods.

    Returns:
        `series_id`, `year`, `basis` (months, quarters, halves, annual), `value` (exact),
        `periods` (how many were summed), `annual_average` (the publisher's own, of whatever code;
        null where there is none), `bits` (which periods were summed: a power of two for each, by
        its position in `PERIODS`), `whole` (all periods of the basis), `complete` (by the series'
        own pattern, see `_complete`) and `decimals` (the most that the publisher gives the year's
        values), sorted by series and year. Series and years without any value are left out.

    Raises:
        BadData: A series has two rows for one of its periods.
    """
    parts = [_sums(part) for part in by_series(observations)]
    gone = _never_published(parts)
    # Part by part, or all columns would be in memory twice. Rechunked at the end, like columns that
    # are added later: else each filter copies all.
    complete = [_complete(parts.pop(0), gone) for _ in range(len(parts))]
    return pl.concat(complete, rechunk=True)


def _sums(rows: pl.DataFrame) -> pl.DataFrame:
    """Sum some series by year: the columns of `annual_sums` up to `decimals`, in its order."""
    position = pl.col("period").to_physical().cast(pl.Int64)
    finer = pl.sum_horizontal((position >= start).cast(pl.Int64) for start in BASIS_STARTS[1:3])
    average = position >= _FIRST_AVERAGE
    summed = pl.when(~average).then("value")
    groups = rows.group_by(
        "series_id", "year", kind=pl.when(average).then(position - _FIRST_AVERAGE).otherwise(finer)
    ).agg(
        value=summed.sum(),
        decimals=pl.col("decimals").max(),
        annual_average=pl.when(average).then("value").max(),
        bits=pl.when(summed.is_not_null()).then(PERIOD_BIT).otherwise(0).sum(),
        repeated=PERIOD_BIT.sum().bitwise_count_ones() != pl.len(),
    )
    if groups.get_column("repeated").any():
        raise repetition("The data file", rows.select("series_id", "year", "period"))
    valued = (pl.col("bits") > 0) | pl.col("annual_average").is_not_null()
    finest = _finest(groups.filter(valued)).sort("series_id", "year")
    return finest.with_columns(
        _NAMES.gather("basis").alias("basis"), pl.col("periods", "decimals").cast(pl.Int32)
    )


def _finest(groups: pl.DataFrame) -> pl.DataFrame:
    """Keep each series' finest kind, with `basis` by number, and its averages of any kind."""
    summed = pl.col("bits") > 0
    groups = groups.with_columns(
        finest=pl.when(summed).then("kind").min().over("series_id"),
        first=pl.col("kind").min().over("series_id"),
    )
    # A series of months may have its annual average under another code than M13.
    others = (
        groups.filter(pl.col("annual_average").is_not_null(), pl.col("finest") != pl.col("kind"))
        .sort("kind")
        .group_by("series_id", "year")
        .agg(other=pl.col("annual_average").first())
    )
    by_period = (
        groups.filter(summed, pl.col("finest") == pl.col("kind"))
        .join(others, on=["series_id", "year"], how="left")
        .with_columns(
            pl.coalesce("annual_average", "other"),
            basis="finest",
            periods=pl.col("bits").bitwise_count_ones(),
        )
    )
    annual = groups.filter(pl.col("finest").is_null(), pl.col("kind") == pl.col("first"))
    annual = annual.with_columns(
        value="annual_average",
        basis=pl.lit(_ANNUAL, pl.Int64),
        periods=pl.lit(1, pl.UInt32),
        bits=pl.lit(2, pl.Int64).pow(pl.col("kind") + _FIRST_AVERAGE),
    )
    columns = [name for name in SUMS if name not in {"whole", "complete"}]
    return pl.concat([part.select(columns) for part in (by_period, annual)])


def _never_published(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the months that no series of a file has: `year` and `gone`, their bits.

    Only a year's single missing month counts, between months that the file has (October 2025).
    """
    by_year = [
        part.filter(pl.col("basis") == "months").group_by("year").agg(pl.col("bits").bitwise_or())
        for part in parts
    ]
    union = pl.concat(by_year).group_by("year").agg(pl.col("bits").bitwise_or()).sort("year")
    years = dict(union.iter_rows())
    moments = [(y, m) for y, known in years.items() for m in range(12) if known >> m & 1]
    gone = {}
    for year, known in years.items():
        missing = [m for m in range(12) if not known >> m & 1]
        if len(missing) == 1 and moments[0] < (year, missing[0]) < moments[-1]:
            gone[year] = 1 << missing[0]
    return pl.DataFrame(
        {"year": list(gone), "gone": list(gone.values())}, {"year": YEAR, "gone": pl.Int64}
    )


def _complete(sums: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Add `whole`, and `complete` by each series' own pattern of periods.

    A year is complete if one of these holds:

    - It has all periods of its basis: twelve months, four quarters, two halves, an annual figure.
    - The publisher gives an annual average for it: that comes when a year is over.
    - It has the same periods as the previous or the next year that the series has, and the
      publisher averages neither: two years alike are a pattern. So a series that went from twelve
      to six values a year has complete years of both kinds; its first year, begun in May, the year
      in which it changed or ended, and the running year are not complete.

    A year is compared as if the month that was never published (`gone`) did not exist.
    """
    basis = pl.col("basis").to_physical().cast(pl.Int64)
    all_of_it = pl.lit(pl.Series([*_WHOLE, 0])).gather(basis)
    bits = pl.col("bits")

    def same_as(rows: int) -> pl.Expr:
        # The rows are sorted: neighbours need no grouping, which would take hundreds of MB.
        own = pl.col("series_id") == pl.col("series_id").shift(rows)
        other, unknown, average = (
            pl.col(name).shift(rows) for name in ("bits", "gone", "annual_average")
        )
        known = (pl.col("gone") | unknown) ^ -1
        alike = ((bits ^ other) & known == 0) & (bits & known != 0)
        return own & alike & average.is_null()

    whole = (bits == all_of_it) | (pl.col("basis") == "annual")
    complete = (
        whole
        | (pl.when(pl.col("basis") == "months").then(bits | pl.col("gone")) == all_of_it)
        | pl.col("annual_average").is_not_null()
        | same_as(1)
        | same_as(-1)
    )
    return (
        sums.join(gone, on="year", how="left", maintain_order="left")
        .with_columns(pl.col("gone").fill_null(0))
        .with_columns(whole.alias("whole"), complete.fill_null(value=False).alias("complete"))
        .select(SUMS.names())
    )
