"""Sections as plain text for a terminal."""

import shutil
import sys
from collections.abc import Iterator

from blsquest.analytics.report.section import Section, plain
from blsquest.core.text import columns, printable, short


def stdout_width() -> int | None:
    """Return the width of the terminal that this process writes to; None if it is not one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def terminal(*sections: Section, width: int | None = None) -> str:
    """Write sections as text, with an empty line between them.

    Args:
        sections: What to write.
        width: In a wider table, the name of a row is above its cells.
    """
    return "\n\n".join("\n".join(_lines(section, width)) for section in sections)


def _lines(section: Section, width: int | None) -> Iterator[str]:
    yield short(section.title)
    if section.lead:
        yield f"  {short(section.lead)}"
    if section.rows:
        table = section.figures_first()
        cells = [[*table.columns], *([plain(cell) for cell in row] for row in table.rows)]
        lines = [f"    {line}" for line in columns(cells, numbers=table.numbers())]
        if width is not None and max(map(len, lines)) > width and table is not section:
            *figures, names = zip(*cells, strict=True)
            numbers = table.numbers() - {len(figures)}
            header, *rows = columns([*zip(*figures, strict=True)], numbers=numbers)
            named = zip(names[1:], rows, strict=True)
            lines = [f"      {header}", *(f"    {name}\n      {row}" for name, row in named)]
        yield from lines
    yield from (f"  {printable(note)}" for note in section.notes)
