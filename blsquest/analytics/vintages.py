"""One series through many vintages of a data file: its rows in each, and the matrix of them."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.data_file import blank_lines_at_end, check_layout, read_header
from blsquest.analytics.observations import read_observations
from blsquest.core.errors import LOOK, BadData

if TYPE_CHECKING:
    from collections.abc import Mapping


def series_rows(path: Path, series_id: str, name: str) -> pl.DataFrame | None:
    """All observations of one series in a data file of any size: one streaming pass over it.

    Only the series' own lines are checked and read as numbers. Where there are none, all lines must
    have the header's cells: what is no data file tells nothing about a series.

    Args:
        path: The local file.
        series_id: The series.
        name: What the publisher calls the file, for errors.

    Returns:
        `year`, `period` (text), `value` (exact; null where the publisher gives none) and
        `footnote_codes`, sorted; None where the file has no such series.

    Raises:
        BadData: A line of the series is not well-formed, or an observation is there twice; or the
            file has no line of the series and is no well-formed data file.
        OSError: The file can't be read.
    """
    columns = read_header(path, name)
    with path.open("rb") as file:
        header = file.readline()
    lines, odd = _lines_with(path, series_id, tabs=len(columns) - 1)
    if not lines:
        if odd > blank_lines_at_end(path):
            check_layout(path, name)  # which names the line
        return None
    with TemporaryDirectory(prefix="bls-data-quest-") as folder:
        own = Path(folder, "series")
        own.write_bytes(header + lines)
        rows = (
            read_observations(own, f"{name} (the lines of {series_id})")
            .filter(pl.col("series_id") == series_id)
            .select("year", pl.col("period").cast(pl.String), "value", "footnote_codes")
            .collect()
            .sort("year", "period")
        )
    twice = rows.filter(rows.select("year", "period").is_duplicated())
    if twice.height:
        year, period = twice.row(0)[:2]
        raise BadData(f"{name} has two rows for {series_id} {year} {period}.", LOOK)
    return rows if rows.height else None


def _lines_with(path: Path, series_id: str, *, tabs: int) -> tuple[bytes, int]:
    """The lines that have a cell of that text; and how many lines have not so many tabs."""
    cell = rf"(?:^|\t) *{re.escape(series_id)} *(?:\t|$)"
    line = pl.col("line")
    told = pl.scan_lines(path, glob=False).select(
        own=pl.when(line.str.contains(cell)).then(line),
        odd=line.str.count_matches("\t", literal=True) != tabs,
    )
    try:
        found = told.filter(pl.col("own").is_not_null() | pl.col("odd")).collect(engine="streaming")
    except pl.exceptions.PolarsError:
        # Somewhere, in a line of another series maybe, stand bytes that are no text.
        return _raw_lines_with(path, re.compile(cell.encode()), tabs)
    own = found.get_column("own").drop_nulls()
    return "".join(f"{text}\n" for text in own).encode(), found.filter("odd").height


def _raw_lines_with(path: Path, cell: re.Pattern[bytes], tabs: int) -> tuple[bytes, int]:
    own, odd = [], 0
    with path.open("rb") as file:
        for line in file:
            odd += line.count(b"\t") != tabs
            if cell.search(line.rstrip(b"\r\n")):
                own.append(line)
    return b"".join(own), odd


def series_ids(path: Path) -> list[str]:
    """The ids of all series in a data file whose first column they are, sorted."""
    first = pl.col("line").str.extract(r"^ *([!-~][^\t]*?) *\t")
    ids = pl.scan_lines(path, glob=False).slice(1).select(first.drop_nulls().unique())
    return ids.collect(engine="streaming").to_series().sort().to_list()


def matrix(vintages: Mapping[str, pl.DataFrame | None]) -> pl.DataFrame:
    """The vintage matrix of one series: a row an observation, a column a vintage.

    Args:
        vintages: For each column's name, in order, the rows as from `series_rows`.

    Returns:
        `year`, `period`, then each vintage's `value` (null where it has no such observation, or no
        value for it), sorted by year and period.
    """
    keys = ["year", "period"]
    known = {name: rows for name, rows in vintages.items() if rows is not None}
    every = pl.concat([rows.select(keys) for rows in known.values()]).unique().sort(keys)
    for name in vintages:
        rows = known.get(name)
        if rows is None:
            every = every.with_columns(pl.lit(None, pl.Decimal(38, 9)).alias(name))
        else:
            values = rows.select(*keys, pl.col("value").alias(name))
            every = every.join(values, on=keys, how="left", maintain_order="left")
    return every


def plain_csv(frame: pl.DataFrame) -> str:
    """A frame as CSV, exact decimals without their trailing zeros."""
    text = pl.col(pl.Decimal).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
    return frame.with_columns(text).write_csv()
