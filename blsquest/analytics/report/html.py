"""Sections as HTML tables. Publishers' text is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from blsquest.analytics.report.section import plain
from blsquest.core.text import printable, short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blsquest.analytics.report.section import Cell, Section


MOST_OPEN = 40
"""More rows than this go into a box that scrolls; a box must not hide what is soon read."""

_TABLE = Markup("""\
<div class="scroll{box} {kind}" role="region" aria-label="{title}" tabindex="0"><table{attributes}>
<caption>{lead}{more}</caption>
<thead>{head}</thead>
<tbody>
{body}
</tbody></table></div>""")


def table(section: Section, kind: str = "", **attributes: str) -> Markup:
    """Write a section's rows as a table for the page, with its lead as the caption.

    The kind is the page's style for the region around the table; the attributes are the table's.
    """
    long = len(section.rows) > MOST_OPEN
    numbers = section.numbers()
    sides = [' class="n"' if at in numbers else "" for at in range(len(section.columns))]
    return _TABLE.format(
        box=" box" if long else "",
        kind=kind,
        title=short(section.title),
        attributes=Markup().join(
            Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), printable(value))
            for name, value in attributes.items()
        ),
        lead=printable(section.lead),
        more=Markup('<span class="screen">: scroll for more</span>') if long else "",
        head=_row(map(_cell, ['th scope="col"'] * len(sides), sides, section.columns)),
        body=Markup("\n").join(
            _row(map(_cell, ['th scope="row"', *["td"] * (len(row) - 1)], sides, row))
            for row in section.rows
        ),
    )


def _cell(tag: str, side: str, given: Cell) -> Markup:
    side = ' class="failed"' if given == "failed" else side
    start = Markup(f"<{tag}{side}>")  # noqa: S704 - both are the literals above
    return start + cell(given) + Markup(f"</{tag[:2]}>")  # noqa: S704


def cell(given: Cell) -> Markup:
    """Write a cell's text, and what explains it, small."""
    if isinstance(given, tuple):
        first, *more = map(short, given)
        return Markup("{}").format(first) + Markup().join(
            Markup("<small>{}</small>").format(text) for text in more
        )
    if given is None or isinstance(given, str):
        return Markup("{}").format(plain(given))
    return data(given, plain(given))


def data(value: object, shown: str) -> Markup:
    """Write a number for people, with its exact value for programs."""
    return Markup('<data value="{}">{}</data>').format(str(value), shown)


def _row(cells: Iterable[Markup]) -> Markup:
    return Markup("<tr>{}</tr>").format(Markup().join(cells))
