"""All answers to one state of the data, made together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.analytics.questions import (
    best_year,
    bls_census_stats,
    population_statistics,
    series_with_population,
)
from flows.analytics.sums import annual_sums

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Question:
    """What is asked; the defaults are the quest's.

    Attributes:
        first_year: The first year of the population's statistics.
        last_year: The last year of them, included.
        series_id: The series that is shown beside the population; None for none.
        period: The period of each year that is shown.
    """

    first_year: int = 2013
    last_year: int = 2018
    series_id: str | None = "PRS30006032"
    period: str = "Q01"


@dataclass(frozen=True)
class Answers:
    """The answers, and the population they were made with.

    Attributes:
        question: What was asked.
        population: As from `population_frame`.
        population_statistics: As from the function of that name, and so are the next three.
        best_year: One row a series.
        bls_census_stats: One row a series and year.
        series_population: One row a year of the asked series.
    """

    question: Question
    population: pl.DataFrame
    population_statistics: pl.DataFrame
    best_year: pl.DataFrame
    bls_census_stats: pl.DataFrame
    series_population: pl.DataFrame

    def tables(self) -> dict[str, pl.DataFrame]:
        """The frames that are published, by the name of their file without its ending."""
        return {
            "best_year": self.best_year,
            "bls_census_stats": self.bls_census_stats,
            "population_statistics": self.population_statistics,
            "series_population": self.series_population,
        }


def answer(
    observations: pl.LazyFrame, population: pl.DataFrame, estimate: str, question: Question
) -> Answers:
    """Answer everything that is asked of one data file and the population.

    Args:
        observations: As from `read_observations`.
        population: As from `population_frame`.
        estimate: Which estimate the population is.
        question: What is asked.

    Raises:
        NotInData: The asked series or period is not in the data file.
        BadData: The data has repeated rows, or lacks asked years; see the single questions.
    """
    # The cheap questions first: a wrong name is told before a large file is summed.
    statistics = population_statistics(
        population, question.first_year, question.last_year, estimate=estimate
    )
    series = series_with_population(observations, population, question.series_id, question.period)
    sums = annual_sums(observations)
    return Answers(
        question=question,
        population=population,
        population_statistics=statistics,
        best_year=best_year(sums),
        bls_census_stats=bls_census_stats(sums, population),
        series_population=series,
    )
