"""Sections and frames as HTML tables. Publishers' text is escaped."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from blsquest.analytics.report.sections import plain
from blsquest.core.text import short

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from blsquest.analytics.report.sections import Cell, Section


MOST_OPEN = 40
"""More rows than this go into a box that scrolls; a box must not hide what is soon read."""

_TABLE = Markup(
    '<div class="{classes}" role="region" aria-label="{title}" tabindex="0"><table {attributes}>\n'
    "<caption>{lead}{more}</caption>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table></div>"
)
_MORE = Markup('<span class="screen">: scroll for more</span>')


def table(section: Section, kind: str = "", **attributes: str) -> Markup:
    """Write a section's rows as a table for the page, with its lead as the caption.

    Args:
        section: With rows.
        kind: Classes of the page's style for the region around the table.
        attributes: The table's own, an underscore for each hyphen.
    """
    long = len(section.rows) > MOST_OPEN
    numbers = [at in section.numbers() for at in range(len(section.columns))]
    heads = (
        Markup('<th scope="col"{}>{}</th>').format(_CLASS[is_number], name)
        for is_number, name in zip(numbers, section.columns, strict=True)
    )
    return _TABLE.format(
        classes=" ".join(filter(None, ("scroll", "box" if long else "", kind))),
        title=short(section.title),
        attributes=Markup(" ").join(
            Markup('{}="{}"').format(name.replace("_", "-").strip("-"), value)
            for name, value in attributes.items()
        ),
        lead=section.lead,
        more=_MORE if long else "",
        head=_row(heads),
        body=Markup("\n").join(
            _row(
                (
                    Markup('<th scope="row">{}</th>').format(_shown(row[0])),
                    *map(_cell, row[1:], numbers[1:]),
                )
            )
            for row in section.rows
        ),
    )


_CLASS = {True: Markup(' class="n"'), False: Markup()}


def _cell(cell: Cell, is_number: bool) -> Markup:  # noqa: FBT001 - mapped over two sequences
    marked = Markup(' class="failed"') if cell == "failed" else _CLASS[is_number]
    return Markup("<td{}>{}</td>").format(marked, _shown(cell))


def _shown(cell: Cell) -> Markup:
    if isinstance(cell, tuple):
        first, *more = map(short, cell)
        small = (Markup("<small>{}</small>").format(text) for text in more)
        return Markup("{}{}").format(first, Markup().join(small))
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

    Args:
        frame: Its column names are shown with blanks for underscores.
    """
    sides = ["right" if dtype.is_numeric() else "left" for dtype in frame.dtypes]

    def row(tag: str, texts: Iterable[str]) -> Markup:
        cell = Markup('<{tag} style="text-align:{side}">{text}</{tag}>')
        return _row(
            cell.format(tag=tag, side=side, text=short(text))
            for side, text in zip(sides, texts, strict=True)
        )

    head = row("th", (name.replace("_", " ") for name in frame.columns))
    years = [bool(_YEARS.search(name)) for name in frame.columns]
    body = Markup().join(row("td", map(_text, cells, years)) for cells in frame.iter_rows())
    return Markup("<table><thead>{}</thead><tbody>{}</tbody></table>").format(head, body)


def _text(cell: Any, is_year: bool) -> str:  # noqa: FBT001 - mapped over two sequences
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, list):
        return ", ".join(_text(item, is_year) for item in cell)
    return str(cell) if is_year and cell is not None else plain(cell)
