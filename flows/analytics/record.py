"""Answers as plain JSON values, for `report.json`: the same numbers as in the Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from flows.analytics.answers import Answers

_FIRST = 5


def as_json(answers: Answers) -> dict[str, Any]:
    """The three answers; exact decimals are strings, so that no reader rounds them.

    `best_year` is summed up (its rows are in the Parquet file); `rows` counts those.
    """
    best = answers.best_year
    bases = best.get_column("basis").value_counts().sort("basis")
    joined = answers.series_population
    return {
        "population_statistics": answers.population_statistics.row(0, named=True),
        "best_year": {
            "series": best.height,
            "by_basis": dict(bases.iter_rows()),
            "tied": best.filter(pl.col("tied_years").list.len() > 1).height,
            "partial": best.get_column("partial").sum(),
            "first": _rows(best.head(_FIRST)),
        },
        "series_population": {
            "series_id": answers.question.series_id,
            "period": answers.question.period,
            "rows": _rows(joined.select("year", "value", "population")),
        },
        "rows": {name: frame.height for name, frame in answers.tables().items()},
    }


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    decimals = [name for name, dtype in frame.schema.items() if dtype.is_decimal()]
    return frame.with_columns(pl.col(decimals).cast(pl.String)).to_dicts()
