"""Parquet files: an answer's frame, and a data file as a table of its observations.

    python -m blsquest.analytics.parquet_table > deployments/terraform/tables.json

writes the table's columns for Terraform; a test compares the two.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl

from blsquest.analytics.data_file import COLUMNS
from blsquest.analytics.observations import PERIOD, VALUE, YEAR, read_observations
from blsquest.analytics.periods import PERIODS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from polars._typing import PolarsDataType


VERSION = 1
"""Raised with any change to the columns or to how they are written: all tables are made again."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its type as Hive, Glue and Athena call it, and what it means."""

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
)
SORTED_BY = ("series_id", "year", "period")

ROW_GROUP = 1 << 18
"""Rows of a table's group. About 1 MB on disk: small enough that the statistics of a group leave
out most of a large file for one series, large enough for one ranged request. On a 1 GB file groups
of a million rows are as large on disk and took 660 MB to write instead of 460."""

SORTABLE = 1_000_000
"""Rows of the largest file that is sorted; that takes about 300 bytes a row. BLS's files are
sorted already."""

_ANSWER_GROUP = 1_000_000
_WRITTEN: Any = {"compression": "zstd", "compression_level": 3, "statistics": True}
_TYPES: dict[str, PolarsDataType] = {
    "string": pl.String(),
    "int": YEAR,
    "date": pl.Date(),
    "decimal(38,9)": VALUE,
}
_MONTHS_IN = {"M": 1, "Q": 3, "S": 6, "A": 12}
_AVERAGES = {"M13", "Q05", "S03"}


def parquet_bytes(frame: pl.DataFrame, metadata: Mapping[str, str]) -> bytes:
    """Write an answer as a Parquet file, with what a reader must know beside the numbers.

    The same frame and metadata give the same bytes with the same version of polars, in any
    process and whatever the number of threads.
    """
    buffer = BytesIO()
    frame.rechunk().write_parquet(
        buffer, row_group_size=_ANSWER_GROUP, metadata=dict(sorted(metadata.items())), **_WRITTEN
    )
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Written:
    """A table on disk.

    Attributes:
        rows: How many it has.
        sorted: Whether they are in the order of `SORTED_BY`; the statistics of its row groups are
            right in any order, and leave out the more the better it is sorted.
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
    return Written(written.rows, sorted=True)


def described(path: Path) -> Written:
    """Return what there is to say of a local table."""
    table = pl.scan_parquet(path, glob=False)
    count = int(table.select(pl.len()).collect().item())
    return Written(count, sorted=_in_order(table, count))


def is_table(path: Path, metadata: Mapping[str, str]) -> bool:
    """Return whether a local file is a table of `TABLE`'s columns with (at least) this metadata."""
    try:
        columns = pl.scan_parquet(path, glob=False).collect_schema()
        found = pl.read_parquet_metadata(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    wanted = {column.name: _TYPES[column.type] for column in TABLE}
    return dict(columns) == wanted and metadata.items() <= found.items()


def read_table(table: Path) -> pl.LazyFrame:
    """Return a local table, as `is_table` knows it, as `read_observations` gives its text."""
    return pl.scan_parquet(table, glob=False).select(COLUMNS).cast({"period": PERIOD})


def first_month(period: str) -> int:
    """Return the month in which a period begins; an annual average covers its year."""
    return 1 if period in _AVERAGES else (int(period[1:]) - 1) * _MONTHS_IN[period[0]] + 1


def _table(rows: pl.LazyFrame, survey: str, file: str) -> pl.LazyFrame:
    # A chain of conditions streams; a mapping (`replace_strict`) holds the whole file: 3 GB for 1.
    month: pl.Expr = pl.lit(1)
    for number in range(2, 13):
        beginning = [p for p in PERIODS if first_month(p) == number]
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
    """Return whether no row of a table comes after one that it should precede."""
    late, same = pl.lit(value=False), pl.lit(value=True)
    for name in SORTED_BY:
        now, last = pl.col(name), pl.col(name).shift()
        late |= same & (last > now)
        same &= last == now
    # Part by part, with the row before: asked at once, polars holds all columns (1.1 GB for 95 M).
    return not any(
        table.slice(start, ROW_GROUP + 1).select(late.any()).collect().item()
        for start in range(0, count, ROW_GROUP)
    )


def document() -> str:
    """Return the table as JSON, for Terraform: columns, and where its lists of files are."""
    table = {
        "name": "observations",
        "comment": "Observations of all mirrored BLS data files, at their newest vintage.",
        "schema_version": VERSION,
        "folder": "tables/athena/",
        "columns": [asdict(column) for column in TABLE],
    }
    return json.dumps(table, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
