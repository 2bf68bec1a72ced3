"""A report's content as plain JSON values: the numbers of the Parquet files, page and sections."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blsquest.analytics.answers import Answers
    from blsquest.analytics.report.content import Content


MOST = 1_000
"""Best years that are listed; the Parquet file has all."""


@dataclass(frozen=True)
class Pair:
    """A series and a period beside the population: rows of `Answers.series_population`.

    Title and unit are None where they are not known.
    """

    series_id: str
    period: str
    title: str | None
    unit: str | None
    rows: pl.DataFrame


def pairs(answers: Answers) -> Iterator[Pair]:
    """Yield the asked series and periods with their rows, in the question's order."""
    for series_id, period in answers.question.all_pairs():
        rows = answers.series_population.filter(
            pl.col("series_id") == series_id, pl.col("period") == period
        )
        yield Pair(series_id, period, rows.item(0, "title"), rows.item(0, "unit"), rows)


def as_json(content: Content) -> dict[str, Any]:
    """Return inputs, answers, checks, what the newest release changed, and notes.

    Exact decimals are strings, so that no reader rounds them.
    """
    answers, changes = content.answers, content.changes
    best = answers.best_year
    return {
        "inputs": content.inputs,
        "answers": {
            "population_statistics": answers.population_statistics.row(0, named=True),
            "best_year": {
                "series": best.height,
                "by_basis": dict(best["basis"].value_counts().sort("basis").iter_rows()),
                "tied": best.filter(pl.col("tied_years").list.len() > 1).height,
                "partial": best["partial"].sum(),
                "rows": _rows(best.head(MOST)),
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
        },
        "checks": [asdict(check) for check in content.checks],
        "changes": changes
        and {
            "before": {"generation": changes.before, "committed": changes.committed},
            "counts": changes.counts,
            "largest": _rows(changes.largest),
        },
        "notes": list(content.notes),
    }


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.String)).to_dicts()
