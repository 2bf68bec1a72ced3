"""Revisions for people: one sentence, lines for a terminal, and markdown for the dashboard."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.analytics.plain_text import columns, days, number, printable, short
from flows.analytics.render import escape, table
from flows.analytics.revisions import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def markdown(summary: Mapping[str, Any]) -> str:
    """The summary as markdown; text that comes from publishers is escaped.

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
