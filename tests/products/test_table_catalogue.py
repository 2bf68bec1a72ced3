"""The catalogue of tables: what stands, what is kept, and what makes no sense."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from blsquest.lake.keys import addresses_key, table_key
from blsquest.lake.manifest import Entry
from blsquest.products.tables import (
    Catalogue,
    LeftOut,
    Table,
    addresses,
    decode_catalogue,
    encode_catalogue,
    kept,
    stands,
)
from tests.support.lakes import LONG_AGO

AA, AB, BB, CC, CD = (digits * 32 for digits in ("aa", "ab", "bb", "cc", "cd"))
KEY = table_key("bls/xx", "xx.data.1", AA, BB)
TABLE = Table("xx.data.1", AA, KEY, 10, BB, 3, sorted=True)
CATALOGUE = Catalogue(
    source="bls/xx",
    schema=1,
    generation=7,
    sample=False,
    tables=(TABLE,),
    left_out=(LeftOut("xx.data.2", CC, "bad"),),
)
PRESENT = {KEY: 10}


def entry(name: str, sha256: str) -> Entry:
    return Entry(name, 1, sha256, sha256, "monday", None, LONG_AGO, LONG_AGO, settled=True)


def test_a_catalogue_is_read_as_it_was_written() -> None:
    columns: list[dict[str, Any]] = [{"name": "year"}]
    body = encode_catalogue(CATALOGUE, columns)
    assert decode_catalogue(body) == CATALOGUE
    assert json.loads(body)["columns"] == columns


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'{"format": "bls-data-quest/tables"}', b"\xff", b"[" * 9999],
)
def test_a_catalogue_that_makes_no_sense_is_none(body: bytes) -> None:
    assert decode_catalogue(body) is None


NONSENSE: list[dict[str, Any]] = [
    {"key": []},
    {"key": ""},
    {"key": "tables"},
    {"key": "../../.."},
    {"key": table_key("bls/xx", "xx.data.2", AA, BB)},
    {"key": table_key("bls/yy", "xx.data.1", AA, BB)},
    {"key": table_key("bls/xx", "xx.data.1", AA, "../bb"), "sha256": "../bb"},
    {"key": table_key("bls/xx", "xx.data.1", "../aa", BB), "vintage": "../aa"},
    {"file": 3},
    {"vintage": {}},
    {"sha256": None},
    {"rows": "x"},
    {"rows": -1},
    {"rows": 3.0},
    {"bytes": True},
    {"sorted": 1},
    {"more": 1},
]


@pytest.mark.parametrize("wrong", NONSENSE, ids=str)
def test_a_catalogue_is_believed_only_where_each_table_is_as_this_project_writes_it(
    wrong: dict[str, Any],
) -> None:
    document = json.loads(encode_catalogue(CATALOGUE, []))
    document["tables"][0] |= wrong
    assert decode_catalogue(json.dumps(document).encode()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "bls/yy"},
        {"source": 1},
        {"schema": "1"},
        {"generation": 7.0},
        {"sample": 0},
        {"tables": {}},
        {"left_out": [{"file": "xx.data.2", "vintage": "", "why": 1}]},
        {"left_out": [{"file": "xx.data.1", "vintage": AA, "why": "both there and not"}]},
        {"tables": [], "left_out": []},
    ],
    ids=str,
)
def test_a_catalogue_is_believed_only_whole(wrong: dict[str, Any]) -> None:
    document = json.loads(encode_catalogue(CATALOGUE, [])) | wrong
    assert decode_catalogue(json.dumps(document).encode()) is None


def test_a_file_that_is_named_twice_has_no_table() -> None:
    twice = replace(CATALOGUE, tables=(TABLE, TABLE))
    assert decode_catalogue(encode_catalogue(twice, [])) is None


@pytest.mark.parametrize(
    ("changed", "present", "there"),
    [
        ({}, PRESENT, True),
        ({"generation": 6}, PRESENT, False),
        ({"schema": 2}, PRESENT, False),
        ({}, {}, False),
        ({}, {KEY: 9}, False),
    ],
    ids=["as it was", "another generation", "another schema", "a table gone", "a table cut short"],
)
def test_a_catalogue_stands_only_whole(
    changed: dict[str, Any], present: dict[str, int], *, there: bool
) -> None:
    catalogue = replace(CATALOGUE, **changed)
    assert stands(catalogue, generation=7, schema=1, present=present) is there


def test_no_catalogue_does_not_stand() -> None:
    assert not stands(None, generation=7, schema=1, present=PRESENT)


def test_only_the_same_vintages_are_kept_and_only_where_their_tables_are() -> None:
    same = [entry("xx.data.1", AA), entry("xx.data.2", CC)]
    other = [entry("xx.data.1", AB), entry("xx.data.2", CD)]

    left = {"xx.data.2": CATALOGUE.left_out[0]}
    assert kept(CATALOGUE, same, schema=1, present=PRESENT) == ({"xx.data.1": TABLE}, left)
    assert kept(CATALOGUE, same, schema=1, present={}) == ({}, left)
    assert kept(CATALOGUE, other, schema=1, present=PRESENT) == ({}, {})
    assert kept(CATALOGUE, same, schema=2, present=PRESENT) == ({}, {})
    assert kept(None, same, schema=1, present=PRESENT) == ({}, {})


def test_a_table_answers_for_exactly_its_own_bytes() -> None:
    assert CATALOGUE.table_of(entry("xx.data.1", AA)) == TABLE
    assert CATALOGUE.table_of(entry("xx.data.1", AB)) is None
    assert CATALOGUE.table_of(entry("xx.data.2", AA)) is None


def test_athena_is_told_whole_addresses_a_line_each() -> None:
    assert addresses(CATALOGUE, "s3://b/lake") == (
        f"s3://b/lake/tables/bls/xx/xx.data.1/{AA}/{BB}.parquet\n".encode()
    )
    assert addresses_key("bls/xx") == "tables/athena/bls-xx"
