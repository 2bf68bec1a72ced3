"""A survey's series in words: its `<survey>.series` joined with its code tables.

The naming convention, from the `*.txt` overview beside each survey's files: the column `<x>_code`
(or `<x>`) of the series file is explained by the file `<survey>.<x>`, as `code_tables.py` reads it.
What does not follow it is left out, with a note that says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.code_tables import (
    NOT_CODES,
    SPANS,
    in_words,
    plain_name,
    read_small_table,
    stem_of,
)
from blsquest.analytics.surveys import survey as particulars
from blsquest.core.errors import LOOK, BadData

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_MADE = ("title", "unit", *SPANS)
"""Columns that the catalogue makes itself."""

_NONE = "-"


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


def empty_catalogue(note: str) -> Catalogue:
    """Return the catalogue of a survey whose series can't be put into words, and why."""
    columns = ("series_id", "title", "unit")
    return Catalogue(pl.DataFrame(schema=dict.fromkeys(columns, pl.String())), (note,))


def read_catalogue(survey: str, files: Mapping[str, Path]) -> Catalogue:
    """Join a survey's series file with the code tables that go by the convention.

    Args:
        survey: The survey's abbreviation.
        files: Local copies of its small files by the publisher's names.

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
    series, notes = _read_series(files[name], name)
    taken = {*series.columns, *_MADE, *NOT_CODES}
    words: dict[str, pl.Series] = {}
    for column in [c for c in series.columns if c not in NOT_CODES]:
        file = _table_for(column, survey, files)
        if file is None:
            if column.endswith("_code"):
                notes.append(f"{column}: the survey has no code table {survey}.{stem_of(column)}")
            continue
        # Codes are `<x>_code` and words `<x>`: the one of the two that the series file lacks.
        new = stem_of(column) if stem_of(column) != column else f"{column}_code"
        if new in taken:
            notes.append(f"{column}: the catalogue has another column {new}")
            continue
        try:
            words[column] = in_words(column, series, read_small_table(files[file], file), file)
        # Whatever is wrong with one table, the rest of the catalogue is made without it.
        except BadData as error:
            notes.append(f"{column}: {error.what.rstrip('.')}")
        except pl.exceptions.PolarsError as error:
            notes.append(f"{column}: {file} can't be joined ({type(error).__name__})")
        else:
            taken.add(new)
    return Catalogue(_arranged(survey, series, words), tuple(notes))


def _read_series(path: Path, name: str) -> tuple[pl.DataFrame, list[str]]:
    """Return the series file, one line a series, and what of it is left out."""
    series = read_small_table(path, name)
    if "series_id" not in series.columns:
        raise BadData(f"{name} has no column series_id in its header.", LOOK)
    series = series.filter(pl.col("series_id").is_not_null())
    notes = []
    again = series.filter(pl.col("series_id").is_duplicated()).unique()
    differing = again.filter(pl.col("series_id").is_duplicated()).get_column("series_id").n_unique()
    if differing:
        notes.append(f"{name}: {differing:,} series have lines that differ, the first is taken")
    own = [column for column in _MADE if column in series.columns]
    notes += [f"{c}: that of {name} is left out, the catalogue makes its own" for c in own]
    return series.drop(own).unique("series_id", keep="first", maintain_order=True), notes


def _table_for(column: str, survey: str, files: Mapping[str, Path]) -> str | None:
    """Return the file named for a column, else one whose name lacks an underscore."""
    stem = stem_of(column)
    others = {file: file.removeprefix(f"{survey}.") for file in files if file != f"{survey}.series"}
    if f"{survey}.{stem}" in others:
        return f"{survey}.{stem}"
    return next((f for f, name in others.items() if plain_name(name) == plain_name(stem)), None)


def _arranged(survey: str, series: pl.DataFrame, words: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Return the catalogue's columns in their order, from the codes in words by their column."""
    stems = [stem_of(column) for column in words]
    frame = series.rename({column: f"{stem_of(column)}_code" for column in words}).with_columns(
        column.alias(stem) for stem, column in zip(stems, words.values(), strict=True)
    )
    pairs = [name for stem in stems for name in (f"{stem}_code", stem)]
    spans = {name: parts for name, parts in SPANS.items() if {*parts} <= {*frame.columns}}
    done = {"series_id", "series_title", *pairs}.union(*spans.values())
    return frame.select(
        pl.col("series_id"),
        _title(survey, frame.columns, stems).alias("title"),
        unit(frame.columns).alias("unit"),
        *(pl.col(name) for name in pairs),
        *(pl.concat_str(parts, separator=" ").alias(name) for name, parts in spans.items()),
        *(pl.col(name).replace(_NONE, None) for name in frame.columns if name not in done),
    ).sort("series_id")


# -- Title and unit ----------------------------------------------------------------------------

_SLIPS = {"Seasonal Adjusted": "Seasonally Adjusted"}
"""Words of the publisher's that don't fit into a sentence."""

_UNIT_COLUMNS = ("duration", "base_period")
"""Where surveys say what their values are: `pr` in the duration, price indexes in the base."""

_BASE = r"(?i)(?:^|\()\s*(?:index,?\s+)?([^()=]*[0-9][^()=]*=\s*10+)\s*(?:[()]|$)"
"""`2017=100` or `DECEMBER 1997=100`, whole: alone, after `Index`, or in brackets."""


def _title(survey: str, columns: list[str], explained: list[str]) -> pl.Expr:
    """Title a series: its own title, the survey's sentence, or all codes explained; else null."""
    # A code that its table does not have is shown as it is.
    words = {s: pl.coalesce(pl.col(s).replace(_SLIPS), f"{s}_code") for s in explained}
    if "series_title" in columns:
        return pl.col("series_title")
    if not words:
        return pl.lit(None, pl.String)
    sentence = particulars(survey).sentence
    named = re.findall(r"{(\w+)}", sentence)
    if not named or not words.keys() >= {name.lower() for name in named}:
        together = pl.concat_str(words.values(), separator=", ", ignore_nulls=True)
        return together.replace("", None)
    parts = [
        words[name].str.to_lowercase() if name.islower() else words[name.lower()] for name in named
    ]
    return pl.format(re.sub(r"{\w+}", "{}", sentence), *parts)


def unit(columns: list[str]) -> pl.Expr:
    """Return what a series' values are: `percent`, `index (2017=100)`; null where none says."""
    column = next((c for c in _UNIT_COLUMNS if c in columns), None)
    if column is None:
        return pl.lit(None, pl.String)
    base = pl.col(column).str.extract(_BASE)
    percent = pl.col(column).str.starts_with("%")
    index = pl.when(base.is_not_null()).then(pl.format("index ({})", base))
    return pl.when(percent).then(pl.lit("percent")).otherwise(index)
