"""A frame as an HTML table that people read: what the notebook shows."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from blsquest.core.text import number, short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import polars as pl


_YEARS = re.compile("(^|_)year$|_years$")
_CELL = Markup('<{tag} style="text-align:{side}">{text}</{tag}>')


def html_table(frame: pl.DataFrame) -> str:
    """Write all rows of a frame, text to the left and numbers to the right.

    Thousands are separated, but not those of years (a column `year`, or one that ends in `_year`
    or `_years`); exact decimals lose their trailing zeros. Publishers' text is escaped.

    Args:
        frame: Its column names are shown with blanks for underscores.
    """
    sides = ["right" if t.is_numeric() else "left" for t in frame.dtypes]
    head = _row("th", sides, (name.replace("_", " ") for name in frame.columns))
    body = (
        _row(
            "td",
            sides,
            (
                _text(cell, str if _YEARS.search(name) else number)
                for name, cell in zip(frame.columns, row, strict=True)
            ),
        )
        for row in frame.iter_rows()
    )
    return Markup("<table><thead>{}</thead><tbody>{}</tbody></table>").format(
        head, Markup("").join(body)
    )


def _row(tag: str, sides: Iterable[str], texts: Iterable[str]) -> Markup:
    cells = (
        _CELL.format(tag=tag, side=side, text=short(text))
        for side, text in zip(sides, texts, strict=True)
    )
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def _text(cell: Any, of_number: Callable[[Any], str]) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if cell is None:
        return number(None)
    if isinstance(cell, int | float | Decimal):
        return of_number(cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, list):
        return ", ".join(_text(item, of_number) for item in cell)
    return str(cell)
