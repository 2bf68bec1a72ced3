"""Answers as what people and programs read: Parquet bytes, and markdown."""

from __future__ import annotations

import html
import re
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.analytics.answers import Answers

_ADDRESS = re.compile(r"(https?:|www)(?=//|\.)", re.IGNORECASE)
"""What dashboards make a link of, in spite of any escape: a word joiner in it prevents that."""

_ROW_GROUP = 1_000_000
_SHOWN = 5
_NAMES = {"annual": "annual figures"}


def parquet_bytes(frame: pl.DataFrame, metadata: Mapping[str, str]) -> bytes:
    """Write a frame as one Parquet file, zstd-compressed, with statistics for pruning.

    The same frame and metadata give the same bytes with the same version of polars, in any
    process and whatever the number of threads: row groups and level are fixed.

    Args:
        frame: An answer.
        metadata: What a reader must know beside the numbers: source generations, hashes, units.
    """
    buffer = BytesIO()
    frame.rechunk().write_parquet(
        buffer,
        compression="zstd",
        compression_level=3,
        statistics=True,
        row_group_size=_ROW_GROUP,
        metadata=dict(sorted(metadata.items())),
    )
    return buffer.getvalue()


def markdown(answers: Answers) -> str:
    """Summarise the answers for a dashboard or a terminal.

    Text that comes from publishers is escaped: it can't become markup, links or control codes.
    """
    return "\n\n".join([*_population(answers), *_best_years(answers), *_series(answers)]) + "\n"


def escape(text: str) -> str:
    """Make any text safe inside a line or a table cell of markdown, which may hold HTML."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    plain = _ADDRESS.sub("\\1\N{WORD JOINER}", html.escape(shown, quote=False))
    return re.sub(r"([\\`*_{}\[\]#|~!])", r"\\\1", plain)


def number(value: Decimal | float | None) -> str:
    """A number for people: thousands separated, exact decimals without their trailing zeros."""
    if value is None:
        return "unknown"
    if isinstance(value, Decimal):
        whole, _, places = f"{value:,f}".partition(".")
        return f"{whole}.{places.rstrip('0')}".rstrip(".")
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in markdown, the first column to the left and the others to the right.

    Args:
        header: The columns' names, as markdown.
        rows: The cells, as markdown: what comes from a publisher went through `escape`.
    """
    rule = tuple("---:" if column else "---" for column in range(len(header)))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _population(answers: Answers) -> Iterable[str]:
    row = answers.population_statistics.row(0, named=True)
    span = f"{row['first_year']}-{row['last_year']}"
    yield f"## US population, {span}"
    yield table(
        ("", "people"),
        [
            ("mean", number(row["mean"])),
            ("standard deviation, sample (ddof = 1)", number(row["std_sample"])),
            ("standard deviation, population (ddof = 0)", number(row["std_population"])),
        ],
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
        ("series", "best year", "sum", "of"),
        (
            (escape(series_id), str(year), number(value), basis)
            for series_id, year, value, basis in top.select(
                "series_id", "year", "value", "basis"
            ).rows()
        ),
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
    question = answers.question
    if question.series_id is None:
        return
    joined = answers.series_population
    known = joined.height - joined.get_column("population").null_count()
    yield f"## {escape(question.series_id)}, {escape(question.period)}, and the population"
    yield f"{joined.height:,} years, {known:,} of them with a population; the last:"
    yield table(
        ("year", "period", "value", "people"),
        (
            (str(year), period, number(value), number(people))
            for year, period, value, people in joined.select(
                "year", "period", "value", "population"
            )
            .tail(_SHOWN + 3)
            .iter_rows()
        ),
    )
