"""Sections and frames as HTML tables. Publishers' text is escaped."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from blsquest.analytics.report.sections import plain
from blsquest.core.text import printable, short

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from blsquest.analytics.report.sections import Cell, Section


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


def _cell(tag: str, side: str, cell: Cell) -> Markup:
    side = ' class="failed"' if cell == "failed" else side
    start = Markup(f"<{tag}{side}>")  # noqa: S704 - both are the literals above
    return start + _shown(cell) + Markup(f"</{tag[:2]}>")  # noqa: S704


def _shown(cell: Cell) -> Markup:
    if isinstance(cell, tuple):
        first, *more = map(short, cell)
        return Markup("{}").format(first) + Markup().join(
            Markup("<small>{}</small>").format(text) for text in more
        )
    if cell is None or isinstance(cell, str):
        return Markup("{}").format(plain(cell))
    return data(cell, plain(cell))


def data(value: object, shown: str) -> Markup:
    """Write a number for people, with its exact value for programs."""
    return Markup('<data value="{}">{}</data>').format(str(value), shown)


def _row(cells: Iterable[Markup]) -> Markup:
    return Markup("<tr>{}</tr>").format(Markup().join(cells))


_YEARS = re.compile("(^|_)year$|_years$")


def html_table(frame: pl.DataFrame) -> str:
    """Write all rows of a frame for a notebook, text to the left and numbers to the right.

    Thousands are separated, but not those of years (a column `year`, or one that ends in `_year`
    or `_years`); exact decimals lose their trailing zeros.
    """
    sides = ["right" if dtype.is_numeric() else "left" for dtype in frame.dtypes]
    years = [bool(_YEARS.search(name)) for name in frame.columns]
    form = Markup('<{tag} style="text-align:{side}">{text}</{tag}>')

    def row(tag: str, texts: Iterable[str]) -> Markup:
        cells = zip(sides, map(short, texts), strict=True)
        return _row(form.format(tag=tag, side=side, text=text) for side, text in cells)

    head = row("th", (name.replace("_", " ") for name in frame.columns))
    body = Markup().join(row("td", map(_text, cells, years)) for cells in frame.iter_rows())
    return Markup("<table><thead>{}</thead><tbody>{}</tbody></table>").format(head, body)


def _text(cell: Any, is_year: bool) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, list):
        return ", ".join(_text(item, is_year) for item in cell)
    return str(cell) if is_year and cell is not None else plain(cell)
