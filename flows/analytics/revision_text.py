"""Revisions for people: one sentence, and markdown for the dashboard."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.analytics.plain_text import number
from flows.analytics.render import escape, table
from flows.analytics.revisions import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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
    return f"{summary['source']}{sample}, {span}: {told or 'no data file to compare'}."


def markdown(summary: Mapping[str, Any]) -> str:
    """The summary as markdown; text that comes from publishers is escaped.

    Args:
        summary: The content of a `revisions.json`.
    """
    return "\n\n".join(_parts(summary)) + "\n"


def _parts(summary: Mapping[str, Any]) -> Iterator[str]:
    if summary["sample"]:
        yield "**Generated sample: these are not real statistics.**"
    old, new = summary["from"], summary["to"]
    yield f"## What {escape(summary['source'])} revised"
    yield (
        f"From generation {old['generation']} ({old['committed'][:10]}) to {new['generation']} "
        f"({new['committed'][:10]}). An annotated observation has its old value and another "
        "footnote."
    )
    if summary["files"]:
        yield table(
            ("file", *CHANGES, "series"),
            (
                (escape(file["file"]), *(f"{file[column]:,}" for column in (*CHANGES, "series")))
                for file in summary["files"]
            ),
        )
    if summary["largest"]:
        yield "The largest revisions of each unit:"
        yield table(
            ("series", "observation", "was", "is", "difference", "unit"),
            (_revision(row) for row in summary["largest"]),
        )
    if summary["notes"]:
        yield "\n".join(f"- {escape(note)}" for note in summary["notes"])


def _revision(row: Mapping[str, Any]) -> tuple[str, ...]:
    difference = Decimal(row["difference"])
    return (
        escape(f"{row['title']} ({row['series_id']})" if row["title"] else row["series_id"]),
        f"{row['year']} {row['period']}",
        number(Decimal(row["old_value"])),
        number(Decimal(row["new_value"])),
        ("+" if difference > 0 else "") + number(difference),
        escape(row["unit"] or "not known"),
    )
