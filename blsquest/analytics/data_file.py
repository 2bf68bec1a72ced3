"""The text of one BLS data file, checked line by line before a number is read from it.

Layout, from the files themselves: ASCII, tab-separated, CRLF (LF is taken too), one header line
whose cells are padded, five named columns, ids padded on the right and values on the left. A
value is a plain decimal number; `-` or nothing is a missing one.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from blsquest.analytics.periods import PERIODS
from blsquest.core.errors import BadData

COLUMNS = ("series_id", "year", "period", "value", "footnote_codes")
"""The columns that every data file has, in the order in which answers list them."""

INTEGER_DIGITS, DECIMAL_PLACES = 15, 9
"""The longest value accepted. Fewer than 10^14 such values, scaled to integers, add up to
less than the 10^38 that `VALUE` holds: no sum of them can overflow or lose a digit."""

# One pattern serves Rust's regex engine (all lines) and Python's (one line, to say what is wrong).
_NUMBER = (
    rf"[+-]?(?:[0-9]{{1,{INTEGER_DIGITS}}}(?:\.[0-9]{{0,{DECIMAL_PLACES}}})?"
    rf"|\.[0-9]{{1,{DECIMAL_PLACES}}})"
)
_ANY = "[ -~]*"
_PRINTABLE = "[\t -~]*"
_YEAR = "(?:1[89]|2[01])[0-9]{2}"
_PERIOD = f"(?:{'|'.join(PERIODS)})"
_PADDED = {
    "series_id": " *[!-~][ -~]*",
    "year": f" *{_YEAR} *",
    "period": f" *{_PERIOD} *",
    "value": f" *(?:{_NUMBER}|-)? *",
}
_PLAIN = _PADDED | {"year": _YEAR, "period": _PERIOD, "value": f" *(?:{_NUMBER})?"}
_EXPECTED = {
    "series_id": "an id",
    "year": "a year from 1800 to 2199",
    "period": "a known period (M01-M13, Q01-Q05, S01-S03 or A01)",
    "value": (
        f"a plain decimal number of at most {INTEGER_DIGITS} digits and {DECIMAL_PLACES} decimals"
    ),
}
_REMEDY = (
    "Nothing was computed from this file. Fetch it again with a recheck; if the publisher serves"
    " it like this, report on a generation before it (blsquest releases lists them)."
)
_HEADER_LIMIT = 65_536
_TAIL = 4_096


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a file of which every line was checked.

    Attributes:
        columns: The header's names, stripped and in lower case, in the file's order.
        rows: Number of data lines.
        plain: Whether years, periods and values can be read as they are: no padding
            except on the left of values, and no `-`.
        blank_end: Whether blank lines follow the rows.
    """

    columns: tuple[str, ...]
    rows: int
    plain: bool
    blank_end: bool


def check_layout(path: Path, name: str) -> Layout:
    """Read the file once and check that each line of it is a well-formed observation.

    With the layout, the file can be read without further checks of its cells.

    Raises:
        BadData: For an empty file, no rows, a missing column, a wrong number of cells, bytes that
            are not printable ASCII, or a cell that is not what its column holds; the first such
            line is named.
        OSError: The file can't be read.
    """
    columns = read_header(path, name)
    blank = blank_lines_at_end(path)
    try:
        for plain in (True, False):
            cells = _PLAIN if plain else _PADDED
            pattern = "\t".join(cells.get(column, _ANY) for column in columns)
            good = pl.col("line").str.contains(f"^{pattern}$")
            # The header is a line that never matches.
            counts = pl.scan_lines(path, glob=False).select(good.sum().alias("good"), pl.len())
            matched, lines = counts.collect(engine="streaming").row(0)
            if matched == 0 and lines == 1 + blank:
                raise BadData(f"{name} has a header and no rows.", _REMEDY)
            if matched == lines - 1 - blank:
                return Layout(columns, matched, plain, blank_end=blank > 0)
        numbered = pl.scan_lines(path, glob=False, row_index_name="number", row_index_offset=1)
        wrong = numbered.filter(pl.col("number") > 1, ~good).head(1)
        line, text = wrong.collect(engine="streaming").row(0)
    except pl.exceptions.PolarsError as error:
        line, text = _first_non_ascii(path, name, error)
    raise BadData(f"{name}, line {line}: {_what_is_wrong(text, columns)}.", _REMEDY)


def read_header(path: Path, name: str) -> tuple[str, ...]:
    """Return the names of a data file's columns, stripped and in lower case.

    Raises:
        BadData: It has no header, or not one of a data file.
    """
    with path.open("rb") as file:
        header = file.readline(_HEADER_LIMIT)
    if not header.strip():
        raise BadData(f"{name} is empty." if not header else f"{name} has no header.", _REMEDY)
    text = header.decode("latin-1").rstrip("\r\n")
    if "\r" in text and not header.endswith(b"\n"):
        raise BadData(f"{name}: its lines end with CR alone, not with CR LF or LF.", _REMEDY)
    columns = tuple(cell.strip(" ").lower() for cell in text.split("\t"))
    if not re.fullmatch(_PRINTABLE, text):
        raise BadData(f"{name}: the header holds bytes that are not printable ASCII.", _REMEDY)
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise BadData(f"{name} has no column {', '.join(missing)} in its header.", _REMEDY)
    if len(set(columns)) < len(columns):
        raise BadData(f"{name} names a column twice in its header.", _REMEDY)
    return columns


def blank_lines_at_end(path: Path) -> int:
    """Count the blank lines after the last row."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        lines = file.read().removesuffix(b"\n").split(b"\n")
    blank = 0
    while blank < len(lines) and not lines[-1 - blank].strip(b" \r"):
        blank += 1
    return blank


def _first_non_ascii(path: Path, name: str, error: Exception) -> tuple[int, str]:
    """Find the line that polars refused as text: its bytes are no UTF-8, let alone ASCII."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.isascii():
                return number, line.decode("latin-1").rstrip("\r\n")
    raise BadData(f"{name} can't be read as text: {error}.", _REMEDY) from error


def _what_is_wrong(text: str, columns: tuple[str, ...]) -> str:
    if not re.fullmatch(_PRINTABLE, text):
        return "it holds bytes that are not printable ASCII"
    if not text.strip(" "):
        return "it is blank"
    cells = text.split("\t")
    if len(cells) != len(columns):
        return f"{len(cells)} cells where the header has {len(columns)}"
    column, cell = next(
        (column, cell)
        for column, cell in zip(columns, cells, strict=True)
        if not re.fullmatch(_PADDED.get(column, _ANY), cell)
    )
    row = " ".join(cells[columns.index(key)].strip()[:40] for key in COLUMNS[:3])
    return f"{column} is {cell.strip()[:40]!r}, not {_EXPECTED[column]} (row {row!r})"
