"""Small BLS data files, written by the tests that need them."""

from collections.abc import Iterable
from pathlib import Path

HEADER = "series_id        \tyear\tperiod\t       value\tfootnote_codes"

Row = tuple[str, int, str, str]
"""Series, year, period, value as the publisher writes it."""


def line(series_id: str, year: int | str, period: str, value: str, footnote: str = "") -> str:
    """One line, padded as the publisher pads it."""
    return f"{series_id:<17}\t{year}\t{period}\t{value:>12}\t{footnote}"


def text(rows: Iterable[Row | tuple[str, int, str, str, str]]) -> str:
    """Rows, maybe with footnotes, as a file that differs from a publisher's in its numbers only."""
    return "\r\n".join([HEADER, *(line(*row) for row in rows), ""])


def data_file(folder: Path, rows: Iterable[Row]) -> Path:
    """Write rows as a data file."""
    return text_file(folder, text(rows))


def text_file(folder: Path, text: str | bytes) -> Path:
    """Write a data file as it is given."""
    path = folder / "xx.data.0.Current"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
