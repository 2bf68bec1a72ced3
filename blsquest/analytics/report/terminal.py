"""Sections as plain text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blsquest.analytics.report.section import plain
from blsquest.core.text import columns, printable, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blsquest.analytics.report.section import Section


def terminal(*sections: Section) -> str:
    """Write sections as text, with an empty line between them."""
    return "\n\n".join("\n".join(_lines(section)) for section in sections)


def _lines(section: Section) -> Iterator[str]:
    yield short(section.title)
    if section.lead:
        yield f"  {short(section.lead)}"
    if section.rows:
        table = section.figures_first()
        cells = [[*table.columns], *([plain(cell) for cell in row] for row in table.rows)]
        yield from (f"    {line}" for line in columns(cells, numbers=table.numbers()))
    yield from (f"  {printable(note)}" for note in section.notes)
