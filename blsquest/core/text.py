"""Text for people: publishers' words made printable, exact numbers, and names that are close."""

from __future__ import annotations

from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


def printable(text: str) -> str:
    """The text with a replacement character for each control or direction code in it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


LONGEST = 300
"""Characters of one text of a publisher's, such as a title, that a person is shown at once; BLS's
own titles are shorter. The Parquet files and JSON have the whole."""


def short(text: str) -> str:
    """The text made printable, and if it is very long, its beginning and an ellipsis."""
    return printable(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def number(value: Decimal | float | None) -> str:
    """A number for people: thousands separated, exact decimals without their trailing zeros."""
    if value is None:
        return "unknown"
    if isinstance(value, Decimal):
        whole, _, places = f"{value:,f}".partition(".")
        return f"{whole}.{places.rstrip('0')}".rstrip(".")
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def minute(committed: str) -> str:
    """`2025-02-06 20:00 UTC` of a moment as manifests write it."""
    return f"{committed[:16].replace('T', ' ')} UTC"


def days(*committed: str) -> list[str]:
    """The UTC days of moments as manifests write them; with the times where a day is there twice.

    Args:
        committed: `2025-02-06T20:00:00.000000Z`.
    """
    told = [moment[:10] for moment in committed]
    if len(set(told)) == len(told):
        return told
    return [f"{moment[:19].replace('T', ' ')} UTC" for moment in committed]


def columns(rows: Sequence[Sequence[str]], *, numbers: Collection[int]) -> Iterator[str]:
    """Rows for a terminal: one line each, its cells under those of the rows above.

    Args:
        rows: All of the same length, the header first.
        numbers: The positions of the columns whose cells go to the right.
    """
    shown = [[short(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


SUGGESTED = 3


def near(typed: str, names: Sequence[str]) -> list[str]:
    """The names that begin with what was typed, and then those most like it: three at most.

    A series id is built from left to right, so that half of one is the beginning of what is meant.

    Args:
        typed: In any case, with any spaces around it.
        names: Those that there are, sorted, in upper case.
    """
    meant = typed.strip().upper()
    begun = [name for name in names if meant and name.startswith(meant)][:SUGGESTED]
    others = get_close_matches(meant, names, n=SUGGESTED, cutoff=0.0)
    return [*begun, *(name for name in others if name not in begun)][:SUGGESTED]


_SHOWN = 60


def shown(text: str) -> str:
    """`text` as it can be printed anywhere: quoted, ASCII, control characters escaped, short."""
    if len(text) <= _SHOWN:
        return ascii(text)
    return f"{text[:_SHOWN]!a}… ({len(text):,} characters)"
