"""A report's content as plain JSON values: the numbers of the Parquet files and the page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blsquest.analytics.answers import Answers
    from blsquest.analytics.release_changes import ReleaseChanges
    from blsquest.analytics.report.content import Content


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


def as_json(content: Content) -> dict[str, Any]:
    """The answers, the checks and what the newest release changed.

    Exact decimals are strings, so that no reader rounds them.
    """
    return {
        "answers": _answers(content.answers),
        "checks": [asdict(check) for check in content.checks],
        "changes": _changes(content.changes) if content.changes else None,
        "notes": list(content.notes),
    }


def _answers(answers: Answers) -> dict[str, Any]:
    best = answers.best_year
    bases = best.get_column("basis").value_counts().sort("basis")
    return {
        "population_statistics": answers.population_statistics.row(0, named=True),
        "best_year": {
            "series": best.height,
            "by_basis": dict(bases.iter_rows()),
            "tied": best.filter(pl.col("tied_years").list.len() > 1).height,
            "partial": best.get_column("partial").sum(),
            "rows": _rows(listed_best_years(answers)),
        },
        "series_population": [
            {
                "series_id": pair.series_id,
                "period": pair.period,
                "title": pair.title,
                "unit": pair.unit,
                "rows": _rows(pair.rows.select("year", "value", "population")),
            }
            for pair in pairs(answers)
        ],
        "rows": {name: frame.height for name, frame in answers.tables().items()},
    }


def _changes(changes: ReleaseChanges) -> dict[str, Any]:
    return {
        "before": {"generation": changes.before, "committed": changes.committed},
        "counts": changes.counts,
        "largest": _rows(changes.largest),
    }


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    decimals = [name for name, dtype in frame.schema.items() if dtype.is_decimal()]
    return frame.with_columns(pl.col(decimals).cast(pl.String)).to_dicts()
