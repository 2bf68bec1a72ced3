"""A survey's small files as they come, and what a code table says of a column."""

from pathlib import Path

import polars as pl
import pytest

from blsquest.analytics.code_tables import (
    footnotes_in_words,
    in_words,
    read_footnotes,
    read_small_table,
    tables_for,
)
from blsquest.core.errors import BadData


def read(folder: Path, body: str | bytes) -> pl.DataFrame:
    path = folder / "a file"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return read_small_table(path, "xx.thing")


WHOLE = ("1", "one", "x")


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (["1", "1\tone\tx"], [("1", None, None), WHOLE]),
        (["1\tone\tx", "1"], [WHOLE, ("1", None, None)]),
        (["", "1\tone\tx"], [WHOLE]),
        (["1\tone\tx\tmore\tand more", "1\tone\tx"], [WHOLE, WHOLE]),
        (["1\tone\tx", "1\tone\tx\tmore"], [WHOLE, WHOLE]),
        (["1"], [("1", None, None)]),
        ([" ", "\t\t"], []),
        ([], []),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("closed", [True, False])
def test_any_line_may_be_shorter_or_longer_than_the_header_or_blank(
    tmp_path: Path, lines: list[str], rows: list[tuple[str | None, ...]], end: str, *, closed: bool
) -> None:
    body = end.join(["code\ttext\tother\t", *lines]) + end * closed
    assert read(tmp_path, body).rows() == rows


def test_short_lines_take_nothing_from_the_many_whole_ones(tmp_path: Path) -> None:
    whole, count = "1\tone\tx\n", 100_000
    found = read(tmp_path, "code\ttext\tother\n" + f"1\n{whole}" * count)
    assert found.height == 2 * count
    assert found.null_count().row(0) == (0, count, count)


def test_names_are_plain_codes_keep_their_zeros_and_odd_bytes_are_replaced(tmp_path: Path) -> None:
    found = read(tmp_path, b'\xef\xbb\xbf Thing_Code\tTEXT  \r\n 007 \t"Caf\xe9\t\r\n')
    assert found.to_dicts() == [{"thing_code": "007", "text": '"Caf\N{REPLACEMENT CHARACTER}'}]


@pytest.mark.parametrize(
    "header",
    ["", "\r\n", "\t\t", "\ufeff", "a\ta", "A\ta", "\t".join(f"c{n}" for n in range(20_000))],
)
def test_a_file_without_a_header_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(BadData, match="has no header"):
        read(tmp_path, f"{header}\n1\t2\n" if header else "")


@pytest.mark.parametrize("name", ["*", "^.*$", "a\x00", "a\rb", "\x1b[2J", "x" * 101])
def test_a_name_that_no_column_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadData, match="names in its header that no column can have"):
        read(tmp_path, f"code\t{name}\ttext\n1\t2\t3\n")


def test_what_polars_cannot_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> pl.DataFrame:
        raise pl.exceptions.ComputeError("a\nlong story")

    monkeypatch.setattr(pl.LazyFrame, "collect", fail)
    with pytest.raises(BadData) as caught:
        read(tmp_path, "code\ttext\n1\tone\n")
    assert caught.value.what == "xx.thing can't be read as a table (ComputeError)."


def words_of(
    column: str, series: dict[str, list[str]], **table: list[str | None]
) -> list[str | None]:
    lines = pl.DataFrame(table, schema=dict.fromkeys(table, pl.String()))
    return in_words(column, pl.DataFrame(series), lines, "xx.item").to_list()


ITEM = {"item_code": ["1"]}


@pytest.mark.parametrize(
    ("column", "code", "words"),
    [
        ("item_code", "item_code", "item_text"),
        ("item_code", "item", "item_name"),
        ("item", "item_code", "item_title"),
        ("item", "item", "item_description"),
        ("data_type_code", "data_type_code", "datatype_text"),
        ("item_code", "item_code", "label_text"),
    ],
)
def test_code_and_words_are_found_by_their_names(column: str, code: str, words: str) -> None:
    table: dict[str, list[str | None]] = {code: ["1", "2"], words: ["one", "two"]}
    assert words_of(column, {column: ["2", "1", "3", "2"]}, **table) == ["two", "one", None, "two"]


def test_words_that_are_named_for_the_code_come_before_any_others() -> None:
    assert words_of("item_code", ITEM, item_code=["1"], a_text=["no"], item_name=["1st"]) == ["1st"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["item_code", "group_name", "display_name"], "group_name, display_name may mean"),
        (["item_code", "group_code", "group_name"], "group_name may mean something else"),
        (["item_code", "group", "group_name"], "group_name may mean something else"),
        (["item_code", "area_name"], "area_name may mean something else"),
        (["item_code", "sort_sequence"], "has no column of words"),
        (["group_code", "item_name"], "has no column item_code"),
    ],
)
def test_words_that_may_be_of_something_else_are_not_taken(columns: list[str], said: str) -> None:
    table: dict[str, list[str | None]] = {name: ["1"] for name in columns}
    with pytest.raises(BadData, match=said):
        words_of("item_code", {"item_code": ["1"], "area_code": ["1"]}, **table)


def test_a_code_may_be_explained_twice_but_in_one_way() -> None:
    series = ITEM | {"begin_year": ["1990"]}
    years: list[str | None] = ["1980", "1985"]
    same: list[str | None] = ["one", "one"]
    assert words_of(
        "item_code", series, item_code=["1", "1"], item_text=same, begin_year=years
    ) == ["one"]
    with pytest.raises(BadData, match="explains a code in more than one way"):
        words_of("item_code", ITEM, item_code=["1", "1"], item_text=["one", "other"])


def test_a_code_that_is_explained_within_others_means_nothing_outside_of_these() -> None:
    series = {"item_code": ["1", "1", "1"], "group_code": ["a", "b", "c"]}
    same: list[str | None] = ["one", "one"]
    found = words_of(
        "item_code", series, group_code=["a", "b"], item_code=["1", "1"], item_name=same
    )
    assert found == ["one", "one", None]


def test_a_header_that_lacks_the_name_of_an_empty_column_is_put_right(tmp_path: Path) -> None:
    found = read(tmp_path, "srd_code\tsrd_text\r\n01\t\tAlabama\r\n02\t\tAlaska\r\n\r\n")
    assert found.rows() == [("01", "Alabama"), ("02", "Alaska")]
    assert found.columns == ["srd_code", "srd_text"]


def test_a_header_that_lacks_any_other_name_gives_no_words(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="more columns than its header has names"):
        read(tmp_path, "code\ttext\n1\ta\tone\n2\tb\ttwo\n")


def test_columns_find_their_tables_by_name_and_else_by_the_code_that_comes_first() -> None:
    headers = {
        "hs.case.type": ["x_code"],
        "hs.data.type": ["data_type_code"],
        "hs.datatype": ["data_type_code"],
        "hs.series": ["y_code"],
        "hs.division": ["srd_code", "srd_text"],
        "hs.map": ["map_code", "srd_code", "map_text"],
        "hs.a": ["twice_code", "a_text"],
        "hs.b": ["twice_code", "b_text"],
    }
    names = ("data_type", "case_type", "srd", "twice", "x", "y")
    columns = ["series_id", *(f"{name}_code" for name in names)]
    assert tables_for("hs", columns, headers, headers.__getitem__) == {
        "data_type_code": "hs.data.type",
        "case_type_code": "hs.case.type",
        "srd_code": "hs.division",
    }


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("", ""),
        ("P", "P: preliminary"),
        ("P,R", "P: preliminary; R: revised"),
        ("PR", "P: preliminary; R: revised"),
        ("12", "12: Twelve"),
        ("P 9", "P: preliminary; 9"),
        ("XP", "XP"),
    ],
)
def test_footnote_codes_are_shown_with_their_words(
    tmp_path: Path, codes: str, expected: str
) -> None:
    path = tmp_path / "f"
    path.write_text("footnote_code\tfootnote_text\nP\tpreliminary\nR\trevised.\n12\tTwelve\n")
    assert footnotes_in_words(codes, read_footnotes(path, "xx.footnote")) == expected


@pytest.mark.parametrize("body", ["", "code\ttext\nP\tx\n", "footnote_code\tsort\nP\t1\n"])
def test_footnotes_that_are_no_table_are_refused(tmp_path: Path, body: str) -> None:
    (tmp_path / "f").write_text(body)
    with pytest.raises(BadData):
        read_footnotes(tmp_path / "f", "xx.footnote")
