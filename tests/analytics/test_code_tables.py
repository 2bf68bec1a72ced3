"""What a code table says of a column, and when it says nothing."""

from __future__ import annotations

import polars as pl
import pytest

from blsquest.analytics.code_tables import in_words
from blsquest.core.errors import BadData


def told(column: str, series: dict[str, list[str]], **table: list[str | None]) -> list[str | None]:
    lines = pl.DataFrame(table, schema=dict.fromkeys(table, pl.String()))
    return in_words(column, pl.DataFrame(series), lines, "xx.item").to_list()


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
    series = {column: ["2", "1", "3", "2"]}

    table: dict[str, list[str | None]] = {code: ["1", "2"], words: ["one", "two"]}
    found = told(column, series, **table)

    assert found == ["two", "one", None, "two"]


def test_words_that_are_named_for_the_code_come_before_any_others() -> None:
    found = told(
        "item_code", {"item_code": ["1"]}, item_code=["1"], a_text=["no"], item_name=["1st"]
    )

    assert found == ["1st"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["item_code", "group_name", "display_name"], "group_name, display_name may tell"),
        (["item_code", "group_code", "group_name"], "group_name may tell something else"),
        (["item_code", "group", "group_name"], "group_name may tell something else"),
        (["item_code", "area_name"], "area_name may tell something else"),
        (["item_code", "sort_sequence"], "has no column of words"),
        (["group_code", "item_name"], "has no column item_code"),
    ],
)
def test_words_that_may_be_of_something_else_are_not_taken(columns: list[str], said: str) -> None:
    table: dict[str, list[str | None]] = {name: ["1"] for name in columns}

    with pytest.raises(BadData, match=said):
        told("item_code", {"item_code": ["1"], "area_code": ["1"]}, **table)


def test_the_same_line_twice_is_one_way_whatever_stands_beside_the_words() -> None:
    found = told(
        "item_code",
        {"item_code": ["1"], "begin_year": ["1990"]},
        item_code=["1", "1"],
        item_text=["one", "one"],
        begin_year=["1980", "1985"],
        sort_sequence=["1", "2"],
    )

    assert found == ["one"]


def test_a_code_with_two_meanings_has_none() -> None:
    with pytest.raises(BadData, match="explains a code in more than one way"):
        told("item_code", {"item_code": ["1"]}, item_code=["1", "1"], item_text=["one", "other"])


def test_a_code_that_is_explained_within_others_means_nothing_outside_of_these() -> None:
    found = told(
        "item_code",
        {"item_code": ["1", "1", "1"], "group_code": ["a", "b", "c"]},
        group_code=["a", "b"],
        item_code=["1", "1"],
        item_name=["one", "one"],
    )

    assert found == ["one", "one", None]
