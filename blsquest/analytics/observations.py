"""Publishers' data as typed polars frames: BLS observations, and the population by year."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import polars as pl

from blsquest.analytics.data_file import COLUMNS, DECIMAL_PLACES, Layout, check_layout
from blsquest.analytics.periods import PERIODS
from blsquest.core.errors import BadData

YEAR = pl.Int32()
PERIOD = pl.Enum(PERIODS)
VALUE = pl.Decimal(38, DECIMAL_PLACES)
"""One scale for all files: the schema of an answer does not depend on what was published."""
PERIOD_BIT = pl.lit(2, pl.Int64).pow(pl.col("period").to_physical().cast(pl.Int64))
"""A power of two for each period. The sum over some rows has as many one bits as there are rows,
unless a period is repeated."""
POPULATION = pl.Schema({"year": YEAR, "population": pl.Int64()})

OBSERVATIONS = pl.Schema(
    {
        "series_id": pl.String(),
        "year": YEAR,
        "period": PERIOD,
        "value": VALUE,
        "footnote_codes": pl.String(),
        "decimals": pl.Int8(),
    }
)
"""The schema of a data file as read. `decimals` are those that the publisher wrote: `-7.0` has one,
which the exact number does not show."""

Batches = Callable[[], Iterator[pl.DataFrame]]
"""Reads a data file from its start, in parts of `OBSERVATIONS`."""

BATCH = 8 << 20
ROWS_AT_ONCE = 1 << 20
"""Rows of a part: four of a table's groups, 60 MB."""


def read_observations(path: Path, name: str | None = None) -> pl.LazyFrame:
    """Check a BLS data file whole, and return it as a lazy frame of typed observations.

    The check is one streaming pass over the text, made now. Later use of the frame reads the file
    again, so it must stay where it is, and finds nothing left to refuse.

    Args:
        path: A local data file of any size.
        name: The publisher's name for it, for errors; the path's last part by default.

    Returns:
        `series_id`, `year`, `period` (of the known codes), `value` (exact; null where the
        publisher gives none), `footnote_codes` ("" for none) and `decimals` (as published; null
        without a value), stripped, in the file's order.

    Raises:
        BadData: The file is not a well-formed BLS data file; the first bad line is named.
        OSError: The file can't be read.
    """
    layout = check_layout(path, name or path.name)
    text = pl.scan_csv(
        path,
        has_header=False,
        skip_rows=1,
        separator="\t",
        quote_char=None,
        schema=_text_schema(layout),
        # Reading without a limit costs a sixteenth less.
        n_rows=layout.rows if layout.blank_end else None,
        glob=False,
    )
    return _typed(text)


def observation_batches(path: Path, name: str | None = None, *, size: int = BATCH) -> Batches:
    """Check a BLS data file whole, and return a function that reads it from its start in parts.

    Like `read_observations`, for work through a file in order. It holds one part at a time, of at
    least `size` bytes of text; two lazy frames read side by side buffer several hundred MB each.
    """
    layout = check_layout(path, name or path.name)

    def read() -> Iterator[pl.DataFrame]:
        left = layout.rows
        with path.open("rb") as file:
            file.readline()
            while left and (body := file.read(size) + file.readline()):
                text = pl.read_csv(
                    body,
                    has_header=False,
                    separator="\t",
                    quote_char=None,
                    schema=_text_schema(layout),
                    n_rows=left,
                )
                left -= text.height
                yield _typed(text.lazy()).collect()

    return read


def _text_schema(layout: Layout) -> dict[str, pl.DataType]:
    text: dict[str, pl.DataType] = dict.fromkeys(layout.columns, pl.String())
    return text | {"year": YEAR, "period": PERIOD} if layout.plain else text


def _typed(text: pl.LazyFrame) -> pl.LazyFrame:
    cells = text.select(COLUMNS).with_columns(pl.col(pl.String).str.strip_chars(" "))
    # A condition streams; a mapping (`replace`) holds the whole file: 1.5 GB for 1.
    value = pl.when(~pl.col("value").is_in(["-", ""])).then("value")
    point = value.str.find(".", literal=True)
    decimals = pl.when(value.is_not_null()).then(
        (value.str.len_bytes() - point - 1).fill_null(0).cast(OBSERVATIONS["decimals"])
    )
    return cells.with_columns(
        pl.col("year").cast(YEAR),
        pl.col("period").cast(PERIOD),
        value.cast(VALUE),
        pl.col("footnote_codes").fill_null(""),
        decimals.alias("decimals"),
    )


def by_series(observations: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield observations in parts, sorted by series; a series is whole within its part.

    A part has about `ROWS_AT_ONCE` rows, so that work on it takes no more memory for a large file.
    From a table that is sorted by series, as BLS's are, a part reads its own row groups; from any
    other, the whole.

    Args:
        observations: As from `read_observations`; a large file is best read from a table.
    """
    if observations.select(pl.len()).collect(engine="streaming").item() <= ROWS_AT_ONCE:
        yield observations.collect(engine="streaming")
        return
    sizes = observations.group_by("series_id").len().collect(engine="streaming").sort("series_id")
    part = pl.col("len").cast(pl.Int64).cum_sum() // ROWS_AT_ONCE
    ids = pl.col("series_id")
    ends = sizes.group_by(part, maintain_order=True).agg(first=ids.first(), last=ids.last())
    del sizes
    for first, last in ends.select("first", "last").iter_rows():
        within = ids.is_between(pl.lit(first), pl.lit(last))
        yield observations.filter(within).collect(engine="streaming")


def repetition(what: str, keys: pl.DataFrame) -> BadData:
    """Return the error for two rows with the same key (series, year and period)."""
    key = keys.filter(keys.is_duplicated()).sort(keys.columns).row(0)
    return BadData(
        f"{what} has two rows for {' '.join(map(str, key))}.",
        "Nothing was computed from it: only the publisher can say which of the two is right.",
    )


def population_frame(people: Mapping[int, int]) -> pl.DataFrame:
    """Return the population, by calendar year, as `year` and `population`, sorted by year.

    Raises:
        BadData: A year has no people at all.
    """
    empty = [str(year) for year, count in sorted(people.items()) if count <= 0]
    if empty:
        raise BadData(
            f"The population of {', '.join(empty)} is not positive.",
            "Look at what the publisher sent; the last good payload is still in the lake.",
        )
    return pl.DataFrame(sorted(people.items()), schema=POPULATION, orient="row")
