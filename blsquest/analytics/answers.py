"""All answers to one state of the data, made together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.questions import (
    SERIES_POPULATION,
    best_year,
    bls_census_stats,
    population_statistics,
    series_with_population,
)
from blsquest.analytics.sums import annual_sums
from blsquest.core.errors import NotInData

if TYPE_CHECKING:
    from blsquest.analytics import Ddof


WORDS = ("title", "unit")
"""What tells a series in words, as the catalogue names it."""


@dataclass(frozen=True)
class Question:
    """What is asked; the defaults are the quest's.

    Attributes:
        first_year: The first year of the population's statistics.
        last_year: The last year of them, included.
        series_id: The series that is shown beside the population; None for none.
        period: The period of each year that is shown.
        pairs: Further series and periods that are shown beside it.
        ddof: Which standard deviation is the headline: 1 for a sample's, 0 for the population's.
    """

    first_year: int = 2013
    last_year: int = 2018
    series_id: str | None = "PRS30006032"
    period: str = "Q01"
    pairs: tuple[tuple[str, str], ...] = ()
    ddof: Ddof = 1

    def all_pairs(self) -> tuple[tuple[str, str], ...]:
        """Every series and period that is asked for, each once, the first one first."""
        first = ((self.series_id, self.period),) if self.series_id is not None else ()
        return tuple(dict.fromkeys((*first, *self.pairs)))


@dataclass(frozen=True)
class Answers:
    """The answers, and the population they were made with.

    Attributes:
        question: What was asked.
        population: As from `population_frame`.
        population_statistics: As from the function of that name, and so are the next two.
        best_year: One row a series.
        bls_census_stats: One row a series and year.
        series_population: As from `series_with_population`: one row a year of each asked series
            and period, in the question's order.
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

    def in_words(self, catalogue: pl.DataFrame) -> Answers:
        """The same answers, with `title` and `unit` of the series beside each id.

        Args:
            catalogue: A catalogue's frame; both are null for series that it does not have.
        """
        words = catalogue.select("series_id", *WORDS)

        def told(frame: pl.DataFrame) -> pl.DataFrame:
            return frame.join(words, on="series_id", how="left", maintain_order="left")

        return replace(
            self,
            best_year=told(self.best_year),
            bls_census_stats=told(self.bls_census_stats),
            series_population=told(self.series_population),
        )


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
        NotInData: An asked series or period is not in the data file; all such are named.
        BadData: The data has repeated rows, or lacks asked years; see the single questions.
    """
    # The cheap questions first: a wrong name is told before a large file is summed.
    statistics = population_statistics(
        population, question.first_year, question.last_year, question.ddof, estimate=estimate
    )
    series = series_of(observations, population, question.all_pairs())
    sums = annual_sums(observations)
    return Answers(
        question=question,
        population=population,
        population_statistics=statistics,
        best_year=best_year(sums),
        bls_census_stats=bls_census_stats(sums, population),
        series_population=series,
    )


def series_of(
    observations: pl.LazyFrame, population: pl.DataFrame, pairs: tuple[tuple[str, str], ...]
) -> pl.DataFrame:
    """Return each series' values of a period beside the population, as `series_with_population`.

    Raises:
        NotInData: A series or period is not in the data file; all such are named.
        BadData: A series has two rows for one year and the period.
    """
    frames = [SERIES_POPULATION.to_frame()]
    absent: list[NotInData] = []
    for series_id, period in pairs:
        try:
            frames.append(series_with_population(observations, population, series_id, period))
        except NotInData as error:
            absent.append(error)
    if absent:
        *others, last = absent
        # Each remedy stays with its cause: of many it could not be told which is for which.
        raise NotInData(" ".join((*map(str, others), last.what)), last.remedy)
    return pl.concat(frames)
