"""The content of one report, and its values as JSON: those of the Parquet files and sections."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
from polars import selectors as cs

from blsquest.analytics.answers import Answers
from blsquest.analytics.checks import Check
from blsquest.analytics.headlines import ADJUSTED, Headline
from blsquest.analytics.latest import annual_averages
from blsquest.analytics.overview import Overview
from blsquest.analytics.release_changes import ReleaseChanges
from blsquest.analytics.surveys import survey

SAMPLE = "generated sample"


@dataclass(frozen=True)
class Content:
    """A report's content. It holds neither the time nor the place of the report's making.

    Attributes:
        survey: The survey's abbreviation.
        sample: Whether any input is a generated sample.
        inputs: As in `report.json`, by role (`survey`, and `population` where asked for).
        answers: In words, as from `Answers.in_words`.
        catalogue: The survey's series in words, as `Catalogue.frame`.
        checks: All of them, passed or not.
        changes: What the newest release changed; None where there is nothing to compare.
        notes: What is missing, and why.
        overview: The survey's description of itself.
        headlines: The series that are shown first.
        chosen: The values of the first of these, as from `values_of`; None where there is none.
    """

    survey: str
    sample: bool
    inputs: Mapping[str, Mapping[str, Any]]
    answers: Answers
    catalogue: pl.DataFrame
    checks: tuple[Check, ...]
    changes: ReleaseChanges | None
    notes: tuple[str, ...]
    overview: Overview
    headlines: tuple[Headline, ...]
    chosen: pl.DataFrame | None

    @property
    def subject(self) -> str:
        """What the report is about, for its heading."""
        return survey(self.survey).subject or self.overview.name


PAIR = cs.by_name("year", "value", "population", "footnote_codes", "footnotes", require_all=False)
"""The columns shown of a series beside the population."""
MOST = 1_000
"""Best years that are listed; the Parquet file has all."""
RECENT = 13
"""Values of the chosen series that are listed: a year of months, and the same month before."""


@dataclass(frozen=True)
class Pair:
    """A series and a period beside the population: rows of `Answers.series_population`."""

    series_id: str
    period: str
    title: str | None
    unit: str | None
    decimals: int
    rows: pl.DataFrame


def pairs(answers: Answers) -> Iterator[Pair]:
    """Yield the requested series and periods with their rows, in the question's order."""
    for series_id, period in answers.question.all_pairs():
        rows = answers.series_population.filter(
            pl.col("series_id") == series_id, pl.col("period") == period
        )
        decimals = [*answers.latest.filter(series_id=series_id).get_column("decimals"), 0][0]
        words = (rows.item(0, "title"), rows.item(0, "unit"))
        yield Pair(series_id, period, *words, decimals, rows)


def as_json(content: Content) -> dict[str, Any]:
    """Return inputs, answers, checks, the newest release's changes, and notes.

    Exact decimals are strings, so that no reader rounds them.
    """
    answers, changes = content.answers, content.changes
    best, people = answers.best_year, answers.population_statistics
    first = [s for h in content.headlines for s in (h.series_id, h.beside) if s]
    return {
        "inputs": content.inputs,
        "overview": asdict(content.overview),
        "answers": {
            "latest": _latest(content, first),
            "population_statistics": None if people is None else people.row(0, named=True),
            "best_year": {
                "by": answers.question.by,
                "series": best.height,
                "by_basis": dict(best["basis"].value_counts().sort("basis").iter_rows()),
                "compared": dict(best["compared"].value_counts().sort("compared").iter_rows()),
                "tied": best.filter(pl.col("tied_years").list.len() > 1).height,
                "partial": best["partial"].sum(),
                "rows": _rows(best.head(MOST)),
                "headlines": _rows(_of(best, first)),
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
            **{name: _rows(frame) for name, frame in changes.highlights.items()},
        },
        "notes": list(content.notes),
    }


def _latest(content: Content, series: list[str]) -> dict[str, Any]:
    """Return the latest values of some series, and more of the first."""
    answers, chosen = content.answers, content.chosen
    adjusted = next((c for c in ADJUSTED if c in content.catalogue.columns), None)
    seasonal = (
        pl.lit(None, pl.String).alias("seasonal")
        if adjusted is None
        else pl.col(adjusted).alias("seasonal")
    )
    words = content.catalogue.select("series_id", seasonal)
    rows = _of(answers.latest, series).join(words, on="series_id", how="left")
    found: dict[str, Any] = {
        "headlines": [asdict(headline) for headline in content.headlines],
        "remark": survey(content.survey).remark,
        "rows": _rows(_of(rows, series)),
        "averages": [],
        "recent": [],
    }
    if chosen is not None:
        averages = annual_averages(answers.bls_census_stats, series[0])
        found["averages"] = _rows(averages.reverse())
        found["recent"] = _rows(chosen.tail(RECENT).reverse())
    return found


def _of(frame: pl.DataFrame, series: list[str]) -> pl.DataFrame:
    """Return the rows of some series, in the order of these."""
    order = pl.DataFrame({"series_id": series}, schema={"series_id": pl.String})
    return order.join(frame, on="series_id", how="inner", maintain_order="left")


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.String)).to_dicts()
