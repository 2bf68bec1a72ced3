"""A survey's series in words: its `<survey>.series` joined with its code tables.

The naming convention, from the `*.txt` overview beside each survey's files: the column `<x>_code`
(or `<x>`) of the series file is explained by a file, mostly `<survey>.<x>`, as `code_tables.py`
finds and reads it.
Anything else is left out, with a note.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl

from blsquest.analytics.code_tables import (
    MADE,
    NOT_CODES,
    SPANS,
    in_words,
    read_footnotes,
    read_header,
    read_small_table,
    stem_of,
    table_batches,
    tables_for,
    with_footnotes,
)
from blsquest.analytics.surveys import survey as particulars
from blsquest.analytics.units import unit
from blsquest.core.errors import LOOK, BadData

_NONE = "-"


@dataclass(frozen=True)
class Catalogue:
    """A survey's series in words.

    Attributes:
        frame: One row a series, sorted by it: `series_id`, `title` (a sentence), `unit` (null where
            it is not known), then for each code of the series `<x>_code` as published and `<x>`
            in words, `first_period` and `last_period` (such as `1988 Q01`), the other columns
            of the series file, and `footnotes` (the series' own, in words; where some series have
            any); all text.
        notes: What was left out, and why.
        footnotes: What the footnote codes of its observations mean.
        whole: Whether it has all series of the survey.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...]
    footnotes: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True


def empty_catalogue(note: str) -> Catalogue:
    """Return an empty catalogue, with a note on why there are no series in words."""
    columns = ("series_id", "title", "unit")
    return Catalogue(pl.DataFrame(schema=dict.fromkeys(columns, pl.String())), (note,))


def read_catalogue(
    survey: str,
    files: Mapping[str, Path],
    *,
    series: Collection[str] | None = None,
    words: Sequence[str] = (),
) -> Catalogue:
    """Join a survey's series file with the code tables that explain its columns.

    Where only some series are kept, memory grows with them and not with the file.

    Args:
        survey: The survey's abbreviation.
        files: Local copies of its series file, its footnotes and its code tables, by the
            publisher's names.
        series: The ids of the series to keep; None for all.
        words: Only series whose line holds all of these, in any case: their id, their own title,
            their codes. Without titles in the file all series are kept.

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
    columns = read_header(files[name], name)
    if "series_id" not in columns:
        raise BadData(f"{name} has no column series_id in its header.", LOOK)
    tables = tables_for(survey, columns, files, lambda name: read_header(files[name], name))
    lost = [c for c in columns if c.endswith("_code") and c not in tables and c not in NOT_CODES]
    notes = [f"{c}: the survey has no code table {survey}.{stem_of(c)}" for c in lost]
    table = cache(lambda name: _table(files[name], name))
    ids, at = {one.encode() for one in series or ()}, columns.index("series_id")
    texts = [word.lower().encode() for word in words if "series_title" in columns]

    def wanted(line: bytes) -> bool:
        if series is not None:
            return any(c.strip() in ids for c in line.split(b"\t", at + 1)[at : at + 1])
        return all(text in line.lower() for text in texts)

    kept = wanted if series is not None or texts else None
    parts = []
    for batch in table_batches(files[name], name, kept):
        read, of_lines = _read_series(batch, name)
        in_words, of_codes = _in_words(read, tables, table)
        parts.append(_arranged(survey, read, in_words))
        notes += [*of_lines, *of_codes]
    frame = pl.concat(parts).unique("series_id", keep="first", maintain_order=True)
    footnotes: dict[str, str] = {}
    try:
        if (footnote := f"{survey}.footnote") in files:
            footnotes = read_footnotes(files[footnote], footnote)
    except BadData as error:
        notes.append(f"footnotes: {error.what.rstrip('.')}")
    whole = series is None and not words
    frame = distinguished(frame).sort("series_id")
    noted = "footnote_codes" in frame.columns and "footnotes" not in frame.columns
    if noted and frame.get_column("footnote_codes").count():
        frame = with_footnotes(frame, footnotes)
    return Catalogue(frame, tuple(dict.fromkeys(notes)), footnotes, whole)


def holding(words: Sequence[str]) -> pl.Expr:
    """Return whether a series' title, unit or id hold all words, in any order and case."""
    described = pl.concat_str("series_id", "title", "unit", separator=" ", ignore_nulls=True)
    text = described.str.to_lowercase()
    wanted = [text.str.contains(word, literal=True) for word in " ".join(words).lower().split()]
    return pl.all_horizontal(pl.lit(value=True), *wanted)


def _table(path: Path, name: str) -> pl.DataFrame | BadData:
    """Return a code table, or its error, so that the caller can cache either."""
    try:
        return read_small_table(path, name)
    except BadData as error:
        return error


def _in_words(
    series: pl.DataFrame, tables: Mapping[str, str], read: Callable[[str], pl.DataFrame | BadData]
) -> tuple[dict[str, pl.Series], list[str]]:
    """Return each column of codes in words, by its name, and notes on those left as codes."""
    taken = {*series.columns, *MADE, *NOT_CODES}
    words: dict[str, pl.Series] = {}
    notes: list[str] = []
    for column, file in tables.items():
        # Codes are `<x>_code` and words `<x>`: `new` is the one that the series file lacks.
        new = stem_of(column) if stem_of(column) != column else f"{column}_code"
        if new in taken:
            notes.append(f"{column}: the catalogue has another column {new}")
            continue
        table = read(file)
        try:
            if isinstance(table, BadData):
                raise table
            words[column] = in_words(column, series, table, file)
        # Whatever is wrong with one table, the rest of the catalogue is made without it.
        except BadData as error:
            notes.append(f"{column}: {error.what.rstrip('.')}")
        except pl.exceptions.PolarsError as error:
            notes.append(f"{column}: {file} can't be joined ({type(error).__name__})")
        else:
            taken.add(new)
    return words, notes


def _read_series(lines: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    """Return a part of the series file, one row a series, and notes on what is left out."""
    series = lines.filter(pl.col("series_id").is_not_null())
    notes = []
    again = series.filter(pl.col("series_id").is_duplicated()).unique()
    differing = again.filter(pl.col("series_id").is_duplicated()).get_column("series_id").n_unique()
    if differing:
        notes.append(f"{name}: {differing:,} series have lines that differ, the first is taken")
    own = [column for column in MADE if column in series.columns]
    notes += [f"{c}: that of {name} is left out, the catalogue makes its own" for c in own]
    return series.drop(own).unique("series_id", keep="first", maintain_order=True), notes


def _arranged(survey: str, series: pl.DataFrame, words: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Return the catalogue's columns in order, given each column of codes in words."""
    stems = [stem_of(column) for column in words]
    frame = series.rename({column: f"{stem_of(column)}_code" for column in words}).with_columns(
        column.alias(stem) for stem, column in zip(stems, words.values(), strict=True)
    )
    pairs = [name for stem in stems for name in (f"{stem}_code", stem)]
    spans = {name: parts for name, parts in SPANS.items() if {*parts} <= {*frame.columns}}
    done = {"series_id", "series_title", *pairs}.union(*spans.values())
    titled = frame.with_columns(_title(survey, frame.columns, stems).alias("title"))
    return titled.select(
        pl.col("series_id"),
        pl.col("title"),
        unit(titled.columns, survey).alias("unit"),
        *(pl.col(name) for name in pairs),
        *(pl.concat_str(parts, separator=" ").alias(name) for name, parts in spans.items()),
        *(pl.col(name).replace(_NONE, None) for name in frame.columns if name not in done),
    )


# -- Titles ------------------------------------------------------------------------------------

_SLIPS = {"Seasonal Adjusted": "Seasonally Adjusted"}
"""Words of the publisher's that don't fit into a sentence."""

_DISTINGUISHING = ("periodicity", "seasonal")
"""Columns in which most series of the same title differ."""


def _title(survey: str, columns: list[str], explained: list[str]) -> pl.Expr:
    """Title a series: its own title, the survey's sentence, or all its codes in words; else null.

    A code that no table explains is in the title itself: `measure 03`.
    """
    # A code that its table does not have is shown as it is.
    words = {s: pl.coalesce(pl.col(s).replace(_SLIPS), f"{s}_code") for s in explained}
    own = [pl.col("series_title")] if "series_title" in columns else []
    if not words:
        return own[0] if own else pl.lit(None, pl.String)
    sentence = particulars(survey).sentence
    named = re.findall(r"{(\w+)}", sentence)
    meant = {name.lower() for name in named}
    codes = {stem_of(c): c for c in columns if c.endswith("_code") or c in meant}
    every = {
        stem: words.get(stem, pl.format("{} {}", pl.lit(stem.replace("_", " ")), column))
        for stem, column in codes.items()
        if column not in NOT_CODES
    } | {stem: expr for stem, expr in words.items() if stem not in codes}
    if not named or not every.keys() >= meant:
        together = pl.concat_str(every.values(), separator=", ", ignore_nulls=True)
        return pl.coalesce(*own, together.replace("", None))
    parts = [
        words[name].str.to_lowercase() if name in words else every[name.lower()] for name in named
    ]
    return pl.coalesce(*own, pl.format(re.sub(r"{\w+}", "{}", sentence), *parts))


def distinguished(frame: pl.DataFrame) -> pl.DataFrame:
    """Make titles that several series share unique.

    The periodicity is added, then the seasonal adjustment, where they differ; else the id.
    """
    if not frame.get_column("title").drop_nulls().is_duplicated().any():
        return frame
    title = pl.col("title")
    several = title.is_not_null() & title.is_duplicated()
    for column in _DISTINGUISHING:
        if column not in frame.columns:
            continue
        words = pl.coalesce(column, *({f"{column}_code"} & {*frame.columns})).str.to_lowercase()
        differ = words.n_unique().over("title") > 1
        new = several & differ & words.is_not_null()
        frame = frame.with_columns(
            pl.when(new).then(pl.format("{}, {}", title, words)).otherwise(title).alias("title")
        )
    with_id = pl.format("{} ({})", title, "series_id")
    return frame.with_columns(pl.when(several).then(with_id).otherwise(title).alias("title"))
