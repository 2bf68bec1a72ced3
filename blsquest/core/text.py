"""Text for people: publishers' words made printable, exact numbers, and names that are close."""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches

LONGEST = 300
"""Characters of a publisher's text that a person is shown; BLS's own titles are shorter. The
Parquet files and the JSON have the whole."""
QUOTED = 60
"""Characters of a text that `shown` quotes."""
SUGGESTED = 3
_SPACES = re.compile(" {2,}")
"""BLS's titles have such, where words were put together."""
COMPARED = 5_000
"""Names on either side of a text that are compared with it: about half a second."""


def printable(text: str) -> str:
    """Return the text with a replacement character for each control or direction code."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def short(text: str) -> str:
    """Return the text made printable, with single spaces; of a very long one the beginning."""
    text = _SPACES.sub(" ", text)
    return printable(text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…")


def shown(text: str) -> str:
    """Return the text as it can be printed anywhere: quoted, ASCII, short."""
    if len(text) <= QUOTED:
        return ascii(text)
    return f"{text[:QUOTED]!a}… ({len(text):,} characters)"


def number(value: Decimal | float | None) -> str:
    """Return a number with its thousands separated; exact decimals with all that they have."""
    if value is None:
        return "unknown"
    if isinstance(value, Decimal):
        return f"{value:,f}"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def published(value: Decimal | str, decimals: int | None) -> Decimal:
    """Return a series' value with the decimals to show.

    The rule, everywhere: a value, a sum and a difference have the decimals of their series, which
    are the most that its publisher gives any of its values (`-7.0` stays `-7.0`); a mean of several
    values has one more (`mean_decimals`), and percentages that are computed have one. Halves are
    rounded away from zero.

    Args:
        value: An exact number, also as text.
        decimals: None if their number is unknown: then without trailing zeros.
    """
    exact = Decimal(value)
    if decimals is None:
        decimals = max(0, -int(exact.normalize().as_tuple().exponent))
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return rounded or abs(rounded)  # no -0.0


def mean_decimals(decimals: int, values: int = 2) -> int:
    """Return the decimals of a mean of so many values, by default several, of a series."""
    return decimals + (values > 1)


def percent(value: Decimal | float) -> str:
    """Return a change in percent as people are shown it: `+0.3%`, `-2.0%`, `0.0%`."""
    rounded = published(str(value), 1)
    return f"{rounded:+,f}%" if rounded else "0.0%"


def counted(number: int, thing: str) -> str:
    """Return `1 file` or `2 files`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def minute(committed: str) -> str:
    """Return a manifest's time, `2025-02-06T20:00:00.000000Z`, as `2025-02-06 20:00 UTC`."""
    return f"{committed[:16].replace('T', ' ')} UTC"


def days(*committed: str) -> list[str]:
    """Return the UTC days of manifests' times, or day and time if two fall on one day."""
    only = [moment[:10] for moment in committed]
    if len(set(only)) == len(only):
        return only
    return [f"{moment[:19].replace('T', ' ')} UTC" for moment in committed]


def columns(rows: Sequence[Sequence[str]], *, numbers: Collection[int]) -> Iterator[str]:
    """Align rows, header first, for a terminal; columns at `numbers` to the right."""
    cells = [[short(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        aligned = (
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(aligned).rstrip()


def near(typed: str, names: Sequence[str]) -> list[str]:
    """Return up to three names: those that begin with the typed text, then the most similar.

    A series id is built from left to right, so half of one is the beginning of the whole. The
    names are sorted, in upper case; of very many, only those around the typed text are compared.
    """
    meant = typed.strip().upper()
    at = bisect_left(names, meant)
    names = names[max(0, at - COMPARED) : at + COMPARED]
    begun = [name for name in names if meant and name.startswith(meant)][:SUGGESTED]
    others = get_close_matches(meant, names, n=SUGGESTED, cutoff=0.0)
    return [*begun, *(name for name in others if name not in begun)][:SUGGESTED]


def some(things: Sequence[object], most: int = 3) -> str:
    """Name the first things, and count the others."""
    named = ", ".join(map(str, things[:most]))
    return f"{named} and {len(things[most:]):,} more" if things[most:] else named


def spans(years: Sequence[int]) -> str:
    """Return ascending years as `2013-2019, 2021`."""
    runs: list[list[int]] = []
    for year in years:
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return ", ".join(f"{run[0]}-{run[-1]}" if run[1:] else str(run[0]) for run in runs)
