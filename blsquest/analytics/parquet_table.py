"""Parquet files: an answer's frame, and the tables' columns and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from blsquest.analytics.observations import OBSERVATIONS, VALUE, read_observations
from blsquest.analytics.periods import PERIODS, months_of

VERSION = 2
"""Raised with any change to the columns: the tables' metadata is rebuilt, Parquet files stay."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its type as Iceberg calls it, and what it means."""

    name: str
    type: str
    comment: str


TABLE = (
    Column("survey", "string", "The survey's code, for example pr."),
    Column(
        "file",
        "string",
        "The publisher's data file. Files of a survey overlap: filter by one of them.",
    ),
    Column("series_id", "string", "The series; its first two characters are the survey's code."),
    Column("year", "int", "The calendar year."),
    Column(
        "period",
        "string",
        "M01-M12 months, Q01-Q04 quarters, S01-S02 halves, A01 the year; M13, Q05 and S03 are "
        "annual averages.",
    ),
    Column(
        "period_start",
        "date",
        "The first day of what the period covers; 1 January for years and annual averages.",
    ),
    Column("value", "decimal(38,9)", "Exact, in the series' own unit; null where there is none."),
    Column("footnote_codes", "string", "As published; empty for none."),
    Column("decimals", "int", "How many decimals the value was published with: 1 for -7.0."),
)
SERIES = (
    Column("survey", "string", "The survey's code, for example pr."),
    Column("series_id", "string", "The series."),
    Column("title", "string", "What it is, in words; null where nothing says."),
    Column("unit", "string", "What its values are; null where nothing says."),
    Column("first_period", "string", "The first year and period, such as 1988 Q01."),
    Column("last_period", "string", "The last year and period."),
)
"""The catalogue in words."""

FILES = (
    Column("survey", "string", "The survey's code, for example pr."),
    Column("generation", "int", "The generation that had this file."),
    Column("committed", "timestamptz", "When that generation was committed, in UTC."),
    Column("file", "string", "The publisher's name."),
    Column("bytes", "long", "Its size."),
    Column("sha256", "string", "Of its bytes: the name of its vintage."),
    Column("first_seen", "timestamptz", "When these bytes were first mirrored, in UTC."),
    Column("stamp", "string", "The date of the publisher's listing, as written there."),
    Column("last_modified", "string", "The file's Last-Modified header, as sent; null for none."),
    Column("no_table", "string", "Why a data file is not in the table; null for all others."),
)
"""Every file of every generation."""

SORTED_BY = ("series_id", "year", "period")

ROW_GROUP = 1 << 18
"""Rows of a row group. About 1 MB on disk: small enough that for one series the statistics skip
most of a large file, large enough for one ranged request. On a 1 GB file groups of a million rows
are as large on disk and took 660 MB to write instead of 460."""

SORTABLE = 1_000_000
"""Rows of the largest file that is sorted; that takes about 300 bytes a row. BLS's files are
sorted already."""

_SEARCHED = ("survey", "file", "series_id", "year", "generation")

_WRITTEN: Any = {"compression": "zstd", "compression_level": 3, "statistics": True}
_TYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int32(),
    "long": pl.Int64(),
    "timestamptz": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "decimal(38,9)": VALUE,
}


def parquet_bytes(frame: pl.DataFrame, metadata: Mapping[str, str]) -> bytes:
    """Write an answer as a Parquet file, with the metadata that a reader needs.

    The same frame and metadata give the same bytes with the same version of polars, in any
    process and whatever the number of threads.
    """
    buffer = BytesIO()
    frame.rechunk().write_parquet(
        buffer, row_group_size=ROW_GROUP, metadata=dict(sorted(metadata.items())), **_WRITTEN
    )
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Written:
    """A table on disk.

    Attributes:
        rows: Their number.
        sorted: Whether they are in the order of `SORTED_BY`; the statistics of row groups are
            right in any order, and skip the more rows the better these are sorted.
    """

    rows: int
    sorted: bool


def write_table(
    text: Path, target: Path, *, survey: str, file: str, metadata: Mapping[str, str]
) -> Written:
    """Write a data file as a Parquet table of the columns of `TABLE`.

    The same text and metadata give the same bytes, as for `parquet_bytes`. Memory does not grow
    with the file. A second file beside the target is used, and removed, where rows need sorting.

    Raises:
        BadData: The file is not a well-formed BLS data file; the first bad line is named.
        OSError: A file can't be read or written.
    """
    _sink(_table(read_observations(text, file), survey, file), target, metadata)
    written = described(target)
    if written.sorted or written.rows > SORTABLE:
        return written
    unsorted = target.with_suffix(".unsorted")
    target.rename(unsorted)
    _sink(pl.scan_parquet(unsorted, glob=False).sort(SORTED_BY), target, metadata)
    unsorted.unlink()
    return replace(written, sorted=True)


def described(path: Path) -> Written:
    """Return how many rows a local table has, and whether they are sorted."""
    table = pl.scan_parquet(path, glob=False)
    count = int(table.select(pl.len()).collect().item())
    return Written(count, sorted=_in_order(table, count))


def bounds(table: pl.LazyFrame) -> dict[str, tuple[Any, Any]]:
    """Return the smallest and the largest value of the columns that a table is searched by."""
    names = [name for name in _SEARCHED if name in table.collect_schema()]
    ends = table.select(
        pl.col(names).min().name.suffix("<"), pl.col(names).max().name.suffix(">")
    ).collect(engine="streaming")
    found = {name: (ends.item(0, f"{name}<"), ends.item(0, f"{name}>")) for name in names}
    return {name: both for name, both in found.items() if None not in both}


def typed(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """Return a frame with exactly these columns and types; a missing column is null."""
    return frame.select(
        (pl.col(c.name) if c.name in frame.columns else pl.lit(None))
        .cast(_TYPES[c.type])
        .alias(c.name)
        for c in columns
    )


def is_table(path: Path, metadata: Mapping[str, str]) -> bool:
    """Return whether a local file is a table of `TABLE`'s columns with (at least) this metadata.

    A table from before there were `decimals` counts, too.
    """
    try:
        columns = pl.scan_parquet(path, glob=False).collect_schema()
        found = pl.read_parquet_metadata(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    wanted = {column.name: _TYPES[column.type] for column in TABLE}
    known = [wanted, {name: kind for name, kind in wanted.items() if name != "decimals"}]
    return dict(columns) in known and metadata.items() <= found.items()


def read_table(table: Path) -> pl.LazyFrame:
    """Return a table that `is_table` accepts in the form that `read_observations` returns.

    If it has no `decimals`, they are as many as each value needs.
    """
    rows = pl.scan_parquet(table, glob=False)
    if "decimals" not in rows.collect_schema():
        needed = pl.col("value").cast(pl.String).str.strip_chars_end("0")
        point = needed.str.find(".", literal=True)
        rows = rows.with_columns(decimals=needed.str.len_bytes() - point - 1)
    return rows.select(OBSERVATIONS.names()).cast(OBSERVATIONS)


def _table(rows: pl.LazyFrame, survey: str, file: str) -> pl.LazyFrame:
    # A chain of conditions streams; a mapping (`replace_strict`) holds the whole file: 3 GB for 1.
    month: pl.Expr = pl.lit(1)
    for number in range(2, 13):
        beginning = [p for p in PERIODS if months_of(p)[0] == number]
        month = pl.when(pl.col("period").is_in(beginning)).then(number).otherwise(month)
    full = rows.with_columns(
        survey=pl.lit(survey),
        file=pl.lit(file),
        period=pl.col("period").cast(pl.String),
        period_start=pl.date("year", month, 1),
    )
    return full.select(pl.col(column.name).cast(_TYPES[column.type]) for column in TABLE)


def _sink(rows: pl.LazyFrame, target: Path, metadata: Mapping[str, str]) -> None:
    rows.sink_parquet(
        target, row_group_size=ROW_GROUP, metadata=dict(sorted(metadata.items())), **_WRITTEN
    )


def _in_order(table: pl.LazyFrame, count: int) -> bool:
    """Return whether a table's rows are in the order of `SORTED_BY`."""
    late, same = pl.lit(value=False), pl.lit(value=True)
    for name in SORTED_BY:
        now, last = pl.col(name), pl.col(name).shift()
        late |= same & (last > now)
        same &= last == now
    # Part by part, with the row before: in one query, polars holds all columns (1.1 GB for 95 M).
    return not any(
        table.slice(start, ROW_GROUP + 1).select(late.any()).collect().item()
        for start in range(0, count, ROW_GROUP)
    )
