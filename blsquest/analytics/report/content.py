"""All that one report tells, and its values as JSON: those of the Parquet files and sections."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from polars import selectors as cs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blsquest.analytics.answers import Answers
    from blsquest.analytics.checks import Check
    from blsquest.analytics.release_changes import ReleaseChanges


SAMPLE = "generated sample"


@dataclass(frozen=True)
class Content:
    """What a report tells. It holds neither the time nor the place at which the report is made.

    Attributes:
        survey: The survey's abbreviation.
        sample: Whether any input is a generated sample.
        inputs: By role (`survey`, `population`), what `report.json` says of the input.
        answers: In words, as from `Answers.in_words`.
        catalogue: The survey's series in words, as `Catalogue.frame`.
        checks: All of them, passed or not.
        changes: What the newest release changed; None where there is nothing to compare.
        notes: What is missing, and why.
    """

    survey: str
    sample: bool
    inputs: Mapping[str, Mapping[str, Any]]
    answers: Answers
    catalogue: pl.DataFrame
    checks: tuple[Check, ...]
    changes: ReleaseChanges | None
    notes: tuple[str, ...]


PAIR = cs.by_name("year", "value", "population", "footnote_codes", "footnotes", require_all=False)
"""What is told of a series beside the population."""
MOST = 1_000
"""Best years that are listed; the Parquet file has all."""


@dataclass(frozen=True)
class Pair:
    """A series and a period beside the population: rows of `Answers.series_population`."""

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
                vars(pair) | {"rows": _rows(pair.rows.select(PAIR))} for pair in pairs(answers)
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
