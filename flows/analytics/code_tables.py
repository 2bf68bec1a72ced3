"""What a survey's code table says of a column of its series file: each code in words.

The column `<x>_code` (or `<x>`) is explained by a table whose column of the same name holds the
code, and `<x>_text`, `<x>_name` or the like the words. A table that says something else, or may,
says nothing: a series that is told in no words is better than one in wrong words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.bad_data import BadData
from flows.analytics.checks import some

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

SPANS = {
    "first_period": ("begin_year", "begin_period"),
    "last_period": ("end_year", "end_period"),
}
"""What is told of a series' span, and the columns of the series file that it is made of."""

NOT_CODES = frozenset({"series_id", "series_title", "footnote_codes"}.union(*SPANS.values()))
"""Columns of series files that no table explains."""

_WORDS = ("_text", "_name", "_title", "_description", "_desc")
_REMEDY = "Its codes stand for themselves; look at the file for what they mean."
_IN_WORDS = "in words\n"
"""No header holds a line end: it is no other column's name."""


def stem_of(column: str) -> str:
    """`sector` of `sector_code`, and of `sector`."""
    return column.removesuffix("_code")


def plain_name(name: str) -> str:
    """`data_type` and the file `datatype` name the same thing."""
    return name.replace("_", "").lower()


def in_words(column: str, series: pl.DataFrame, table: pl.DataFrame, file: str) -> pl.Series:
    """The codes of a column in words, one for each series; null for what the table does not have.

    Args:
        column: Which.
        series: The series file.
        table: The code table.
        file: What the publisher calls that, for errors.

    Raises:
        BadData: The table does not explain the column, or may explain something else.
    """
    code = _code_column(column, table.columns, file)
    words = _words_column(stem_of(column), code, {*table.columns, *series.columns}, table, file)
    lines = table.filter(pl.col(code).is_not_null()).rename({code: column})
    others = [
        c for c in lines.columns if c not in {column, words, *NOT_CODES} and c in series.columns
    ]
    # The same line twice says nothing else, whatever stands beside the words.
    lines = lines.select(column, *others, pl.col(words).alias(_IN_WORDS)).unique()
    # A code may mean something only within another, as an item does within its group.
    for keys in ([column], [column, *others]):
        if not lines.select(keys).is_duplicated().any():
            told = series.select(keys).join(
                lines.select(*keys, _IN_WORDS), on=keys, how="left", maintain_order="left"
            )
            return told.get_column(_IN_WORDS)
    raise BadData(f"{file} explains a code in more than one way.", _REMEDY)


def _code_column(column: str, names: list[str], file: str) -> str:
    stem = stem_of(column)
    found = next((name for name in (column, f"{stem}_code", stem) if name in names), None)
    if found is None:
        raise BadData(f"{file} has no column {column}.", _REMEDY)
    return found


def _words_column(
    stem: str, code: str, known: AbstractSet[str], table: pl.DataFrame, file: str
) -> str:
    """The column named for the code; or the only one of words, if it is not another code's."""
    candidates = [c for c in table.columns if c != code and c.endswith(_WORDS)]
    named = {plain_name(c): c for c in candidates}
    own = next((named[n] for e in _WORDS if (n := plain_name(stem + e)) in named), None)
    if own is not None:
        return own
    if not candidates:
        raise BadData(f"{file} has no column of words.", _REMEDY)
    [first, *more] = candidates
    other = next(first.removesuffix(end) for end in _WORDS if first.endswith(end))
    if more or known & {other, f"{other}_code"}:
        raise BadData(
            f"{file} has no column {stem}_text: {some(candidates)} may tell something else.",
            _REMEDY,
        )
    return first
