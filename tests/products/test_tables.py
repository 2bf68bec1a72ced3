"""The lake's tables: when they are made, what readers on S3 see, and what a crash leaves."""

from __future__ import annotations

import json
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest
from s3fs import S3FileSystem

from blsquest.lake.keys import table_key
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.products.tables import Catalogue, make_tables, read_catalogue, tables_stand
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import (
    LONG_AGO,
    PR,
    Clock,
    Fails,
    Killed,
    contents,
    history,
    mirror,
    recorded,
    take_population,
    twin,
    watched,
)
from tests.support.publishing import publish_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blsquest.lake.stores.base import Store
    from tests.support.lakes import When
    from tests.support.s3_servers import S3Server

CURRENT, ALL = "pr.data.0.Current", "pr.data.1.AllData"
CATALOGUE = "tables/bls/pr/tables.json"


@pytest.fixture
def lake(server: SampleServer, tmp_path: Path) -> DirectoryStore:
    """A lake with one generation of `pr`, and no tables yet."""
    lake = DirectoryStore(tmp_path / "lake")
    mirror(server, lake)
    return lake


def catalogue(lake: Store) -> Catalogue:
    found = read_catalogue(lake, PR)
    assert found is not None
    return found


def parquet(lake: Store) -> dict[str, bytes]:
    return {k: v for k, v in contents(lake, "tables/").items() if k.endswith(".parquet")}


# -- When --------------------------------------------------------------------------------------


def test_each_data_file_has_a_table_named_by_its_vintage_and_its_own_hash(
    lake: DirectoryStore,
) -> None:
    tabled = make_tables(lake, PR)

    assert tabled.made == (CURRENT, ALL)
    named = {t.file: (t.vintage, t.sha256) for t in catalogue(lake).tables}
    assert set(named) == {CURRENT, ALL}
    assert set(parquet(lake)) == {
        f"tables/bls/pr/{file}/{vintage}/{own}.parquet" for file, (vintage, own) in named.items()
    }
    assert [t.rows for t in catalogue(lake).tables] == [
        len(lake.read(f"bls/pr/{file}").splitlines()) - 1 for file in (CURRENT, ALL)
    ]
    columns = [column["name"] for column in json.loads(lake.read(CATALOGUE))["columns"]]
    assert columns == list(pl.read_parquet_schema(BytesIO(next(iter(parquet(lake).values())))))


def test_tables_that_stand_cost_two_requests_and_are_not_made_again(lake: DirectoryStore) -> None:
    make_tables(lake, PR)
    before = dict(lake.meter.requests)

    assert tables_stand(lake, PR, generation=1)

    spent = {verb: n - before.get(verb, 0) for verb, n in lake.meter.requests.items()}
    assert {verb: n for verb, n in spent.items() if n} == {"GET": 1, "LIST": 1}
    assert make_tables(lake, PR).made == ()


def test_only_a_new_vintage_makes_a_new_table_and_the_old_ones_stay(
    server: SampleServer, lake: DirectoryStore
) -> None:
    make_tables(lake, PR)
    old = parquet(lake)
    one_row_less = server.surveys["pr"][CURRENT].body.splitlines(keepends=True)[:-1]
    server.surveys["pr"][CURRENT] = published(
        b"".join(one_row_less), LONG_AGO.replace(month=7), generated=True
    )
    mirror(server, lake)

    assert not tables_stand(lake, PR, generation=2)
    assert make_tables(lake, PR).made == (CURRENT,)
    assert old.items() < parquet(lake).items()
    assert tables_stand(lake, PR, generation=2)


@pytest.mark.parametrize("what", ["gone", "cut short", "too long"])
def test_a_table_that_was_meddled_with_is_made_again_once(
    server: SampleServer, store: Store, what: str
) -> None:
    mirror(server, store)
    make_tables(store, PR)
    whole = parquet(store)
    key = next(iter(whole))
    store.delete(key)
    if what != "gone":
        store.put(key, whole[key][:100] if what == "cut short" else whole[key] + b"PAR1")

    assert not tables_stand(store, PR, generation=1)
    assert make_tables(store, PR).made == (CURRENT,)
    assert parquet(store) == whole
    assert tables_stand(store, PR, generation=1)
    assert make_tables(store, PR).made == ()


def test_a_malformed_data_file_and_a_survey_without_any_are_left_out_with_the_reason(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"]["pr.data.9.New"] = published(b"no data\r\n", LONG_AGO, generated=True)
    mirror(server, lake)

    tabled = make_tables(lake, PR)

    (left,) = tabled.catalogue.left_out
    assert (left.file, "has no column" in left.why) == ("pr.data.9.New", True)
    assert left.why in tabled.sentence()
    assert tables_stand(lake, PR, generation=2)

    server.surveys["pr"] = {"words.txt": published(b"words", LONG_AGO, generated=True)}
    other = DirectoryStore(lake.root.parent / "other")
    mirror(server, other)
    assert "The survey has no file named pr.data.*" in make_tables(other, PR).sentence()


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_at_any_call_leaves_no_part_of_a_table_and_the_next_makes_it_good(
    lake: DirectoryStore, tmp_path: Path, when: When, torn: bool
) -> None:
    make_tables(whole := twin(lake, tmp_path / "whole"), PR)
    made = parquet(whole)
    key, body = next(iter(made.items()))
    if torn:
        make_tables(lake, PR)
        lake.put(key, body[:100])
    make_tables(watched(twin(lake, tmp_path / "counted"), counted := Fails(at=0, when=when)), PR)
    for at in range(1, counted.calls + 1):
        broken = twin(lake, tmp_path / f"{at}")
        with pytest.raises(Killed):
            make_tables(watched(broken, Fails(at, when)), PR)
        assert parquet(broken).get(key) in {None, body, body[:100] if torn else body}
        make_tables(broken, PR)
        assert contents(broken, "tables/") == contents(whole, "tables/")


def test_a_run_that_was_overtaken_leaves_the_newer_ones_catalogue(
    server: SampleServer, lake: DirectoryStore
) -> None:
    def overtake(when: When, verb: str, _key: str) -> None:
        if (when, verb) == ("after", "upload") and len(history(lake)) == 1:
            server.publish(2)
            mirror(server, lake)
            make_tables(lake, PR)

    make_tables(watched(lake, overtake), PR)

    assert catalogue(lake).generation == 2
    assert tables_stand(lake, PR, generation=2)


# -- Who reads them ----------------------------------------------------------------------------


@pytest.fixture
def bucket(server: SampleServer, seaweed: S3Server) -> S3Store:
    """A lake on a real S3 server, with both sources and tables."""
    lake = S3Store(seaweed.fresh_bucket(), "lake", seaweed.options)
    mirror(server, lake)
    take_population(server, lake)
    make_tables(lake, PR)
    return lake


def file_system(seaweed: S3Server) -> S3FileSystem:
    return S3FileSystem(
        key=seaweed.key,
        secret=seaweed.secret,
        endpoint_url=seaweed.endpoint,
        skip_instance_cache=True,
    )


def test_polars_reads_the_tables_that_athena_is_told_of_from_a_real_s3_server(
    bucket: S3Store, seaweed: S3Server
) -> None:
    told = bucket.read("tables/athena/bls-pr").decode().splitlines()
    options = {
        "aws_access_key_id": seaweed.key,
        "aws_secret_access_key": seaweed.secret,
        "aws_endpoint_url": seaweed.endpoint,
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }

    frame = pl.scan_parquet(told, storage_options=options)

    rows = frame.group_by("file").agg(pl.len()).collect()
    assert dict(rows.iter_rows()) == {t.file: t.rows for t in catalogue(bucket).tables}
    one = frame.filter(pl.col("series_id") == "PRS84006112", pl.col("file") == CURRENT).collect()
    text = bucket.read(f"bls/pr/{CURRENT}").decode()
    published_rows = [line.split() for line in text.splitlines() if line.startswith("PRS84006112")]
    assert [[str(y), p] for y, p in one.select("year", "period").iter_rows()] == [
        row[1:3] for row in published_rows
    ]
    assert one.get_column("value").to_list() == [Decimal(row[3]) for row in published_rows]


def test_duckdb_reads_them_from_a_real_s3_server_as_one_table(
    bucket: S3Store, seaweed: S3Server
) -> None:
    told = bucket.read("tables/athena/bls-pr").decode().splitlines()
    with duckdb.connect() as connection:
        connection.register_filesystem(file_system(seaweed))
        found = connection.execute(
            "select file, count(*) from read_parquet($told) group by file", {"told": told}
        ).fetchall()

    assert dict(found) == {t.file: t.rows for t in catalogue(bucket).tables}


def test_a_lake_in_a_directory_has_no_addresses_for_athena(lake: DirectoryStore) -> None:
    make_tables(lake, PR)
    assert not contents(lake, "tables/athena/")


def test_a_report_over_tables_is_the_report_over_the_text_byte_for_byte(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path
) -> None:
    take_population(server, lake)
    request, now = Request(series="PRS84006112"), Clock()
    make_report(over_text := twin(lake, tmp_path / "text"), request, now=now)
    make_tables(over_tables := twin(lake, tmp_path / "tables"), PR)
    watched, read = recorded(over_tables, "open")

    make_report(watched, request, now=now)

    assert contents(over_tables, "analytics/") == contents(over_text, "analytics/")
    opened = [key for _, key in read]  # the report's own files among them
    tables = [key for key in opened if key.startswith("tables/")]
    assert {key.split("/")[3] for key in tables if key.endswith(".parquet")} == {CURRENT, ALL}
    assert not [key for key in opened if key.startswith("vintages/bls/pr/pr.data.")]


@pytest.mark.parametrize(
    "what", ["gone", "altered", "another vintage's", "another file's", "other columns"]
)
def test_a_report_passes_over_a_table_that_is_not_its_data_files(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path, what: str
) -> None:
    take_population(server, lake)
    request, now = Request(series="PRS84006112"), Clock()
    current, other = make_tables(lake, PR).catalogue.tables
    if what == "another vintage's":
        server.publish(2)
        mirror(server, lake)
    elif what in {"gone", "altered"}:
        for key in parquet(lake):
            lake.delete(key) if what == "gone" else lake.put(key, b"PAR1")
    else:
        pl.DataFrame({"year": [2024]}).write_parquet(columns := BytesIO())
        body = lake.read(other.key) if what == "another file's" else columns.getvalue()
        own = sha256(body).hexdigest()
        lake.put(key := table_key(PR, CURRENT, current.vintage, own), body)
        document = json.loads(lake.read(CATALOGUE))
        document["tables"][0] |= {"key": key, "sha256": own, "bytes": len(body)}
        lake.put(CATALOGUE, json.dumps(document).encode())
    text_only = twin(lake, tmp_path / "text")
    for key in contents(text_only, "tables/"):
        text_only.delete(key)

    make_report(text_only, request, now=now)
    make_report(lake, request, now=now)

    assert contents(lake, "analytics/") == contents(text_only, "analytics/")


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:0],
        lambda body: body[:-100],
        lambda body: b"\xff" + body,
        lambda body: body.replace(b"bls-data-quest/tables", b"another/format"),
        lambda body: body.replace(b'"source": "bls/pr"', b'"source": "bls/zz"'),
        lambda body: body.replace(b'"schema": 1', b'"schema": 0'),
        lambda body: body.replace(b'"rows": ', b'"rows": "many", "": '),
    ],
    ids=["empty", "torn", "no text", "no catalogue", "another survey", "another version", "a word"],
)
def test_a_catalogue_that_is_torn_or_another_is_none_and_the_next_run_mends_it(
    lake: DirectoryStore, change: Callable[[bytes], bytes]
) -> None:
    make_tables(lake, PR)
    whole = contents(lake, "tables/")
    lake.put(CATALOGUE, change(lake.read(CATALOGUE)))

    assert read_catalogue(lake, PR) is None
    assert not tables_stand(lake, PR, generation=1)
    make_tables(lake, PR)
    assert contents(lake, "tables/") == whole


def test_the_answers_over_a_real_releases_tables_are_those_over_its_text(
    shared_data: Path, tmp_path: Path
) -> None:
    with SampleServer() as server:
        publish_folder(server, shared_data / "pr" / "2025-02")
        lake = DirectoryStore(tmp_path / "lake")
        mirror(server, lake)
        take_population(server, lake)
        make_report(over_text := twin(lake, tmp_path / "text"), Request(), now=Clock())
        make_tables(lake, PR)
        make_report(lake, Request(), now=Clock())
    assert contents(lake, "analytics/") == contents(over_text, "analytics/")
    assert catalogue(lake).tables[0].rows == 36_651
    assert all(t.sorted for t in catalogue(lake).tables)
