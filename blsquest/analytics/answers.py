"""All answers from one state of the data, computed together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import polars as pl

from blsquest.analytics import By, Ddof
from blsquest.analytics.code_tables import with_footnotes
from blsquest.analytics.latest import latest, with_percent
from blsquest.analytics.observations import POPULATION
from blsquest.analytics.questions import (
    SERIES_POPULATION,
    best_year,
    bls_census_stats,
    newest_period,
    population_statistics,
    series_with_population,
)
from blsquest.analytics.sums import annual_sums
from blsquest.core.errors import NotInData


@dataclass(frozen=True)
class Question:
    """The question to answer; the defaults are the quest's.

    Attributes:
        first_year: The first year of the population's statistics.
        last_year: The last year of them, included.
        series_id: The series to show beside the population; None for none.
        period: The period of each year to show; None for that of the series' newest value.
        pairs: More series and periods to show beside the population.
        ddof: Which standard deviation is the headline.
        by: The rule for the best year, see `best_year`.
    """

    first_year: int = 2013
    last_year: int = 2018
    series_id: str | None = "PRS30006032"
    period: str | None = "Q01"
    pairs: tuple[tuple[str, str], ...] = ()
    ddof: Ddof = 1
    by: By = "sum"

    def all_pairs(self) -> tuple[tuple[str, str], ...]:
        """Return each requested series with its period, once, in the order given.

        The question must name its period, see `with_period`.
        """
        first = ((self.series_id, self.period),) if self.series_id and self.period else ()
        return tuple(dict.fromkeys((*first, *self.pairs)))

    def with_period(self, observations: pl.LazyFrame) -> Self:
        """Return the same question with the period set, by default to the newest value's.

        Raises:
            NotInData: There is no such series.
        """
        if self.series_id is None or self.period is not None:
            return self
        return replace(self, period=newest_period(observations, self.series_id))


@dataclass(frozen=True)
class Answers:
    """The answers, and the population they were made with.

    Attributes:
        question: What was asked.
        population: By year; None if the question needs none.
        population_statistics: The result of the function of that name, like the next two; None
            without a population.
        best_year: One row a series.
        bls_census_stats: One row a series and year.
        series_population: As from `series_with_population`, for each asked series and period, in
            the question's order.
        latest: One row a series, as from the function of that name.
    """

    question: Question
    population: pl.DataFrame | None
    population_statistics: pl.DataFrame | None
    best_year: pl.DataFrame
    bls_census_stats: pl.DataFrame
    series_population: pl.DataFrame
    latest: pl.DataFrame

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return the frames that are published, by the name of their file without its ending."""
        tables = {
            "best_year": self.best_year,
            "bls_census_stats": self.bls_census_stats,
            "latest": self.latest,
        }
        if self.population_statistics is not None:
            tables["population_statistics"] = self.population_statistics
            tables["series_population"] = self.series_population
        return tables

    def in_words(self, catalogue: pl.DataFrame) -> Self:
        """Return the same answers, with `title` and `unit` of the series beside each id.

        Both are null for series that the catalogue lacks. The latest values also get what follows
        from these words: `rate` and the changes in percent (see `with_percent`).
        """
        words = catalogue.select("series_id", "title", "unit")

        def titled(frame: pl.DataFrame) -> pl.DataFrame:
            # Added beside the rows, which are not copied.
            ids = frame.select("series_id")
            beside = ids.join(words, on="series_id", how="left", maintain_order="left")
            return frame.hstack(beside.drop("series_id"))

        return replace(
            self,
            best_year=titled(self.best_year),
            bls_census_stats=titled(self.bls_census_stats),
            series_population=titled(self.series_population),
            latest=with_percent(titled(self.latest)),
        )

    def with_footnotes(self, footnotes: Mapping[str, str]) -> Self:
        """Return the same answers, with `footnotes` in words beside each `footnote_codes`."""
        frames: dict[str, Any] = {
            name: with_footnotes(frame, footnotes)
            for name, frame in self.tables().items()
            if "footnote_codes" in frame.columns
        }
        return replace(self, **frames)


def answer(
    observations: pl.LazyFrame, population: pl.DataFrame | None, estimate: str, question: Question
) -> Answers:
    """Answer a whole question from one data file and an estimate of the population.

    Without a population, no statistics of it are computed, and no series is joined with it.

    Raises:
        NotInData: A requested series or period is not in the data file; all such are named.
        BadData: The data has repeated rows, or lacks asked years; see the single questions.
    """
    # The cheap questions first: a wrong name is refused before a large file is summed.
    statistics, series, people = None, SERIES_POPULATION.to_frame(), POPULATION.to_frame()
    if population is not None:
        people = population
        statistics = population_statistics(
            population, question.first_year, question.last_year, question.ddof, estimate=estimate
        )
        question = question.with_period(observations)
        series = join_pairs(observations, population, question.all_pairs())
    sums = annual_sums(observations)
    # In this order, for memory: the yearly rows share what they can with the sums.
    newest = latest(observations, sums, question.by)
    return Answers(
        question=question,
        population=population,
        population_statistics=statistics,
        best_year=best_year(sums, question.by),
        bls_census_stats=bls_census_stats(sums, people, question.by),
        series_population=series,
        latest=newest,
    )


def join_pairs(
    observations: pl.LazyFrame, population: pl.DataFrame, pairs: tuple[tuple[str, str], ...]
) -> pl.DataFrame:
    """Join each pair of series and period with the population.

    Raises:
        NotInData: Some are not in the data file; all of these are named.
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
        # Each remedy stays with its cause: a list would not show which is for which.
        raise NotInData(" ".join((*map(str, others), last.what)), last.remedy)
    return pl.concat(frames)
