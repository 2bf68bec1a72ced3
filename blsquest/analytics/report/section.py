"""Sections of a report, made of rows of cells, and cells as text. Needs no polars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self

from blsquest.core.text import number, published, short

NO_UNIT = "unit not stated"
"""Shown where the survey's files state no unit."""


class Signed(Decimal):
    """A difference: shown with its sign, also where it is positive."""


class Amount(str):
    """A number in words, with what it counts: `+0.3%`, `-0.2 points`, `no estimate`."""

    __slots__ = ()


WIDE = 60
"""Characters beyond which a first column goes last in a terminal and in the dashboard."""


Cell = str | int | float | Decimal | None | tuple[str, ...]
"""A text, a number, None for an unknown number, or a text with further ones that explain it. A
decimal is shown with the decimals that it has, see `shown_with`."""


@dataclass(frozen=True, slots=True)
class Section:
    """One answer, for people: a title, a lead on its rows, the rows, and notes on the whole.

    The first cell of a row names it.
    """

    title: str
    lead: str = ""
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[Cell, ...]] = ()
    notes: tuple[str, ...] = ()

    def figures_first(self) -> Self:
        """Return the section with a first column of long texts moved to the end."""
        if max((len(plain(row[0])) for row in self.rows), default=0) <= WIDE:
            return self
        columns = (*self.columns[1:], self.columns[0])
        return replace(self, columns=columns, rows=[(*row[1:], row[0]) for row in self.rows])

    def numbers(self) -> frozenset[int]:
        """Return the positions of the columns that hold only numbers and amounts."""
        texts = {
            at
            for row in self.rows
            for at, cell in enumerate(row)
            if isinstance(cell, str | tuple) and not isinstance(cell, Amount)
        }
        return frozenset(range(len(self.columns))) - texts


def in_columns(
    rows: Sequence[Mapping[str, Cell]],
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Return a section's columns and rows, given each row's cells by column name."""
    return tuple(*rows[:1]), [tuple(row.values()) for row in rows]


def plain(cell: Cell) -> str:
    """Return a cell as text; very long text is cut short."""
    if isinstance(cell, tuple):
        first, *more = map(short, cell)
        return f"{first} ({', '.join(more)})" if more else first
    if isinstance(cell, str):
        return short(cell)
    return ("+" if isinstance(cell, Signed) and cell > 0 else "") + number(cell)


# -- Cells of a row of JSON --------------------------------------------------------------------


def shown_with(decimals: int | None, value: str | None) -> Decimal | None:
    """Return an exact number as it is shown (see `published`); None where it is not known."""
    return None if value is None else published(value, decimals)


def periods_of(count: int, basis: str) -> str:
    """Return `12 months`, `1 quarter`, `2 halves`, `annual figure`."""
    one = {"months": "month", "quarters": "quarter", "halves": "half"}.get(basis)
    return f"{count} {one if count == 1 else basis}" if one else "annual figure"


def name_of(row: Mapping[str, Any]) -> str:
    """Return a series' title, or its id where it has none."""
    return short(row["title"] or row["series_id"])


def series_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a series' title and its id."""
    return (row["title"], row["series_id"]) if row["title"] else (row["series_id"],)


def unit_of(row: Mapping[str, Any]) -> str:
    """Return a series' unit; or that the survey's files state none."""
    return row["unit"] or NO_UNIT


def in_unit(row: Mapping[str, Any]) -> str:
    """Return `in percent`; or that the survey's files state no unit."""
    return f"in {short(row['unit'])}" if row["unit"] else "in a unit that its files don't state"
