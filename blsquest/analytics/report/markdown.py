"""Answers and revisions as markdown, for the dashboard and the terminal.

Text that comes from publishers is escaped: it can't become markup, links or control codes.
"""

from __future__ import annotations

import html
import re
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl

from blsquest.analytics.checks import verdict
from blsquest.analytics.report.content import SAMPLE
from blsquest.analytics.report.json import pairs
from blsquest.analytics.revisions import CHANGES
from blsquest.core.text import columns, days, number, printable, short

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from blsquest.analytics.answers import Answers
    from blsquest.analytics.report.chart_style import Picture
    from blsquest.analytics.report.content import Content
    from blsquest.analytics.report.json import Pair


_ADDRESS = re.compile(r"(https?:|www)(?=//|\.)", re.IGNORECASE)
"""What dashboards make a link of, in spite of any escape: a word joiner in it prevents that."""

_ROW_GROUP = 1_000_000


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


def escape(text: str) -> str:
    """Make any text safe inside a line or a table cell of markdown, which may hold HTML."""
    plain = _ADDRESS.sub("\\1\N{WORD JOINER}", html.escape(printable(text), quote=False))
    return re.sub(r"([\\`*_{}\[\]#|~!])", r"\\\1", plain)


def table(
    header: tuple[str, ...], rows: Iterable[tuple[str, ...]], words: Container[str] = ()
) -> str:
    """A table in markdown, the first column and words to the left, all others to the right.

    Args:
        header: The columns' names, as markdown.
        rows: The cells, as markdown: what comes from a publisher went through `escape`.
        words: The headers of further columns that hold words.
    """
    rule = tuple("---:" if n and name not in words else "---" for n, name in enumerate(header))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


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


NONE_DIFFER = "No data file differs."


def sentence(summary: Mapping[str, Any]) -> str:
    """One line: what each data file's new vintage changed.

    Args:
        summary: The content of a `revisions.json`.
    """
    span = f"generations {summary['from']['generation']} to {summary['to']['generation']}"
    sample = " (generated sample)" if summary["sample"] else ""
    told = "; ".join(
        f"{file['file']} " + ", ".join(f"{file[change]:,} {change}" for change in CHANGES)
        for file in summary["files"]
    )
    return f"{summary['source']}{sample}, {span}: {told or 'no data file differs'}."


def lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """The summary for a terminal.

    Args:
        summary: The content of a `revisions.json`.
    """
    sample = " (generated sample: these are not real statistics)" if summary["sample"] else ""
    yield f"{summary['source']}{sample}, from {_states(summary)}"
    if summary["files"]:
        yield ""
        header = ("file", *CHANGES, "series")
        yield from columns([header, *_counts(summary)], numbers=range(1, len(header)))
        yield "An annotated observation has its old value and another footnote."
    else:
        yield NONE_DIFFER
    if summary["largest"]:
        yield ""
        yield "The largest revisions of each unit:"
        heads = ("observation", "was", "is", "difference", "unit", "series", "what it is")
        moved = ((*_moved(row), row["series_id"], row["title"] or "") for row in summary["largest"])
        yield from columns([heads, *moved], numbers={1, 2, 3})
    if summary["notes"]:
        yield ""
        yield from map(printable, summary["notes"])


def revisions_markdown(summary: Mapping[str, Any]) -> str:
    """The summary as revisions_markdown; text that comes from publishers is escaped.

    Args:
        summary: The content of a `revisions.json`.
    """
    return "\n\n".join(_parts(summary)) + "\n"


def _parts(summary: Mapping[str, Any]) -> Iterator[str]:
    if summary["sample"]:
        yield "**Generated sample: these are not real statistics.**"
    yield f"## What {escape(summary['source'])} revised"
    yield (
        f"From {_states(summary)}. An annotated observation has its old value and another footnote."
    )
    if summary["files"]:
        rows = ((escape(name), *counts) for name, *counts in _counts(summary))
        yield table(("file", *CHANGES, "series"), rows)
    else:
        yield NONE_DIFFER
    if summary["largest"]:
        yield "The largest revisions of each unit:"
        yield table(
            ("observation", "was", "is", "difference", "unit", "series"),
            ((*map(escape, _moved(row)), _named(row)) for row in summary["largest"]),
        )
    if summary["notes"]:
        yield "\n".join(f"- {escape(note)}" for note in summary["notes"])


def _states(summary: Mapping[str, Any]) -> str:
    ends = (summary["from"], summary["to"])
    earlier, later = (
        f"generation {end['generation']} ({day})"
        for end, day in zip(ends, days(*(end["committed"] for end in ends)), strict=True)
    )
    return f"{earlier} to {later}"


def _counts(summary: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for file in summary["files"]:
        yield (file["file"], *(f"{file[column]:,}" for column in (*CHANGES, "series")))


def _moved(row: Mapping[str, Any]) -> tuple[str, ...]:
    difference = Decimal(row["difference"])
    return (
        f"{row['year']} {row['period']}",
        number(Decimal(row["old_value"])),
        number(Decimal(row["new_value"])),
        ("+" if difference > 0 else "") + number(difference),
        short(row["unit"] or "not known"),
    )


def _named(row: Mapping[str, Any]) -> str:
    return escape(
        f"{short(row['title'])} ({row['series_id']})" if row["title"] else row["series_id"]
    )
