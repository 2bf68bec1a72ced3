"""The answers for people: markdown for the dashboard and the terminal.

Text that comes from publishers is escaped: it can't become markup, links or control codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.checks import verdict
from flows.analytics.content import SAMPLE
from flows.analytics.listed import pairs
from flows.analytics.plain_text import number, short
from flows.analytics.render import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.analytics.answers import Answers
    from flows.analytics.chart_style import Picture
    from flows.analytics.content import Content
    from flows.analytics.listed import Pair

_SHOWN = 5
_NAMES = {"annual": "annual figures"}


def markdown(content: Content, picture: Picture) -> str:
    """A report in short, with one chart.

    Args:
        content: What is told.
        picture: Of the population.
    """
    parts: list[str] = []
    if content.sample:
        parts.append(f"**{SAMPLE.capitalize()}: these are not real statistics.**")
    parts += _population(content.answers)
    parts.append(f"![{escape(picture.title)}]({picture.url})")
    parts += [*_best_years(content.answers), *_series(content.answers)]
    parts += ["## Checks", escape(verdict(content.checks))]
    noted = [
        f"{c.name} ({c.subject}): {c.result}. {c.detail}" for c in content.checks if not c.passed
    ]
    parts.append("\n".join(f"- {escape(note)}" for note in (*noted, *content.notes)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _population(answers: Answers) -> Iterable[str]:
    row = answers.population_statistics.row(0, named=True)
    span = f"{row['first_year']}-{row['last_year']}"
    yield f"## US population, {span}"
    deviations = [
        ("standard deviation, sample (ddof = 1)", number(row["std_sample"])),
        ("standard deviation, population (ddof = 0)", number(row["std_population"])),
    ]
    yield table(
        ("", "people"),
        [("mean", number(row["mean"])), *(deviations if row["ddof"] else reversed(deviations))],
    )
    known = answers.population.get_column("year").to_list()
    gaps = sorted(set(range(known[0], known[-1] + 1)) - set(known))
    missing = f", none for {', '.join(map(str, gaps))}" if gaps else ""
    yield (
        f"Estimate: {escape(row['estimate'])}, {row['years']} years. "
        f"The source has {known[0]}-{known[-1]}{missing}."
    )


def _best_years(answers: Answers) -> Iterable[str]:
    best = answers.best_year
    yield "## Best year of each series"
    if best.is_empty():
        yield "No series has a value."
        return
    bases = best.get_column("basis").value_counts().sort("count", "basis", descending=[True, False])
    by = ", ".join(f"{count:,} from {_NAMES.get(basis, basis)}" for basis, count in bases.rows())
    partial = best.get_column("partial").sum()
    yield (
        f"{best.height:,} series ({by}); {_ties(best)}; "
        f"{partial:,} best in a year that is not complete."
    )
    years = best.get_column("year").value_counts().sort("count", "year", descending=True)
    often = ", ".join(f"{year} ({count:,})" for year, count in years.head(_SHOWN).rows())
    yield f"Most often best: {often}. The largest sums (units differ from series to series):"
    top = best.sort("value", "series_id", descending=[True, False]).head(_SHOWN)
    yield table(
        ("series", "best year", "sum", "unit", "of", "in words"),
        (
            (
                escape(row["series_id"]),
                str(row["year"]),
                number(row["value"]),
                escape(short(row["unit"] or "not known")),
                row["basis"],
                escape(short(row["title"] or "")),
            )
            for row in top.iter_rows(named=True)
        ),
        words=("unit", "of", "in words"),
    )


def _ties(best: pl.DataFrame) -> str:
    ties = best.filter(pl.col("tied_years").list.len() > 1).select("series_id", "tied_years")
    named = [
        f"{escape(series_id)} ({', '.join(map(str, years))})"
        for series_id, years in ties.head(_SHOWN).rows()
    ]
    if ties.height > _SHOWN:
        named.append("…")
    answered = f", the earliest year answers: {', '.join(named)}" if named else ""
    return f"{ties.height:,} tied{answered}"


def _series(answers: Answers) -> Iterable[str]:
    for pair in pairs(answers):
        known = pair.rows.height - pair.rows.get_column("population").null_count()
        yield f"## {escape(pair.series_id)}, {escape(pair.period)}, and the population"
        if pair.title is not None:
            yield f"{escape(short(pair.title))}."
        yield f"{pair.rows.height:,} years, {known:,} of them with a population; the last:"
        yield _last_years(pair)


def _last_years(pair: Pair) -> str:
    return table(
        ("year", "period", f"value ({escape(short(pair.unit or 'unit not known'))})", "people"),
        (
            (str(year), period, number(value), number(people))
            for year, period, value, people in pair.rows.select(
                "year", "period", "value", "population"
            )
            .tail(_SHOWN + 3)
            .iter_rows()
        ),
    )
