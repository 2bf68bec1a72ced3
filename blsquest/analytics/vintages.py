"""One series through many vintages of a data file: its rows in each, and the matrix of them."""

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from blsquest.analytics.data_file import blank_lines_at_end, check_layout, read_header
from blsquest.analytics.observations import VALUE, YEAR, read_observations, repetition
from blsquest.analytics.periods import BASES


def series_rows(path: Path, series_id: str, name: str) -> pl.DataFrame | None:
    """Read all observations of one series, in one streaming pass over a data file of any size.

    Only the series' own lines are checked and read as numbers. If there are none, all lines must
    have as many cells as the header: a file that is no data file proves nothing about a series.

    Returns:
        `year`, `period` (text), `value` (exact; null where the publisher gives none),
        `footnote_codes` and `decimals`, sorted; None where the file has no such series.

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
        return rows_of(
            read_observations(own, f"{name} (the lines of {series_id})"), series_id, name
        )


def rows_of(observations: pl.LazyFrame, series_id: str, name: str) -> pl.DataFrame | None:
    """Return one series of the observations of the file `name`, as `series_rows` does.

    Raises:
        BadData: An observation is there twice.
    """
    rows = (
        observations.filter(pl.col("series_id") == series_id)
        .select("year", pl.col("period").cast(pl.String), "value", "footnote_codes", "decimals")
        .collect(engine="streaming")
        .sort("year", "period")
    )
    if rows.select("year", "period").is_duplicated().any():
        raise repetition(name, rows.select(pl.lit(series_id), "year", "period"))
    return rows if rows.height else None


def newest_observation(
    rows: pl.DataFrame, year: int | None = None, period: str | None = None
) -> tuple[int, str] | None:
    """Return year and period of a series' newest value, of the finest periods that it has.

    Of a monthly series with annual averages that is its newest month. Where no observation has a
    value, all count.

    `rows` are as from `series_rows`; only those of the given year and period count.
    """
    wanted = {"year": year, "period": period}
    found = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    valued = found.drop_nulls("value")
    keys = (valued if valued.height else found).select("year", "period").rows()
    for basis in BASES:
        if of_basis := [key for key in keys if key[1] in basis.periods]:
            return max(of_basis)
    return None


def _lines_with(path: Path, series_id: str, *, tabs: int) -> tuple[bytes, int]:
    """Return the lines with the series in a cell, and how many lines have not `tabs` tabs."""
    cell = rf"(?:^|\t) *{re.escape(series_id)} *(?:\t|$)"
    line = pl.col("line")
    lines = pl.scan_lines(path, glob=False).select(
        own=pl.when(line.str.contains(cell)).then(line),
        odd=line.str.count_matches("\t", literal=True) != tabs,
    )
    try:
        found = lines.filter(pl.col("own").is_not_null() | pl.col("odd")).collect(
            engine="streaming"
        )
    except pl.exceptions.PolarsError:
        # Some line, maybe of another series, has bytes that are not text.
        mine, wanted, odd = [], re.compile(cell.encode()), 0
        with path.open("rb") as file:
            for raw in file:
                odd += raw.count(b"\t") != tabs
                mine += [raw] if wanted.search(raw.rstrip(b"\r\n")) else []
        return b"".join(mine), odd
    own = found.get_column("own").drop_nulls()
    return "".join(f"{text}\n" for text in own).encode(), found.filter("odd").height


def series_ids(path: Path) -> list[str]:
    """Return all series ids of a data file, which must be its first column, sorted."""
    first = pl.col("line").str.extract(r"^ *([!-~][^\t]*?) *\t")
    ids = pl.scan_lines(path, glob=False).slice(1).select(first.drop_nulls().unique())
    return ids.collect(engine="streaming").to_series().sort().to_list()


def matrix(vintages: Mapping[str, pl.DataFrame | None]) -> pl.DataFrame:
    """Return the vintage matrix of one series: a row an observation, a column a vintage.

    Args:
        vintages: For each column's name, in order, the rows as from `series_rows`.

    Returns:
        `year`, `period`, then each vintage's `value` (null where it has no such observation, or no
        value for it), sorted by year and period.
    """
    keys = ["year", "period"]
    none = pl.DataFrame(schema={"year": YEAR, "period": pl.String, "value": VALUE})
    known = {name: none if rows is None else rows for name, rows in vintages.items()}
    every = pl.concat([rows.select(keys) for rows in known.values()]).unique().sort(keys)
    for name, rows in known.items():
        values = rows.select(*keys, pl.col("value").alias(name))
        every = every.join(values, on=keys, how="left", maintain_order="left")
    return every
