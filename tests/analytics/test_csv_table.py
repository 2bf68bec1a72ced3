"""Frames as CSV: the same numbers, for a spreadsheet, and nothing that it would run."""

import csv
from decimal import Decimal
from io import StringIO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.analytics.csv_table import csv_bytes
from blsquest.analytics.observations import VALUE

BOM = b"\xef\xbb\xbf"


def cells(frame: pl.DataFrame, decimals: int | pl.Series) -> list[list[str]]:
    """What a spreadsheet reads below the header."""
    body = csv_bytes(frame, decimals)
    header, *rows = csv.reader(StringIO(body.removeprefix(BOM).decode(), newline=""))
    assert header == frame.columns
    return rows


def values(*numbers: str | None) -> pl.DataFrame:
    """A frame of two columns: of one alone, a row without a value would be an empty line."""
    exact = [None if number is None else Decimal(number) for number in numbers]
    return pl.DataFrame({"value": exact, "key": "x"}, schema={"value": VALUE, "key": pl.String()})


def test_values_have_their_series_decimals_and_means_all_that_they_need() -> None:
    frame = values("-7", "100.25", "0", None, "1.333333333", "1000000")
    texts = [text for text, _ in cells(frame, 1)]
    assert texts == ["-7.0", "100.25", "0.0", "", "1.333333333", "1000000.0"]
    each = [text for text, _ in cells(frame.head(3), pl.Series([0, 3, 2]))]
    assert each == ["-7", "100.250", "0.00"]


@given(
    st.lists(
        st.tuples(st.decimals(-(10**15) + 1, 10**15 - 1, places=9) | st.none(), st.integers(0, 9)),
        min_size=1,
    )
)
def test_no_digit_is_lost(rows: list[tuple[Decimal | None, int]]) -> None:
    frame = values(*(None if number is None else str(number) for number, _ in rows))
    scale = pl.Series([decimals for _, decimals in rows], dtype=pl.Int32)
    for [text, _], (number, decimals) in zip(cells(frame, scale), rows, strict=True):
        if number is None:
            assert text == ""
        else:
            assert Decimal(text) == number
            assert len(text.partition(".")[2]) >= decimals


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}"]
)
def test_text_that_a_spreadsheet_would_run_is_made_text(start: str) -> None:
    frame = pl.DataFrame(
        {"title": [f'{start}HYPERLINK("http://x.example")', f"a{start}b", None], "n": [-1, 2, 3]}
    )
    assert cells(frame, 0) == [
        [f'\'{start}HYPERLINK("http://x.example")', "-1"],
        [f"a{start}b", "2"],
        ["", "3"],
    ]


def test_excel_knows_the_text_as_utf_8_and_lines_end_as_rfc_4180_says() -> None:
    frame = pl.DataFrame({"title": ["Añasco, PR", 'a "quote"'], "years": [[2020, 2021], [2022]]})
    frame = frame.cast({"years": pl.List(pl.Int32)})
    expected = 'title,years\r\n"Añasco, PR",2020; 2021\r\n"a ""quote""",2022\r\n'
    assert csv_bytes(frame, 0) == BOM + expected.encode()


def test_a_frame_without_rows_has_its_header() -> None:
    frame = pl.DataFrame(schema={"series_id": pl.String(), "value": VALUE})
    assert cells(frame, 0) == cells(frame, pl.Series([], dtype=pl.Int32)) == []
