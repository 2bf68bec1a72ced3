"""Which rows of the answers a person is shown: the same ones in the page and in the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.analytics.answers import Answers

MOST = 1_000
"""More best years than this are in the Parquet file alone: nobody reads so long a table."""


@dataclass(frozen=True)
class Pair:
    """One asked series and period.

    Attributes:
        series_id: The series.
        period: The period of each year.
        title: The series in words; None where they are not known.
        unit: Of its values; None where it is not known.
        rows: Its rows of `Answers.series_population`.
    """

    series_id: str
    period: str
    title: str | None
    unit: str | None
    rows: pl.DataFrame


def listed_best_years(answers: Answers) -> pl.DataFrame:
    """The best years of the first `MOST` series, by id."""
    return answers.best_year.head(MOST)


def pairs(answers: Answers) -> Iterator[Pair]:
    """The asked series and periods with their rows, in the question's order."""
    for series_id, period in answers.question.all_pairs():
        rows = answers.series_population.filter(
            pl.col("series_id") == series_id, pl.col("period") == period
        )
        yield Pair(series_id, period, rows.item(0, "title"), rows.item(0, "unit"), rows)
