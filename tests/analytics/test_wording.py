"""What a series' values are said to be."""

from __future__ import annotations

import polars as pl
import pytest

from blsquest.analytics.series_titles import unit


@pytest.mark.parametrize(
    ("column", "told", "expected"),
    [
        ("duration", "Index (2017=100)", "index (2017=100)"),
        ("duration", "% Change same quarter 1 year ago", "percent"),
        ("base_period", "1982-84=100", "index (1982-84=100)"),
        ("base_period", "DECEMBER 1997=100", "index (DECEMBER 1997=100)"),
        ("base_period", "Index, Dec. 2007 = 100 (monthly)", "index (Dec. 2007 = 100)"),
        ("base_period", "1982-84=1000", "index (1982-84=1000)"),
        ("base_period", "1982-84=1005", None),
        ("base_period", "100", None),
        ("base_period", None, None),
    ],
)
def test_the_base_of_an_index_is_told_whole_or_not_at_all(
    column: str, told: str | None, expected: str | None
) -> None:
    series = pl.DataFrame({column: pl.Series([told], dtype=pl.String)})
    assert series.select(unit(series.columns).alias("unit")).item() == expected
