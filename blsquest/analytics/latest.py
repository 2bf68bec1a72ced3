"""Each series' latest value and its changes, which an analyst looks for first.

The yearly sums alone show which rows of a file are needed; these are fetched in one streaming
pass. Differences are exact; percentages are rounded to nine decimals.
"""

import polars as pl

from blsquest.analytics import By
from blsquest.analytics.observations import PERIOD, VALUE, YEAR
from blsquest.analytics.periods import BASES, PERIODS

LATEST = pl.Schema(
    {
        "series_id": pl.String(),
        "basis": pl.String(),
        "year": YEAR,
        "period": pl.String(),
        "value": VALUE,
        "footnote_codes": pl.String(),
        "previous_year": YEAR,
        "previous_period": pl.String(),
        "previous_value": VALUE,
        "change": VALUE,
        "year_ago_value": VALUE,
        "change_from_year_ago": VALUE,
        "average_year": YEAR,
        "average": VALUE,
        "average_published": pl.Boolean(),
        "average_before": VALUE,
        "average_change": VALUE,
        "years": pl.Int32(),
        "decimals": pl.Int32(),
    }
)
_YEARS, _PERIODS = 1 << 12, 1 << 5
"""Larger than any year up to 2199, and than the number of period codes."""
_AT = pl.lit(pl.Series(PERIODS, dtype=PERIOD))
_CHANGES = {
    "change": ("value", "previous_value"),
    "change_from_year_ago": ("value", "year_ago_value"),
    "average_change": ("average", "average_before"),
}
"""Each difference, and the columns that it is between: the later, then the earlier."""


def latest(observations: pl.LazyFrame, sums: pl.DataFrame, by: By = "sum") -> pl.DataFrame:
    """Find each series' newest value, those a period and a year before, and annual averages.

    Only rows with a value count, of the finest periods that the series has. The period before is
    the newest earlier one that has a value: two months before in a bimonthly series, and also
    where a month was not published. The value of a year before is of the same period of the year
    before, or null.

    The annual average is of the last complete year: the publisher's own (`average_published`), or
    else the mean of the year's periods. If it is compared with the year before, both are of one
    kind.

    Args:
        observations: As from `read_observations`.
        sums: Of the same observations, as from `annual_sums`.
        by: The rule of the best years, which decides what years are complete, see `best_year`.

    Returns:
        `LATEST`, one row a series, sorted by it; null where there is none. `basis` is the kind of
        the series' periods, `years` the number of years with values, `decimals` the most that the
        publisher gives.
    """
    wanted = _wanted(sums)
    counted = sums.group_by("series_id").agg(
        pl.len().cast(pl.Int32).alias("years"), pl.col("decimals").max()
    )
    averages = _averages(_last_two(sums, sums.get_column("whole" if by == "sum" else "complete")))
    return (
        wanted.hstack(_fetch(observations, wanted))
        .join(averages, on="series_id", how="left")
        .join(counted, on="series_id", how="left")
        .with_columns((pl.col(a) - pl.col(b)).alias(name) for name, (a, b) in _CHANGES.items())
        .cast({"period": pl.String(), "previous_period": pl.String()})
        .select(LATEST.names())
        .sort("series_id")
    )


_AT_ROWS = {
    "value": ("year", "period"),
    "previous_value": ("previous_year", "previous_period"),
    "year_ago_value": ("year_ago", "period"),
}
"""The columns with the year and the period of each value."""


def _fetch(observations: pl.LazyFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return the values of `_AT_ROWS`, and the first one's footnotes.

    A row is identified by one integer, as in `annual_sums`: a join by three columns takes a GB on a
    file of a GB.
    """
    # Categorical codes are valid only while a series of their type exists.
    codes = wanted.get_column("series_id").cast(pl.Categorical(pl.Categories.random()))

    def key(series: pl.Expr, year: str, period: str) -> pl.Expr:
        position = pl.col(period).to_physical().cast(pl.Int64)
        return (series.to_physical().cast(pl.Int64) * _YEARS + pl.col(year)) * _PERIODS + position

    keys = [
        wanted.select(key(pl.lit(codes), *parts).alias("key")).cast(pl.Int64)
        for parts in _AT_ROWS.values()
    ]
    asked = pl.concat(keys).get_column("key").drop_nulls().unique()
    rows = (
        observations.select(
            key(pl.col("series_id").cast(codes.dtype), "year", "period").alias("key"),
            "value",
            "footnote_codes",
        )
        .filter(pl.col("key").is_in(asked.implode()))
        .collect(engine="streaming")
    )
    columns: list[pl.Series] = []
    for name, asked_for in zip(_AT_ROWS, keys, strict=True):
        found = asked_for.join(rows, on="key", how="left", maintain_order="left")
        columns += [found.get_column("value").alias(name), found.get_column("footnote_codes")]
    return pl.DataFrame(columns[:2] + columns[2::2])


def _last_two(sums: pl.DataFrame, years: pl.Series) -> pl.DataFrame:
    """Return each series' last two rows where `years` is true; no other row is copied."""
    at = years.arg_true()
    ids = sums.get_column("series_id").gather(at)
    return sums[at.filter((ids != ids.shift(-2)).fill_null(value=True))]


def _wanted(sums: pl.DataFrame) -> pl.DataFrame:
    """Return the periods to fetch, from the bits of each series' last two years."""
    bits, newest = pl.col("bits"), pl.lit(2, pl.Int64).pow(pl.col("at")).cast(pl.Int64)
    own = pl.col("series_id") == pl.col("series_id").shift(1)
    last = (
        _last_two(sums, sums.get_column("bits") != 0)
        .with_columns(
            pl.when(own).then(pl.col(name).shift(1)).alias(f"{name}_before")
            for name in ("year", "bits")
        )
        .unique("series_id", keep="last", maintain_order=True)
        .with_columns(at=_highest(bits))
        .with_columns(rest=bits - newest)
    )
    in_year = pl.col("rest") > 0
    same_year_ago = (pl.col("year_before") == pl.col("year") - 1) & (
        pl.col("bits_before") // newest % 2 == 1
    )
    return last.select(
        "series_id",
        pl.col("basis").cast(pl.String),
        "year",
        _AT.gather("at").alias("period"),
        pl.when(in_year).then("year").otherwise("year_before").alias("previous_year"),
        _AT.gather(_highest(pl.when(in_year).then("rest").otherwise("bits_before"))).alias(
            "previous_period"
        ),
        pl.when(same_year_ago).then("year_before").alias("year_ago"),
    )


def _highest(bits: pl.Expr) -> pl.Expr:
    """Return the position of the highest set bit; null for none."""
    return pl.when(bits > 0).then(63 - bits.bitwise_leading_zeros().cast(pl.Int64))


def _averages(complete: pl.DataFrame) -> pl.DataFrame:
    """Return the annual average of each series' last complete year, and of the year before."""
    mean = pl.col("value") / pl.col("periods").cast(pl.Decimal(38, 0))
    years = complete.select("series_id", "year", "annual_average", mean=mean)
    follows = (pl.col("series_id") == pl.col("series_id").shift(1)) & (
        pl.col("year") == pl.col("year").shift(1) + 1
    )
    before = {
        f"{name}_before": pl.when(follows).then(pl.col(name).shift(1))
        for name in ("annual_average", "mean")
    }
    last = years.with_columns(**before).unique("series_id", keep="last", maintain_order=True)
    own = pl.col("annual_average").is_not_null() & (
        pl.col("annual_average_before").is_not_null() | pl.col("mean_before").is_null()
    )
    return last.select(
        "series_id",
        average_year="year",
        average=pl.when(own).then("annual_average").otherwise("mean"),
        average_published=own,
        average_before=pl.when(own).then("annual_average_before").otherwise("mean_before"),
    )


def annual_averages(stats: pl.DataFrame, series_id: str) -> pl.DataFrame:
    """Return a series' annual averages, of `bls_census_stats`, and how each differs from the last.

    Returns:
        One row a year, sorted by it: `year`, `periods`, `complete`, `average` (the publisher's own
        where `published`, else the mean of the year's periods), `change` (from the year before;
        null where one of the two is not complete, or they are not of one kind).
    """
    rows = stats.filter(series_id=series_id).sort("year")
    year, complete, published = pl.col("year"), pl.col("complete"), pl.col("published")
    alike = (year.diff() == 1) & complete & complete.shift() & (published == published.shift())
    return rows.select(
        "year",
        "periods",
        "complete",
        average=pl.coalesce("annual_average", "mean"),
        published=pl.col("annual_average").is_not_null(),
    ).with_columns(change=pl.when(alike).then(pl.col("average").diff()))


def values_of(
    observations: pl.LazyFrame, latest: pl.DataFrame, series_id: str, revisions: pl.DataFrame | None
) -> pl.DataFrame:
    """Return one series' values, and the previous release's values where they were revised.

    Args:
        observations: As from `read_observations`.
        latest: As from the function of that name; gives the kind of the series' periods.
        series_id: The series.
        revisions: As from `compare` with the release before; None for none.

    Returns:
        One row an observation, in order: `year`, `period`, `value` (null where there is none),
        `footnote_codes`, `old_value` (null for what was not revised), `change` (from the newest
        earlier value) and `change_from_year_ago` (from the same period of the year before).
    """
    newest = latest.filter(series_id=series_id).item(0, "period")
    kind = next(basis.periods for basis in BASES if newest in basis.periods)
    rows = (
        observations.filter(pl.col("series_id") == series_id, pl.col("period").is_in(kind))
        .select("year", "period", "value", "footnote_codes")
        .collect(engine="streaming")
        .sort("year", "period")
    )
    old = pl.DataFrame(schema={"year": YEAR, "period": PERIOD, "old_value": VALUE})
    if revisions is not None:
        moved = revisions.filter(pl.col("change") == "revised", series_id=series_id)
        old = moved.select("year", "period", "old_value")
    earlier = rows.select(pl.col("year") + 1, "period", year_ago="value")
    return (
        rows.join(old, on=["year", "period"], how="left", maintain_order="left")
        .join(earlier, on=["year", "period"], how="left", maintain_order="left")
        .with_columns(
            change=pl.col("value") - pl.col("value").forward_fill().shift(1),
            change_from_year_ago=pl.col("value") - pl.col("year_ago"),
        )
        .drop("year_ago")
        .cast({"period": pl.String()})
    )


# -- Percent or points -------------------------------------------------------------------------

_RATES = r"(?i)\b(?:per ?cent(?:age)?|rates?|ratios?)\b|%"
_LEVELS = r"(?i)^(?:index|indexes|dollars?|us dollars|thousands?|millions?|hours?|persons|number)\b"


def is_rate() -> pl.Expr:
    """Tell a rate, whose changes are points, from a level or an index, whose changes are percent.

    The `unit` decides where there is one: an index, dollars or thousands of persons are levels,
    percent, rates and ratios are rates. If it says neither, the same words in the `title` decide
    (`Unemployment Rate: California`). Without a unit or title the result is null.
    """
    unit, title = pl.col("unit"), pl.col("title")
    return (
        pl.when(unit.str.contains(_LEVELS))
        .then(pl.lit(value=False))
        .when(unit.str.contains(_RATES))
        .then(pl.lit(value=True))
        .otherwise(pl.coalesce(title.str.contains(_RATES), unit.str.contains(_RATES)))
    )


def with_percent(latest: pl.DataFrame) -> pl.DataFrame:
    """Add `rate` and, for levels, each change in percent of the earlier value.

    The frame must have `title` and `unit`. A percentage is null for rates, for series of
    unknown kind, and where either value is not above zero: percent of those mean nothing.
    """
    percent = {
        f"{name}_percent": pl.when(
            ~pl.col("rate"), pl.col(base) > 0, pl.col(base) + pl.col(name) > 0
        ).then(pl.col(name) * 100 / pl.col(base))
        for name, (_, base) in _CHANGES.items()
    }
    return latest.with_columns(is_rate().alias("rate")).with_columns(**percent)
