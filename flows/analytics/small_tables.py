"""A survey's small tab-separated files: its series file, and the tables that explain its codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.bad_data import LOOK, BadData

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_HEADER = 65_536
_LONGEST_NAME = 100
_PATTERNS = set("*^$")
"""What makes a pattern of a name: polars would take it for several columns."""


def read_small_table(path: Path, name: str) -> pl.DataFrame:
    """Read one: all cells text, stripped, and null for none.

    Headers may be padded, in mixed case and behind a byte order mark; lines may be blank, or longer
    or shorter than the header. Codes keep their leading zeros, and bytes that are no UTF-8 become a
    replacement character.

    Args:
        path: The local file.
        name: What the publisher calls it, for errors.

    Raises:
        BadData: It has no header, or can't be read as a table.
        OSError: It can't be read.
    """
    columns = _header(path, name)
    # The width is taken from the first line that is read: that must be the header, for any other
    # may be shorter. It is then left out by its place.
    cells = pl.scan_csv(
        path,
        has_header=False,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(columns, pl.String()),
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
    whole = len(line) < _LONGEST_HEADER
    if not whole or not columns or len(set(columns)) < len(columns):
        raise BadData(f"{name} has no header of columns with names of their own.", LOOK)
    odd = [c for c in columns if len(c) > _LONGEST_NAME or not c.isprintable() or _PATTERNS & {*c}]
    if odd:
        raise BadData(f"{name} has names in its header that no column can have.", LOOK)
    return columns
