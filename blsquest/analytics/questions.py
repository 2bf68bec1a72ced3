"""The questions: best years, series beside the population, and population statistics.

All are pure functions of frames; every sum and every comparison of values is exact. Observations
come from `read_observations`, sums from `annual_sums`, the population from `population_frame`.
"""

import math
import statistics

import polars as pl

from blsquest.analytics import By, Ddof
from blsquest.analytics.observations import VALUE, YEAR, repetition
from blsquest.analytics.periods import PERIODS
from blsquest.analytics.vintages import newest_observation, rows_of
from blsquest.core.errors import BadData, NotInData
from blsquest.core.text import near, spans

SERIES_POPULATION = pl.Schema(
    {
        "series_id": pl.String(),
        "year": YEAR,
        "period": pl.String(),
        "value": VALUE,
        "population": pl.Int64(),
        "footnote_codes": pl.String(),
    }
)


def best_year(sums: pl.DataFrame, by: By = "sum") -> pl.DataFrame:
    """Find each series' best year: the largest, which is not always the most welcome one.

    By `sum`, the quest's rule for `pr`, the year with the largest sum of its periods is the best.
    Years with missing periods compete too, and are flagged: the newest year of a release is nearly
    always one of them.

    By `mean`, the rule elsewhere, only complete years compete (see `annual_sums`), by the
    publisher's own annual average if each of them has one, else by the mean of their periods: a
    year of six values is not smaller than one of twelve. A series without a complete year is
    answered from its partial ones, and flagged; else the file's newest year is beside the
    answer while it is not complete.

    The earliest year wins a tie. All comparisons are exact.

    Returns:
        One row a series, sorted by it: `series_id`, `year`, `value` (the exact sum), `basis` (what
        was summed: months, quarters, halves, annual), `tied_years` (ascending, the answer
        included), `partial` (the answer's year is not complete; by sum: has fewer periods than its
        basis), `periods` (how many were summed), `mean` (of them), `annual_average` (the
        publisher's own for the year; null for none), `compared` (the figure that competed),
        `running_year`, `running_periods` and `running_mean` (null for none) and `decimals` (the
        most that the publisher gives in any of the series' years).
    """
    complete = pl.col("whole" if by == "sum" else "complete")
    competing = sums
    averaged = pl.col("annual_average").is_not_null().all().over("series_id")
    if by == "sum":
        figure, compared = pl.col("value"), pl.lit("sum")
    else:
        competing = sums.filter(complete | ~complete.any().over("series_id"))
        figure = pl.when(averaged).then(pl.col("annual_average") * _COMMON).otherwise(_COMPARABLE)
        compared = pl.when(averaged).then(pl.lit("annual average")).otherwise(pl.lit("mean"))
    best = pl.col("figure") == pl.col("figure").max().over("series_id")
    found = (
        competing.with_columns(figure=figure, compared=compared)
        .filter(best)
        .sort("series_id", "year")
        .group_by("series_id", maintain_order=True)
        .agg(
            pl.col("year", "value").first(),
            pl.col("basis").first().cast(pl.String),
            pl.col("year").alias("tied_years"),
            complete.first().not_().alias("partial"),
            pl.col("periods").first(),
            MEAN.first(),
            pl.col("annual_average", "compared").first(),
        )
    )
    newest = ~complete & (pl.col("year") == pl.col("year").max())
    running = sums.filter(newest).select(
        "series_id", running_year="year", running_periods="periods", running_mean=MEAN
    )
    beside = running if by == "mean" else running.clear()
    decimals = sums.group_by("series_id").agg(pl.col("decimals").max())
    joined = found.join(beside, on="series_id", how="left").join(decimals, on="series_id")
    apart = [pl.when(~pl.col("partial")).then(name).alias(name) for name in beside.columns[1:]]
    return joined.with_columns(apart).sort("series_id")


MEAN = (pl.col("value") / pl.col("periods").cast(pl.Decimal(38, 0))).alias("mean")
"""The mean of a year's periods, rounded to the places of `VALUE`."""

_COMMON = math.lcm(*range(1, 13))
_COMPARABLE = pl.col("value") * pl.lit(
    pl.Series([0, *(_COMMON // n for n in range(1, 13))], dtype=pl.Decimal(38, 0))
).gather(pl.col("periods"))
"""The exact mean of up to twelve periods times a common multiple of those counts."""


def bls_census_stats(sums: pl.DataFrame, population: pl.DataFrame, by: By = "sum") -> pl.DataFrame:
    """List every series' yearly sums beside the population of the year.

    By `sum`, series that have only an annual figure are left out: nothing was summed (`best_year`
    has them). By `mean` they are listed with it.

    Returns:
        One row a series and year, sorted by them: `series_id`, `year`, `value` (the exact sum),
        `quarters` (the same as `periods`: its name in `pr`), `is_best_year` (of tied years the
        earliest), `population` (people; null where unknown), `periods` (how many were summed),
        `mean` (of them), `annual_average` (the publisher's own; null for none) and `complete`.
    """
    listed = sums.filter(pl.col("basis") != "annual") if by == "sum" else sums
    best = best_year(listed, by).select("series_id", "year", is_best_year=True)
    # Only keys are joined: the other columns are large, and are not copied.
    keys = listed.select("series_id", "year")
    is_best = keys.join(best, on=["series_id", "year"], how="left", maintain_order="left")
    people = keys.select("year").join(population, on="year", how="left", maintain_order="left")
    return listed.select(
        "series_id",
        "year",
        "value",
        pl.col("periods").alias("quarters"),
        is_best.get_column("is_best_year").fill_null(value=False),
        people.get_column("population"),
        "periods",
        MEAN,
        "annual_average",
        pl.col("whole" if by == "sum" else "complete").alias("complete"),
    )


def series_with_population(
    observations: pl.LazyFrame,
    population: pl.DataFrame,
    series_id: str = "PRS30006032",
    period: str = "Q01",
) -> pl.DataFrame:
    """List one series' values of one period, such as Q01, beside the population of each year.

    Returns:
        `series_id`, `year`, `period`, `value` (null where the publisher gives none),
        `population` (people; null where unknown) and `footnote_codes` ("" for none), sorted by
        year.

    Raises:
        NotInData: There is no such series, or it has no such period; what comes nearest is named.
        BadData: The series has two rows for one year and the period.
    """
    if period not in PERIODS:
        raise _not_found(observations, series_id, period)
    rows = (
        observations.filter(pl.col("series_id") == series_id, pl.col("period") == period)
        .select("series_id", "year", pl.col("period").cast(pl.String), "value", "footnote_codes")
        .collect(engine="streaming")
        .sort("year")
    )
    if rows.is_empty():
        raise _not_found(observations, series_id, period)
    if rows.get_column("year").is_duplicated().any():
        raise repetition("The data file", rows.select("series_id", "year", "period"))
    joined = rows.join(population, on="year", how="left", maintain_order="left")
    return joined.select(SERIES_POPULATION.names())


def newest_period(observations: pl.LazyFrame, series_id: str) -> str:
    """Return the period of a series' newest value, of the finest periods that it has.

    Raises:
        NotInData: There is no such series, or it has no value; what comes nearest is named.
    """
    rows = rows_of(observations, series_id, "The data file")
    newest = newest_observation(rows.drop_nulls("value")) if rows is not None else None
    if newest is None:
        raise _not_found(observations, series_id, "")
    return newest[1]


def _not_found(observations: pl.LazyFrame, series_id: str, period: str) -> NotInData:
    periods = _distinct(observations.filter(pl.col("series_id") == series_id), "period")
    if periods and not period:
        return NotInData(f"{series_id} has no value in any year.", "Name another series.")
    if periods:
        return NotInData(f"{series_id} has no period {period!r}.", f"It has {', '.join(periods)}.")
    series = _distinct(observations, "series_id")
    return NotInData(
        f"The data file has no series {series_id!r}.",
        f"It has {len(series):,} series; near it: {', '.join(near(series_id, series))}.",
    )


def _distinct(observations: pl.LazyFrame, column: str) -> list[str]:
    values = observations.select(pl.col(column).cast(pl.String)).unique()
    return values.collect(engine="streaming").to_series().sort().to_list()


def population_statistics(
    population: pl.DataFrame,
    first_year: int = 2013,
    last_year: int = 2018,
    ddof: Ddof = 1,
    *,
    estimate: str,
) -> pl.DataFrame:
    """Compute the mean and both standard deviations of the population over a span of years.

    Returns:
        One row: `first_year`, `last_year`, `years` (how many), `mean`, `std_sample` (ddof = 1: the
        years as a sample), `std_population` (ddof = 0: the years as all there are), `std` (the
        headline), all in people, `ddof` and `estimate`.

    Raises:
        NotInData: A year of the span has no population.
        BadData: The span has fewer than two years.
    """
    if last_year <= first_year:
        raise BadData(
            f"A standard deviation of {first_year}-{last_year} needs at least two years.",
            "Name a first year before the last.",
        )
    check_years(population, first_year, last_year, estimate=estimate)
    known = dict(population.select("year", "population").iter_rows())
    # The standard library computes these over exact fractions; they are rounded once, at the end.
    people = [known[year] for year in range(first_year, last_year + 1)]
    sample, whole = statistics.stdev(people), statistics.pstdev(people)
    return pl.DataFrame(
        {
            "first_year": pl.Series([first_year], dtype=YEAR),
            "last_year": pl.Series([last_year], dtype=YEAR),
            "years": pl.Series([len(people)], dtype=pl.Int32),
            "mean": [float(statistics.mean(people))],
            "std_sample": [sample],
            "std_population": [whole],
            "std": [sample if ddof else whole],
            "ddof": pl.Series([ddof], dtype=pl.Int8),
            "estimate": [estimate],
        }
    )


def check_years(
    population: pl.DataFrame, first_year: int, last_year: int, *, estimate: str
) -> None:
    """Refuse a span, both ends included, if the population lacks any of its years.

    Raises:
        NotInData: Names the missing years, and the known ones.
    """
    known = population.get_column("year").to_list()
    missing = [year for year in range(first_year, last_year + 1) if year not in known]
    if not missing:
        return
    gone = sorted(never_published(estimate) & set(missing))
    never = "".join(f" For {year} none was ever published." for year in gone)
    raise NotInData(
        f"The population ({estimate}) lacks {spans(missing)} of {first_year}-{last_year}.{never}",
        f"Name years that it has (--first-year, --last-year): {spans(known)}.",
    )


def never_published(estimate: str) -> frozenset[int]:
    """Return the years that an estimate will never have.

    The Census Bureau published no standard one-year estimates for 2020; it did five-year ones.
    """
    return frozenset({2020}) if estimate.startswith("ACS 1-year") else frozenset()
