"""A survey's series in words: its `<survey>.series` joined with its code tables.

The naming convention, from the `*.txt` overview beside each survey's files: the column `<x>_code`
(or `<x>`) of the series file is explained by the file `<survey>.<x>`, whose column of the same name
holds the code, and `<x>_text` or `<x>_name` the words. What does not follow it is left out, with a
note that says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.bad_data import BadData
from flows.analytics.wording import title, unit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WORDS = ("_text", "_name", "_title", "_description", "_desc")
_NOT_CODES = {"series_id", "series_title", "footnote_codes"}
_SPANS = {
    "first_period": ("begin_year", "begin_period"),
    "last_period": ("end_year", "end_period"),
}
_TIMES = [part for parts in _SPANS.values() for part in parts]
_NONE = "-"

_LOOK = "Look at the file: the mirror keeps it exactly as the publisher sent it."


@dataclass(frozen=True)
class Catalogue:
    """A survey's series in words.

    Attributes:
        frame: One row a series, sorted by it: `series_id`, `title` (a sentence), `unit` (null where
            it is not known), then for each code of the series `<x>_code` as published and `<x>`
            in words, `first_period` and `last_period` (such as `1988 Q01`), and what else the
            series file says; all text.
        notes: What was left out, and why.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """One code table that explains one column of the series file: keys, then the words."""

    column: str
    keys: tuple[str, ...]
    words: pl.DataFrame


def empty_catalogue(note: str) -> Catalogue:
    """The catalogue of a survey whose series can't be put into words, and why."""
    columns = ("series_id", "title", "unit")
    return Catalogue(pl.DataFrame(schema=dict.fromkeys(columns, pl.String())), (note,))


def read_catalogue(survey: str, files: Mapping[str, Path]) -> Catalogue:
    """Join a survey's series file with the code tables that go by the convention.

    Args:
        survey: The survey's abbreviation, for example `pr`.
        files: Local copies by the publisher's names: `<survey>.series` and the survey's other
            small files, of which those are read that a column of the series file asks for.

    Raises:
        BadData: There is no series file, or it has no ids.
        OSError: A file can't be read.
    """
    name = f"{survey}.series"
    if name not in files:
        raise BadData(
            f"The survey {survey} has no {name}: its series can't be put into words.",
            "The survey's other files may name it; the ids themselves are right.",
        )
    series = read_table(files[name], name)
    if "series_id" not in series.columns:
        raise BadData(f"{name} has no column series_id in its header.", _LOOK)
    series = series.filter(pl.col("series_id").is_not_null()).unique(
        "series_id", keep="first", maintain_order=True
    )
    named = {_plain(file.removeprefix(f"{survey}.")): file for file in files}
    notes: list[str] = []
    explained: list[str] = []
    for column in [c for c in series.columns if c not in _NOT_CODES]:
        stem = column.removesuffix("_code")
        file = named.get(_plain(stem))
        if file is None:
            if column.endswith("_code"):
                notes.append(f"{column}: the survey has no file {survey}.{stem}")
            continue
        table = _explain(column, file, read_table(files[file], file), series)
        if isinstance(table, str):
            notes.append(f"{column}: {table}")
            continue
        series = _with_words(series, table)
        explained.append(stem)
    return Catalogue(_arranged(survey, series, explained), tuple(notes))


def read_table(path: Path, name: str) -> pl.DataFrame:
    """Read a small tab-separated file of a survey: all cells text, stripped, and null for none.

    Headers may be padded and in mixed case; lines may be blank, or longer or shorter than the
    header. Codes keep their leading zeros, and bytes that are no UTF-8 become a replacement
    character.

    Args:
        path: The local file.
        name: What the publisher calls it, for errors.

    Raises:
        BadData: It has no header.
    """
    with path.open("rb") as file:
        header = file.readline().decode("utf-8", "replace").rstrip("\r\n")
    columns = [cell.strip().lower() for cell in header.split("\t")]
    while columns and not columns[-1]:
        columns.pop()
    if not columns or len(set(columns)) < len(columns):
        raise BadData(f"{name} has no header of columns with names of their own.", _LOOK)
    cells = pl.scan_csv(
        path,
        has_header=False,
        skip_rows=1,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(columns, pl.String()),
        truncate_ragged_lines=True,
        extra_columns="ignore",
        encoding="utf8-lossy",
        glob=False,
    ).with_columns(pl.all().str.strip_chars(" \r").replace("", None))
    return cells.filter(~pl.all_horizontal(pl.all().is_null())).collect(engine="streaming")


def _plain(name: str) -> str:
    """`data_type` and the file `datatype` name the same thing."""
    return name.replace("_", "").lower()


def _explain(column: str, file: str, table: pl.DataFrame, series: pl.DataFrame) -> _Table | str:
    """The part of `table` that explains `column`, or why there is none."""
    stem = column.removesuffix("_code")
    if stem != column and stem in series.columns:
        return f"the series file has a column {stem} of its own"
    code = next((c for c in (column, f"{stem}_code", stem) if c in table.columns), None)
    if code is None:
        return f"{file} has no column {column}"
    words = next((f"{stem}{end}" for end in _WORDS if f"{stem}{end}" in table.columns), None)
    words = words or next((c for c in table.columns if c != code and c.endswith(_WORDS)), None)
    if words is None:
        return f"{file} has no column of words"
    table = table.filter(pl.col(code).is_not_null()).rename(
        {code: column} if code != column else {}
    )
    others = [c for c in table.columns if c != column and c in series.columns]
    # A code may mean something only within another, as an item does within its group.
    for keys in ([column], [column, *others]):
        if not table.select(keys).is_duplicated().any():
            chosen = table.select(*keys, pl.col(words).alias(_words_of(column)))
            return _Table(column, tuple(keys), chosen)
    return f"{file} explains a code in more than one way"


def _words_of(column: str) -> str:
    """`sector_code` is told in `sector`; `seasonal`, which is a code itself, in `seasonal_text`."""
    return column.removesuffix("_code") if column.endswith("_code") else f"{column}_text"


def _with_words(series: pl.DataFrame, table: _Table) -> pl.DataFrame:
    told = series.join(
        table.words, on=table.keys, how="left", maintain_order="left", suffix="_text"
    )
    if table.column.endswith("_code"):
        return told
    stem = table.column
    return told.rename({stem: f"{stem}_code", f"{stem}_text": stem})


def _arranged(survey: str, series: pl.DataFrame, explained: list[str]) -> pl.DataFrame:
    """The catalogue's columns in their order, with a sentence, a unit and the span."""
    first = ["series_id", "title", "unit"]
    told = [name for stem in explained for name in (f"{stem}_code", stem)]
    others = [c for c in series.columns if c not in {*first, *told, *_TIMES, "series_title"}]
    return series.select(
        pl.col("series_id"),
        title(survey, series.columns, explained).alias("title"),
        unit(series.columns).alias("unit"),
        *(pl.col(name) for name in told),
        *(
            pl.concat_str(parts, separator=" ").alias(name)
            for name, parts in _SPANS.items()
            if set(parts) <= set(series.columns)
        ),
        *(pl.col(name).replace(_NONE, None) for name in others),
    ).sort("series_id")
