"""The questions: which year was best, what a series was beside the population, how many people.

All are pure functions of frames; every sum and every comparison of values is exact. Observations
come from `read_observations`, sums from `annual_sums`, the population from `population_frame`.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.observations import VALUE, YEAR, repetition
from blsquest.analytics.periods import PERIODS
from blsquest.core.errors import BadData, NotInData
from blsquest.core.text import near

if TYPE_CHECKING:
    from blsquest.analytics import Ddof


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


def best_year(sums: pl.DataFrame) -> pl.DataFrame:
    """Find each series' year with the largest sum.

    The earliest year wins a tie. Years with missing periods compete too, and are flagged: the
    newest year of a release is nearly always one of them.

    Returns:
        One row a series, sorted by it: `series_id`, `year`, `value` (the exact sum), `basis` (what
        was summed: months, quarters, halves, annual), `tied_years` (ascending, the answer
        included) and `partial` (the answer's year has fewer periods than its basis).
    """
    best = pl.col("value") == pl.col("value").max().over("series_id")
    return (
        sums.filter(best)
        .sort("series_id", "year")
        .group_by("series_id", maintain_order=True)
        .agg(
            pl.col("year").first(),
            pl.col("value").first(),
            pl.col("basis").first().cast(pl.String),
            pl.col("year").alias("tied_years"),
            pl.col("complete").first().not_().alias("partial"),
        )
    )


def bls_census_stats(sums: pl.DataFrame, population: pl.DataFrame) -> pl.DataFrame:
    """List every series' yearly sums beside the population of the year.

    Series that have only an annual figure are left out: nothing was summed (`best_year` has them).

    Returns:
        One row a series and year, sorted by them: `series_id`, `year`, `value` (the exact sum),
        `quarters` (how many periods were summed; quarters in `pr`), `is_best_year` (of tied years
        the earliest) and `population` (people; null where unknown).
    """
    summed = sums.filter(pl.col("basis") != "annual")
    best = best_year(summed).select("series_id", "year", is_best_year=True)
    return (
        summed.join(best, on=["series_id", "year"], how="left")
        .join(population, on="year", how="left")
        .select(
            "series_id",
            "year",
            "value",
            pl.col("periods").alias("quarters"),
            pl.col("is_best_year").fill_null(value=False),
            "population",
        )
        .sort("series_id", "year")
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


def _not_found(observations: pl.LazyFrame, series_id: str, period: str) -> NotInData:
    periods = _distinct(observations.filter(pl.col("series_id") == series_id), "period")
    if periods:
        return NotInData(f"{series_id} has no period {period!r}.", f"It has {', '.join(periods)}.")
    series = _distinct(observations, "series_id")
    neither = "" if period in PERIODS else f" There is no period {period!r} either."
    return NotInData(
        f"The data file has no series {series_id!r}.{neither}",
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
    """Refuse a span, both ends included, of which the population lacks years.

    Raises:
        NotInData: Names the missing years, and those that there are.
    """
    known = population.get_column("year").to_list()
    missing = [year for year in range(first_year, last_year + 1) if year not in known]
    if not missing:
        return
    gone = sorted(never_published(estimate) & set(missing))
    never = "".join(f" For {year} none was ever published." for year in gone)
    raise NotInData(
        f"The population ({estimate}) lacks {', '.join(map(str, missing))} of "
        f"{first_year}-{last_year}.{never}",
        f"Name years that it has (--first-year, --last-year): {', '.join(map(str, known))}.",
    )


def never_published(estimate: str) -> frozenset[int]:
    """Return the years that an estimate lacks for ever.

    The Census Bureau published no standard one-year estimates for 2020; it did five-year ones.
    """
    return frozenset({2020}) if estimate.startswith("ACS 1-year") else frozenset()
