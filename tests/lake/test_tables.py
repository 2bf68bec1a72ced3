"""The catalogue of tables: what stands, what is kept, and what makes no sense."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flows.lake.model import Entry
from flows.lake.tables import (
    Catalogue,
    LeftOut,
    Table,
    addresses,
    addresses_key,
    decode_catalogue,
    encode_catalogue,
    kept,
    stands,
    table_key,
)
from tests.lakes import LONG_AGO

KEY = table_key("bls/xx", "xx.data.1", "aa", "bb")
TABLE = Table("xx.data.1", "aa", KEY, 10, "bb", 3, sorted=True)
CATALOGUE = Catalogue(
    source="bls/xx",
    schema=1,
    generation=7,
    sample=False,
    tables=(TABLE,),
    left_out=(LeftOut("xx.data.2", "cc", "bad"),),
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
    same = [entry("xx.data.1", "aa"), entry("xx.data.2", "cc")]
    other = [entry("xx.data.1", "ab"), entry("xx.data.2", "cd")]

    left = {"xx.data.2": CATALOGUE.left_out[0]}
    assert kept(CATALOGUE, same, schema=1, present=PRESENT) == ({"xx.data.1": TABLE}, left)
    assert kept(CATALOGUE, same, schema=1, present={}) == ({}, left)
    assert kept(CATALOGUE, other, schema=1, present=PRESENT) == ({}, {})
    assert kept(CATALOGUE, same, schema=2, present=PRESENT) == ({}, {})
    assert kept(None, same, schema=1, present=PRESENT) == ({}, {})


def test_a_table_answers_for_exactly_its_own_bytes() -> None:
    assert CATALOGUE.table_of(entry("xx.data.1", "aa")) == TABLE
    assert CATALOGUE.table_of(entry("xx.data.1", "ab")) is None
    assert CATALOGUE.table_of(entry("xx.data.2", "aa")) is None


def test_athena_is_told_whole_addresses_a_line_each() -> None:
    assert addresses(CATALOGUE, "s3://b/lake") == (
        b"s3://b/lake/tables/bls/xx/xx.data.1/aa/bb.parquet\n"
    )
    assert addresses_key("bls/xx") == "tables/athena/bls-xx"
