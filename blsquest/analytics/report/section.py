"""What a report shows: sections of rows of cells, and how a cell becomes text. Needs no polars."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from blsquest.core.text import number, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Signed(Decimal):
    """A difference: shown with its sign, also where it is positive."""


class Placed(Decimal):
    """A number with the publisher's decimals: zeros at its end are shown."""


Cell = str | int | float | Decimal | None | tuple[str, ...]
"""A text, a number, None for an unknown number, or a text with further ones that explain it."""


@dataclass(frozen=True, slots=True)
class Section:
    """One answer, for people.

    Attributes:
        title: What it answers.
        lead: What its rows are.
        columns: The names of their cells; the first cell names the row.
        rows: The cells.
        notes: Sentences about the whole.
    """

    title: str
    lead: str = ""
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[Cell, ...]] = ()
    notes: tuple[str, ...] = ()

    def numbers(self) -> frozenset[int]:
        """Return the positions of the columns that hold only numbers."""
        return frozenset(
            at
            for at in range(len(self.columns))
            if not any(isinstance(row[at], str | tuple) for row in self.rows)
        )


def plain(cell: Cell) -> str:
    """Return a cell as text; very long text is cut short."""
    if isinstance(cell, tuple):
        first, *more = map(short, cell)
        return f"{first} ({', '.join(more)})" if more else first
    if isinstance(cell, str):
        return short(cell)
    if isinstance(cell, Placed):
        return f"{cell:,f}"
    return ("+" if isinstance(cell, Signed) and cell > 0 else "") + number(cell)


# -- Cells of a row of JSON --------------------------------------------------------------------


def placed(value: str | None, decimals: int) -> Placed | None:
    """Round an exact number for people to so many decimals."""
    if value is None:
        return None
    return Placed(Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


_PERIOD_NAMES = {
    "months": ("month", "months"),
    "quarters": ("quarter", "quarters"),
    "halves": ("half", "halves"),
}


def periods_of(count: int, basis: str) -> str:
    """Return `12 months`, `1 quarter`, `2 halves`, `annual figure`."""
    if basis == "annual":
        return "annual figure"
    one, many = _PERIOD_NAMES[basis]
    return f"{count} {one if count == 1 else many}"


def name_of(row: Mapping[str, Any]) -> str:
    """Return a series' title, or its id where it has none."""
    return short(row["title"] or row["series_id"])


def series_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a series' title and its id."""
    return (row["title"], row["series_id"]) if row["title"] else (row["series_id"],)


def unit_of(row: Mapping[str, Any]) -> str:
    """Return a series' unit."""
    return row["unit"] or "not known"
