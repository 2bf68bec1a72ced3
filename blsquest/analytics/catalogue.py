"""A survey's series in words: its `<survey>.series` joined with its code tables.

The naming convention, from the `*.txt` overview beside each survey's files: the column `<x>_code`
(or `<x>`) of the series file is explained by the file `<survey>.<x>`, as `code_tables.py` reads it.
What does not follow it is left out, with a note that says so.
"""

from __future__ import annotations

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
from blsquest.analytics.series_titles import title, unit
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
    series, notes = _read_series(files[name], name)
    taken = {*series.columns, *_MADE, *NOT_CODES}
    told: dict[str, pl.Series] = {}
    for column in [c for c in series.columns if c not in NOT_CODES]:
        file = _table_for(column, survey, files)
        if file is None:
            if column.endswith("_code"):
                notes.append(f"{column}: the survey has no code table {survey}.{stem_of(column)}")
            continue
        new = _other_name(column)
        if new in taken:
            notes.append(f"{column}: the catalogue has another column {new}")
            continue
        try:
            told[column] = in_words(column, series, read_small_table(files[file], file), file)
        # Whatever is wrong with one table, the rest of the catalogue is told without it.
        except BadData as error:
            notes.append(f"{column}: {error.what.rstrip('.')}")
        except pl.exceptions.PolarsError as error:
            notes.append(f"{column}: {file} can't be joined ({type(error).__name__})")
        else:
            taken.add(new)
    return Catalogue(_arranged(survey, series, told), tuple(notes))


def _read_series(path: Path, name: str) -> tuple[pl.DataFrame, list[str]]:
    """The series file, one line a series, and what of it is left out."""
    series = read_small_table(path, name)
    if "series_id" not in series.columns:
        raise BadData(f"{name} has no column series_id in its header.", LOOK)
    series = series.filter(pl.col("series_id").is_not_null())
    notes = []
    again = series.filter(pl.col("series_id").is_duplicated()).unique()
    differing = again.filter(pl.col("series_id").is_duplicated()).get_column("series_id").n_unique()
    if differing:
        notes.append(f"{name}: {differing:,} series have lines that differ, the first is told")
    own = [column for column in _MADE if column in series.columns]
    notes += [f"{c}: that of {name} is left out, the catalogue makes its own" for c in own]
    once = series.drop(own).unique("series_id", keep="first", maintain_order=True)
    return once, notes


def _table_for(column: str, survey: str, files: Mapping[str, Path]) -> str | None:
    """The file that is named for a column, before one whose name lacks an underscore."""
    stem = stem_of(column)
    others = {file: file.removeprefix(f"{survey}.") for file in files if file != f"{survey}.series"}
    if f"{survey}.{stem}" in others:
        return f"{survey}.{stem}"
    return next((f for f, name in others.items() if plain_name(name) == plain_name(stem)), None)


def _other_name(column: str) -> str:
    """Codes are `<x>_code` and words `<x>`: the one of the two that the series file lacks."""
    stem = stem_of(column)
    return stem if stem != column else f"{column}_code"


def _arranged(survey: str, series: pl.DataFrame, told: Mapping[str, pl.Series]) -> pl.DataFrame:
    """The catalogue's columns in their order, with a sentence, a unit and the span.

    Args:
        survey: The survey's abbreviation.
        series: The series file.
        told: Its codes in words, by the column that has them.
    """
    stems = [stem_of(column) for column in told]
    frame = series.rename({column: f"{stem_of(column)}_code" for column in told}).with_columns(
        words.alias(stem) for stem, words in zip(stems, told.values(), strict=True)
    )
    pairs = [name for stem in stems for name in (f"{stem}_code", stem)]
    spans = {name: parts for name, parts in SPANS.items() if {*parts} <= {*frame.columns}}
    done = {"series_id", "series_title", *pairs}.union(*spans.values())
    return frame.select(
        pl.col("series_id"),
        title(survey, frame.columns, stems).alias("title"),
        unit(frame.columns).alias("unit"),
        *(pl.col(name) for name in pairs),
        *(pl.concat_str(parts, separator=" ").alias(name) for name, parts in spans.items()),
        *(pl.col(name).replace(_NONE, None) for name in frame.columns if name not in done),
    ).sort("series_id")
