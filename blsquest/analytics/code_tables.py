"""A survey's small tab-separated files: its series file, and the tables that explain its codes.

The column `<x>_code` (or `<x>`) is explained by a table whose column of the same name holds the
code, and `<x>_text`, `<x>_name` or the like the words. Where a table says something else, or may,
the series keeps its code: no words are better than wrong ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from blsquest.core.errors import LOOK, BadData
from blsquest.core.text import some

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


SPANS = {
    "first_period": ("begin_year", "begin_period"),
    "last_period": ("end_year", "end_period"),
}
"""A series' span in the catalogue, and the columns of the series file that it is made of."""

NOT_CODES = frozenset({"series_id", "series_title", "footnote_codes"}.union(*SPANS.values()))
"""Columns of series files that no table explains."""

_LONGEST_HEADER = 65_536
_LONGEST_NAME = 100
_PATTERNS = set("*^$")
"""What makes a pattern of a name: polars would take it for several columns."""

_WORDS = ("_text", "_name", "_title", "_description", "_desc")
_REMEDY = "Its codes are shown as they are; look at the file for what they mean."
_IN_WORDS = "in words\n"
"""No header holds a line end: it is no other column's name."""


def read_small_table(path: Path, name: str) -> pl.DataFrame:
    """Read a small file: all cells text, stripped, and null for none.

    Headers may be padded, in mixed case and behind a byte order mark; lines may be blank, or longer
    or shorter than the header. Codes keep their leading zeros, and bytes that are no UTF-8 become a
    replacement character.

    Raises:
        BadData: It has no header, or can't be read as a table.
        OSError: It can't be read.
    """
    # The width is taken from the first line that is read: that must be the header, for any other
    # may be shorter. It is then left out by its place.
    cells = pl.scan_csv(
        path,
        has_header=False,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(_header(path, name), pl.String()),
        truncate_ragged_lines=True,
        extra_columns="ignore",
        missing_columns="insert",
        encoding="utf8-lossy",
        glob=False,
    ).slice(1)
    cells = cells.with_columns(pl.all().str.strip_chars(" \r").replace("", None))
    try:
        return cells.filter(~pl.all_horizontal(pl.all().is_null())).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise BadData(f"{name} can't be read as a table ({type(error).__name__}).", LOOK) from error


def _header(path: Path, name: str) -> list[str]:
    with path.open("rb") as file:
        line = file.readline(_LONGEST_HEADER)
    text = line.decode("utf-8-sig", "replace").rstrip("\r\n")
    columns = [cell.strip().lower() for cell in text.split("\t")]
    while columns and not columns[-1]:
        columns.pop()
    if len(line) >= _LONGEST_HEADER or not columns or len(set(columns)) < len(columns):
        raise BadData(f"{name} has no header of columns with names of their own.", LOOK)
    if any(len(c) > _LONGEST_NAME or not c.isprintable() or _PATTERNS & {*c} for c in columns):
        raise BadData(f"{name} has names in its header that no column can have.", LOOK)
    return columns


def stem_of(column: str) -> str:
    """Return `sector` for `sector_code`, and for `sector`."""
    return column.removesuffix("_code")


def plain_name(name: str) -> str:
    """Return the same for `data_type` and the file `datatype`."""
    return name.replace("_", "").lower()


def in_words(column: str, series: pl.DataFrame, table: pl.DataFrame, file: str) -> pl.Series:
    """Return the codes of a series file's column in words; null where the table has none.

    Raises:
        BadData: The table does not explain the column, or may explain something else.
    """
    stem = stem_of(column)
    code = next((c for c in (column, f"{stem}_code", stem) if c in table.columns), None)
    if code is None:
        raise BadData(f"{file} has no column {column}.", _REMEDY)
    words = _words_column(stem, code, table.columns, series.columns, file)
    lines = table.filter(pl.col(code).is_not_null()).rename({code: column})
    others = [
        c for c in lines.columns if c not in {column, words, *NOT_CODES} and c in series.columns
    ]
    # The same line twice says nothing else, whatever stands beside the words.
    lines = lines.select(column, *others, pl.col(words).alias(_IN_WORDS)).unique()
    # A code may mean something only within another, as an item does within its group.
    for keys in ([column], [column, *others]):
        if not lines.select(keys).is_duplicated().any():
            return (
                series.select(keys)
                .join(lines.select(*keys, _IN_WORDS), on=keys, how="left", maintain_order="left")
                .get_column(_IN_WORDS)
            )
    raise BadData(f"{file} explains a code in more than one way.", _REMEDY)


def _words_column(
    stem: str, code: str, columns: Collection[str], of_series: Collection[str], file: str
) -> str:
    """Return the column named for the code; or the only one of words, if it is no other code's."""
    candidates = [c for c in columns if c != code and c.endswith(_WORDS)]
    named = {plain_name(c): c for c in candidates}
    own = next((named[n] for e in _WORDS if (n := plain_name(stem + e)) in named), None)
    if own is not None:
        return own
    if not candidates:
        raise BadData(f"{file} has no column of words.", _REMEDY)
    [first, *more] = candidates
    other = next(first.removesuffix(end) for end in _WORDS if first.endswith(end))
    if more or {other, f"{other}_code"} & {*columns, *of_series}:
        raise BadData(
            f"{file} has no column {stem}_text: {some(candidates)} may mean something else.",
            _REMEDY,
        )
    return first
