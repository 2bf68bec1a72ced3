"""How a data file is read, and what is refused."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blsquest.analytics.observations import observation_batches, population_frame, read_observations
from blsquest.analytics.periods import PERIODS
from blsquest.core.errors import BadData
from tests.support.data_files import HEADER, data_file, line, text_file

GOOD = line("PRS30006011", 1995, "Q01", "2.6", "R")
ROW = ("PRS30006011", 1995, "Q01", Decimal("2.6"), "R", 1)


def rows_of(path: Path) -> list[tuple[object, ...]]:
    return read_observations(path).collect(engine="streaming").rows()


def rows_in_parts(path: Path, size: int) -> list[tuple[object, ...]]:
    return [row for part in observation_batches(path, size=size)() for row in part.rows()]


def refusal(folder: Path, text: str | bytes, name: str | None = None) -> str:
    with pytest.raises(BadData) as refused:
        read_observations(text_file(folder, text), name=name)
    assert refused.value.remedy
    assert str(refused.value) == f"{refused.value.what} {refused.value.remedy}"
    return refused.value.what


def test_a_padded_crlf_file_is_read_typed_stripped_and_exact(tmp_path: Path) -> None:
    path = data_file(tmp_path, [("PRS30006011", 1995, "Q01", "2.6"), ("B", 1996, "A01", "-0.125")])
    frame = read_observations(path).collect()
    assert dict(frame.schema) == {
        "series_id": pl.String,
        "year": pl.Int32,
        "period": pl.Enum(PERIODS),
        "value": pl.Decimal(38, 9),
        "footnote_codes": pl.String,
        "decimals": pl.Int8,
    }
    assert frame.rows() == [
        ("PRS30006011", 1995, "Q01", Decimal("2.6"), "", 1),
        ("B", 1996, "A01", Decimal("-0.125"), "", 3),
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{GOOD}\n",
        f"{HEADER}\r\n{GOOD}",
        f"{HEADER}\r\n{GOOD}\r\n\r\n",
        f"{HEADER}\n{GOOD}\n\n   \n\n",
        f"{HEADER.upper()}\r\n{GOOD}\r\n",
        f"  {HEADER}  \r\n  PRS30006011 \t 1995 \t Q01 \t 2.6 \t R  \r\n",
        "footnote_codes\tValue\tperiod\tYEAR\tseries_id\nR\t 2.6\tQ01\t1995\tPRS30006011\n",
        "series_id\tyear\tperiod\tfootnote_codes\tvalue\r\nPRS30006011\t1995\tQ01\tR\t2.6\r\n",
        f"{HEADER}\taspect\n{GOOD}\tanything\n",
    ],
)
def test_what_publishers_vary_makes_no_difference(tmp_path: Path, text: str) -> None:
    path = text_file(tmp_path, text)
    assert rows_of(path) == [ROW]
    assert rows_in_parts(path, size=10) == [ROW]


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_a_file_is_read_in_parts_to_the_same_rows(tmp_path: Path, size: int) -> None:
    path = data_file(tmp_path, [("A", 1995, f"M{m:02}", f"{m}.5") for m in range(1, 13)])
    read = observation_batches(path, size=size)
    parts = list(read())
    assert [row for part in parts for row in part.rows()] == rows_of(path)
    assert len(parts) == {1: 12, 100: 4, 1 << 20: 1}[size]
    assert pl.concat(list(read())).equals(pl.concat(parts))
    assert {tuple(part.schema.items()) for part in parts} == {
        tuple(read_observations(path).collect_schema().items())
    }


@pytest.mark.parametrize("missing", ["-", "", "           -", "- "])
def test_a_dash_or_nothing_is_a_missing_value(tmp_path: Path, missing: str) -> None:
    path = data_file(tmp_path, [("A", 2000, "M01", missing), ("A", 2000, "M02", "1.5")])
    assert [row[3] for row in rows_of(path)] == [None, Decimal("1.5")]


@pytest.mark.parametrize(
    ("value", "decimals"),
    [
        *(("-7.0", 1), ("+7", 0), ("5.", 0), (".50", 2), ("-.5", 1), ("1.000000000", 9)),
        *(("0.000000001", 9), ("9" * 15 + "." + "9" * 9, 9), ("-", None), ("", None)),
    ],
)
@pytest.mark.parametrize("other", ["1", "-"])  # a file with a dash is read in another way
def test_any_plain_decimal_number_is_exact_and_its_decimals_are_kept(
    tmp_path: Path, value: str, decimals: int | None, other: str
) -> None:
    path = data_file(tmp_path, [("A", 2000, "M01", value), ("B", 2000, "M01", other)])
    exact = Decimal(value) if value.strip("-") else None
    assert rows_of(path)[0][3:] == rows_in_parts(path, size=10)[0][3:] == (exact, "", decimals)


def test_codes_keep_their_leading_zeros_and_quotes_mean_nothing(tmp_path: Path) -> None:
    path = data_file(tmp_path, [("01", 2000, "M01", "1"), ('"A', 2000, "M01", "007.50")])
    assert [(row[0], row[3]) for row in rows_of(path)] == [("01", 1), ('"A', Decimal("7.5"))]


PERIODS_UNKNOWN = ("Q00", "Q06", "M00", "M14", "S04", "A02", "W01", "q01", "", "Q1")
YEARS_WRONG = ("0", "9999", "19 95", "1995.0", "95", "", "-1995", "1995Q1")
NO_NUMBERS = ("1e5", "1E-3", "inf", "nan", "NaN", "1,000", "1 000", "0x10", "--1", "+", ".", "5-")


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *((1, year) for year in YEARS_WRONG),
        *((2, period) for period in PERIODS_UNKNOWN),
        *((3, value) for value in (*NO_NUMBERS, "1.5.2", "N/A", "1_000", "9" * 16, "0.1234567891")),
    ],
)
def test_anything_else_is_refused_by_line_row_and_value(
    tmp_path: Path, column: int, cell: str
) -> None:
    cells = ["A1", "2001", "Q02", "1"]
    cells[column] = cell
    what = refusal(tmp_path, f"{HEADER}\n{GOOD}\n{line(*cells)}\n")
    name = ("series_id", "year", "period", "value")[column]
    assert what.startswith(f"xx.data.0.Current, line 3: {name} is {cell!r}")
    assert f"'{' '.join(cells[:3])}'" in what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", " is empty."),
        ("\r\n\r\n", " has no header."),
        (f"{HEADER}\r\n", " has a header and no rows."),
        (HEADER, " has a header and no rows."),
        (f"{HEADER}\r\n\r\n", " has a header and no rows."),
        (f"{HEADER}\tYear\n{GOOD}\t1\n", " names a column twice in its header."),
        ("series_id\tperiod\tfootnote_codes\nA\t\t\n", " has no column year, value in its header."),
        (f"{HEADER}\n{GOOD}\nA\t1995\tQ01\t1\n", ", line 3: 4 cells where the header has 5."),
        (f"{HEADER}\n{GOOD}\n{GOOD}\tmore\n{GOOD}", ", line 3: 6 cells where the header has 5."),
        (f"{HEADER}\n{GOOD}\n\n{GOOD}\n", ", line 3: it is blank."),
        (
            f"{HEADER}\n{GOOD}\n{line('', 1995, 'Q01', '1')}\n",
            ", line 3: series_id is '', not an id (row ' 1995 Q01').",
        ),
    ],
)
def test_a_broken_file_is_refused_by_its_name_and_what_is_broken(
    tmp_path: Path, text: str, what: str
) -> None:
    assert refusal(tmp_path, text) == f"xx.data.0.Current{what}"
    assert refusal(tmp_path, text, "pr.data.0.Current") == f"pr.data.0.Current{what}"


@pytest.mark.parametrize(
    "byte", [b"\0", b"\xff", b"\xc3\xa9", b"\x1b", b"\r", b"\x0b", b"\xef\xbb\xbf"]
)
def test_bytes_that_are_no_printable_ascii_are_refused_by_line(tmp_path: Path, byte: bytes) -> None:
    good = GOOD.encode()
    text = HEADER.encode() + b"\n" + good + b"\n" + byte + good + b"\n" + good + b"\n"
    assert refusal(tmp_path, text) == (
        "xx.data.0.Current, line 3: it holds bytes that are not printable ASCII."
    )
    assert refusal(tmp_path, byte + text) == (
        "xx.data.0.Current: the header holds bytes that are not printable ASCII."
    )


hostile_cell = st.text(st.characters(codec="latin-1"), max_size=8) | st.sampled_from(
    ["PRS1", "1995", "Q01", "2.5", "-", "", "R", "2.5 ", "1e3", "\0", '"', "M13"]
)
hostile_line = st.lists(hostile_cell, min_size=1, max_size=7).map("\t".join)
hostile_file = st.lists(hostile_line | st.just(GOOD), max_size=6).map(
    lambda lines: "\r\n".join([HEADER, *lines]).encode("latin-1")
)


@settings(max_examples=150)
@given(hostile_file | st.binary(max_size=300))
def test_hostile_bytes_give_rows_or_bad_data_and_nothing_else(tmp_path: Path, text: bytes) -> None:
    path = text_file(tmp_path, text)
    try:
        rows = rows_of(path)
    except BadData:
        return
    assert rows_in_parts(path, size=20) == rows
    lines = text.rstrip(b"\r\n ").split(b"\n")[1:]
    assert [b"\t".join(str(cell).encode() for cell in row[:3]) for row in rows] == [
        b"\t".join(cell.strip(b" ") for cell in line.split(b"\t")[:3]) for line in lines
    ]


def test_the_population_is_a_frame_sorted_by_year_and_has_people_in_each() -> None:
    frame = population_frame({2014: 318_857_056, 2013: 316_128_839})
    assert frame.rows() == [(2013, 316_128_839), (2014, 318_857_056)]
    assert dict(frame.schema) == {"year": pl.Int32, "population": pl.Int64}
    with pytest.raises(BadData, match="population of 2013, 2015 is not positive"):
        population_frame({2013: 0, 2014: 1, 2015: -1})
