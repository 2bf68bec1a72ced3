"""Whether a data file that is read in parts has an observation twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.bad_data import BadData
from flows.analytics.tables import PERIOD_BIT

if TYPE_CHECKING:
    from flows.analytics.tables import Batches

KEY = ["series_id", "year", "period"]
"""What makes an observation the same one in two vintages."""


class UniqueKeys:
    """Looks at a file's parts one after the other; memory grows with its series, not its rows.

    A file in which each series stands in one run of lines, and goes forward in time, as BLS writes
    them, can have nothing twice. Only one in another order is counted.
    """

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._series: set[str] = set()
        self._last: pl.DataFrame | None = None
        self._in_order = True

    def take(self, part: pl.DataFrame) -> None:
        """Look at the next part."""
        if not self._in_order or part.is_empty():
            return
        keys = part.select("series_id", "year", pl.col("period").cast(pl.String))
        seen = keys if self._last is None else pl.concat([self._last, keys])
        self._last = keys.tail(1)
        series, year, period = (pl.col(name) for name in KEY)
        later = (year > year.shift()) | ((year == year.shift()) & (period > period.shift()))
        ahead = seen.select(series, same=series == series.shift(), later=later)
        begun = ahead.filter(pl.col("same").not_().fill_null(value=len(self._series) == 0))
        names = set(begun.get_column("series_id").to_list())
        self._in_order = (
            not ahead.filter("same", pl.col("later").not_()).height
            and len(names) == begun.height
            and self._series.isdisjoint(names)
        )
        self._series |= names

    def check(self, parts: Batches) -> None:
        """Having taken all parts: see that none of their keys is there twice.

        Args:
            parts: Reads the file once more, should its order prove nothing.

        Raises:
            BadData: One is.
        """
        if self._in_order:
            return
        counted = [
            part.group_by("series_id", "year").agg(bits=PERIOD_BIT.sum(), rows=pl.len())
            for part in parts()
        ]
        sums = pl.concat(counted).group_by("series_id", "year").sum()
        twice = sums.filter(pl.col("bits").bitwise_count_ones() != pl.col("rows"))
        if twice.height:
            series_id, year = twice.select("series_id", "year").sort("series_id", "year").row(0)
            rows = [part.filter(series_id=series_id, year=year).select(KEY) for part in parts()]
            raise _repetition(pl.concat(rows))


def _repetition(keys: pl.DataFrame) -> BadData:
    series_id, year, period = keys.filter(keys.is_duplicated()).sort(KEY).row(0)
    return BadData(
        f"A vintage of the data file has two rows for {series_id} {year} {period}.",
        "Nothing was computed from it: which of the two holds is the publisher's to say.",
    )
