"""Publishers' data as typed polars frames: BLS observations, and the population by year."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.bad_data import BadData
from flows.analytics.layout import COLUMNS, DECIMAL_PLACES, check_layout
from flows.analytics.periods import PERIODS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from polars._typing import PolarsDataType

YEAR = pl.Int32()
PERIOD = pl.Enum(PERIODS)
VALUE = pl.Decimal(38, DECIMAL_PLACES)
"""One scale for all files: the schema of an answer does not depend on what was published."""
POPULATION = pl.Schema({"year": YEAR, "population": pl.Int64()})

_TYPED: dict[str, PolarsDataType] = {"year": YEAR, "period": PERIOD, "value": VALUE}


def read_observations(path: Path, name: str | None = None) -> pl.LazyFrame:
    """Check a BLS data file whole, and return it as a lazy frame of typed observations.

    The check is one streaming pass over the text, now; what is built on the frame later reads the
    file again (so it must stay where it is) and finds nothing left to refuse.

    Args:
        path: A local data file such as `pr.data.0.Current`, of any size.
        name: What the publisher calls it, for errors; the path's last part by default.

    Returns:
        `series_id`, `year`, `period` (of the known codes), `value` (exact; null where the
        publisher gives none) and `footnote_codes` ("" for none), stripped, in the file's order.

    Raises:
        BadData: The file is not a well-formed BLS data file; the first bad line is named.
        OSError: The file can't be read.
    """
    layout = check_layout(path, name or path.name)
    schema = dict.fromkeys(layout.columns, pl.String()) | (_TYPED if layout.plain else {})
    text = pl.scan_csv(
        path,
        has_header=False,
        skip_rows=1,
        separator="\t",
        quote_char=None,
        schema=schema,
        n_rows=layout.rows,  # leaves out the blank lines at the end
        glob=False,
    )
    cells = text.select(COLUMNS).with_columns(pl.col(pl.String).str.strip_chars(" "))
    if not layout.plain:
        value = pl.col("value").replace(["-", ""], None)
        cells = cells.with_columns(
            pl.col("year").cast(YEAR), pl.col("period").cast(PERIOD), value.cast(VALUE)
        )
    return cells.with_columns(pl.col("footnote_codes").fill_null(""))


def population_frame(people: Mapping[int, int]) -> pl.DataFrame:
    """The population as `year` and `population`, sorted by year.

    Args:
        people: Calendar year → number of people.

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
