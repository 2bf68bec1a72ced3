"""The lake's tables: when they are made, what readers see, and what a crash or a move leaves."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pyiceberg.table import StaticTable

from blsquest.core.errors import Refused
from blsquest.lake.keys import manifest_key, table_key, view_record_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.products.audit import audit
from blsquest.products.iceberg import KEPT
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.products.tables import make_tables, tables_current, tables_of
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from tests.support.commands import PROJECT
from tests.support.duck import ask
from tests.support.lakes import (
    LONG_AGO,
    PR,
    Clock,
    Fails,
    Killed,
    When,
    contents,
    history,
    mirror,
    recorded,
    release,
    take_population,
    twin,
    watched,
)
from tests.support.publishing import publish_folder
from tests.support.s3_servers import S3Server

CURRENT, ALL = "pr.data.0.Current", "pr.data.1.AllData"
VALUES = "select distinct value from $table where file = 'pr.data.0.Current'"
HEADER = "series_id\tyear\tperiod\tvalue\tfootnote_codes\r\n"
WORDS = "series_id\tseries_title\tbegin_year\tbegin_period\tend_year\tend_period\r\n"


@pytest.fixture
def lake(server: SampleServer, tmp_path: Path) -> DirectoryStore:
    """A lake with one generation of `pr`, and no tables yet."""
    lake = DirectoryStore(tmp_path / "lake")
    mirror(server, lake)
    return lake


def edition(number: int) -> dict[str, bytes]:
    """Return a release of two series: its values are its number; one data file never changes."""
    rows = "".join(
        f"PRS{s}\t{year}\tA01\t{number}.5\t\r\n" for s in (1, 2) for year in (2023, 2024)
    )
    return {
        CURRENT: (HEADER + rows).encode(),
        ALL: (HEADER + "PRS1\t2000\tA01\t7\tR\r\n").encode(),
        "pr.series": f"{WORDS}PRS1\tOutput {number}\t2000\tA01\t2024\tA01\r\n".encode(),
    }


def grow(server: SampleServer, lake: Store, *numbers: int, tables: bool = True) -> None:
    """Commit a generation for each number, a day apart, and make the tables of each."""
    for number in numbers:
        moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)
        server.surveys["pr"] = release(edition(number), LONG_AGO + timedelta(days=number))
        mirror(server, lake, Clock(moment))
        if tables:
            make_tables(lake, PR)


def parquet(lake: Store) -> dict[str, bytes]:
    return {k: v for k, v in contents(lake, "tables/").items() if k.endswith(".parquet")}


def of_data_files(lake: Store) -> dict[str, list[str]]:
    """The vintages that have a Parquet file, by data file."""
    found: dict[str, list[str]] = {}
    for key in parquet(lake):
        *_, file, vintage, _ = key.split("/")
        if len(vintage) == len(sha256().hexdigest()):
            found.setdefault(file, []).append(vintage)
    return found


def snapshots(lake: Store) -> list[list[int]]:
    """The generations that each of the three tables has."""
    listed = lake.list("tables/")
    return [[*t.read(listed).known()] for t in tables_of(lake, PR)]


def folder(lake: Store, name: str = "observations") -> str:
    return f"{lake.url}/tables/bls/pr/{name}"


def metadata(lake: Store) -> str:
    table = tables_of(lake, PR)[0].read(lake.list("tables/"))
    return f"{lake.url}/{table.key(table.number)}"


def faults(lake: Store) -> list[str]:
    """What the audit finds wrong with the tables."""
    found = [f for f in audit(lake).findings if f.key.startswith("tables/")]
    return [f"{f.key} {f.what}" for f in found if f.severity != "note"]


# -- When --------------------------------------------------------------------------------------


def test_each_data_file_has_a_parquet_file_named_by_its_vintage_and_its_own_hash(
    lake: DirectoryStore,
) -> None:
    tabled = make_tables(lake, PR)

    assert (tabled.made, tabled.generation) == ((CURRENT, ALL), 1)
    for key, body in parquet(lake).items():
        assert key.endswith(f"/{sha256(body).hexdigest()}.parquet")
    vintages = {e.name: [e.sha256] for e in ManifestLog(lake, PR).newest().manifest.files}
    assert of_data_files(lake) == {name: vintages[name] for name in (CURRENT, ALL)}
    assert snapshots(lake) == [[1], [1], [1]]
    assert faults(lake) == []


def test_a_run_knows_from_the_record_that_the_tables_are_made(
    server: SampleServer, store: Store
) -> None:
    for _ in range(2):
        assert mirror(server, store).tables is None
    make_tables(store, PR)
    assert tables_current(store, mirror(server, store).tables)
    server.publish(2)
    assert mirror(server, store).tables is None


def test_a_new_vintage_alone_makes_a_parquet_file_and_the_old_ones_stay(
    server: SampleServer, lake: DirectoryStore
) -> None:
    make_tables(lake, PR)
    old = parquet(lake)
    one_row_less = server.surveys["pr"][CURRENT].body.splitlines(keepends=True)[:-1]
    server.surveys["pr"][CURRENT] = published(
        b"".join(one_row_less), LONG_AGO.replace(month=7), generated=True
    )
    mirror(server, lake)

    assert make_tables(lake, PR).made == (CURRENT,)
    assert old.items() < parquet(lake).items()
    assert make_tables(lake, PR).made == ()
    assert snapshots(lake) == [[1, 2], [1, 2], [1, 2]]


def test_what_is_no_table_is_left_out_with_the_reason(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"]["pr.data.9.New"] = published(b"no data\r\n", LONG_AGO, generated=True)
    mirror(server, lake)
    assert "pr.data.9.New has no column" in make_tables(lake, PR).sentence()
    server.publish(2)
    server.surveys["pr"]["pr.data.9.New"] = published(b"no data\r\n", LONG_AGO, generated=True)
    mirror(server, lake)
    watching, read = recorded(lake, "open")

    again = make_tables(watching, PR)

    assert "has no column" in again.left_out["pr.data.9.New"]
    assert not [key for _, key in read if "pr.data.9.New" in key]
    reasons = ask("select no_table from $table where file = 'pr.data.9.New'", folder(lake, "files"))
    assert [("has no column" in why) for (why,) in reasons] == [True, True]

    server.surveys["pr"] = {"words.txt": published(b"words", LONG_AGO, generated=True)}
    mirror(server, other := DirectoryStore(lake.root.parent / "other"))
    assert "pr.data.*: the survey has no such file" in make_tables(other, PR).sentence()
    assert ask("from $table", folder(other)) == []


def test_a_data_file_whose_columns_change_stays_in_the_table_or_says_why_not(
    server: SampleServer, lake: DirectoryStore
) -> None:
    for number, header in enumerate(
        ("series_id\tyear\tperiod\tvalue\tnew\tfootnote_codes", "id"), 2
    ):
        bodies = {CURRENT: f"{header}\r\nPRS1\t2024\tA01\t1\tx\t\r\n".encode()}
        server.surveys["pr"] = release(bodies, LONG_AGO.replace(month=number))
        mirror(server, lake, allow=frozenset({"removals", "shrink"}))
        tabled = make_tables(lake, PR)
        assert tabled.generation == number
        assert (CURRENT in tabled.left_out) is (CURRENT not in tabled.made)
    assert faults(lake) == []


# -- Crashes, races, moves ---------------------------------------------------------------------


@pytest.mark.parametrize("moved", [False, True])
def test_a_run_killed_at_any_call_leaves_tables_that_are_whole_and_the_next_brings_them_up(
    server: SampleServer, tmp_path: Path, moved: bool
) -> None:
    grow(server, first := DirectoryStore(tmp_path / "lake"), 1)
    grow(server, first, 2, tables=False)
    saved = twin(first, tmp_path / "saved")

    def again() -> DirectoryStore:
        """The lake as it was; also at another place, for which its metadata is not."""
        place = tmp_path / ("elsewhere" if moved else "lake")
        shutil.rmtree(place, ignore_errors=True)
        return twin(saved, place)

    make_tables(watched(again(), counted := Fails(0, "after")), PR)
    assert counted.calls > 20
    for at in range(1, counted.calls + 1):
        lake = again()
        with pytest.raises(Killed):
            make_tables(watched(lake, Fails(at, "after")), PR)
        assert faults(lake) == []
        make_tables(lake, PR)
        assert (snapshots(lake), faults(lake)) == ([[1, 2]] * 3, [])
    assert len(ask("from $table", folder(lake))) == 5
    assert tables_current(
        lake, mirror(server, lake, Clock(datetime(2025, 2, 1, tzinfo=UTC))).tables
    )


def test_two_runs_at_once_make_the_same_tables(server: SampleServer, store: Store) -> None:
    """The second does all of its work at each of the first one's puts of metadata."""
    grow(server, store, 1)
    grow(server, store, 2, tables=False)
    met: list[str] = []

    def meet(when: When, verb: str, key: str) -> None:
        if (when, verb) == ("before", "put_new") and key.endswith(".json") and key not in met:
            met.append(key)
            make_tables(store, PR)

    make_tables(watched(store, meet), PR)

    assert met
    assert snapshots(store) == [[1, 2]] * 3
    assert faults(store) == []


def test_a_run_that_was_overtaken_leaves_the_newer_ones_tables(
    server: SampleServer, tmp_path: Path
) -> None:
    grow(server, lake := DirectoryStore(tmp_path / "lake"), 1, tables=False)

    def overtake(when: When, verb: str, _key: str) -> None:
        if (when, verb) == ("after", "upload") and len(history(lake)) == 1:
            grow(server, lake, 2)

    make_tables(watched(lake, overtake), PR)

    assert [table[-1] for table in snapshots(lake)] == [2, 2, 2]
    make_tables(lake, PR)
    assert faults(lake) == []


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_never_drops_what_another_adds_between_its_looks_at_tables_and_log(
    server: SampleServer, tmp_path: Path, after: int
) -> None:
    grow(server, lake := DirectoryStore(tmp_path / "lake"), 1)
    looks: list[str] = []

    def add(when: When, verb: str, key: str) -> None:
        if (when, verb) == ("after", "list"):
            looks.append(key)
            if len(looks) == after:
                grow(server, lake, 2)

    make_tables(watched(lake, add), PR)

    assert len(looks) >= after
    assert snapshots(lake) == [[1, 2]] * 3
    assert faults(lake) == []


def test_a_log_that_lost_its_end_takes_the_snapshots_with_it(
    server: SampleServer, tmp_path: Path
) -> None:
    grow(server, lake := DirectoryStore(tmp_path / "lake"), 1, 2, 3)
    lake.delete(manifest_key(PR, 3))
    assert make_tables(lake, PR).generation == 2
    assert snapshots(lake) == [[1, 2]] * 3
    server.surveys["pr"] = release(edition(4), LONG_AGO + timedelta(days=4))
    later = Clock(datetime(2025, 1, 5, tzinfo=UTC))
    mirror(server, lake, later, allow=frozenset({"shortened-log"}))  # another generation 3
    make_tables(lake, PR)
    assert snapshots(lake) == [[1, 2, 3]] * 3
    assert ask(VALUES, folder(lake)) == [(Decimal("4.5"),)]


@pytest.mark.parametrize("old_place", ["gone", "kept"])
def test_a_lake_that_was_moved_or_copied_heals_with_all_its_generations(
    server: SampleServer, tmp_path: Path, old_place: str
) -> None:
    grow(server, lake := DirectoryStore(tmp_path / "lake"), 1, 2)
    moved = twin(lake, tmp_path / "moved")
    if old_place == "gone":
        lake.root.rename(tmp_path / "elsewhere")
    else:
        for key in parquet(lake):
            lake.delete(key)
            lake.put(key, b"of the old place")
    assert mirror(server, moved, Clock(datetime(2025, 2, 1, tzinfo=UTC))).tables is None
    made = make_tables(moved, PR)
    assert (made.made, made.added) == ((), 2)
    rows = ask("select count(*), max(value) from $table", folder(moved), "snapshot_from_id=1")
    assert rows == [(5, Decimal(7))]
    assert snapshots(moved) == [[1, 2]] * 3


def test_a_lake_without_tables_begins_with_its_newest_and_a_rebuild_fills_in_the_rest(
    server: SampleServer, store: Store
) -> None:
    grow(server, store, 1, 2, 3, tables=False)
    make_tables(store, PR)
    assert snapshots(store) == [[3]] * 3
    assert make_tables(store, PR, anew=[1, 2, 3]).added == 3
    assert snapshots(store) == [[1, 2, 3]] * 3
    assert faults(store) == []
    before = of_data_files(store)
    for stored in store.list("tables/"):
        store.delete(stored.key)
    make_tables(store, PR, anew=[1, 2, 3])
    assert of_data_files(store) == before
    assert faults(store) == []


def test_a_commit_of_another_program_is_refused_by_name_and_a_rebuild_leaves_it_out(
    server: SampleServer, tmp_path: Path
) -> None:
    grow(server, lake := DirectoryStore(tmp_path / "lake"), 1)
    table = tables_of(lake, PR)[0]
    theirs = lake.read(table.key(1)).replace(b"bls-data-quest.manifest-sha256", b"theirs")
    lake.put(table.key(2), theirs)
    grow(server, lake, 2, tables=False)

    with pytest.raises(Refused, match=r"v2\.metadata\.json has snapshots that another program"):
        make_tables(lake, PR)
    assert lake.read(table.key(2)) == theirs
    assert mirror(server, lake, Clock(datetime(2025, 2, 1, tzinfo=UTC))).tables is None
    make_tables(lake, PR, anew=[1, 2])
    assert snapshots(lake) == [[1, 2]] * 3


def test_metadata_that_was_torn_is_made_anew(server: SampleServer, tmp_path: Path) -> None:
    grow(server, lake := DirectoryStore(tmp_path / "lake"), 1, 2)
    for table, body in zip(tables_of(lake, PR), (b"", b"{}", b"\xff"), strict=True):
        lake.put(table.key(2), body)
    lake.delete(view_record_key(PR))
    make_tables(lake, PR)
    assert [table[-1] for table in snapshots(lake)] == [2, 2, 2]
    assert faults(lake) == []


def test_the_files_of_metadata_stay_few(server: SampleServer, tmp_path: Path) -> None:
    grow(server, lake := DirectoryStore(tmp_path / "lake"), *range(1, KEPT + 4))
    names = [stored.key for stored in lake.list("tables/bls/pr/observations/metadata/")]
    assert len([name for name in names if name.endswith(".json")]) == KEPT
    assert snapshots(lake)[0] == [*range(1, KEPT + 4)]


# -- Who reads them ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """Three generations, of 2, 3 and 4 January 2025; the second value is theirs and a half."""
    with SampleServer() as server:
        grow(server, lake := DirectoryStore(tmp_path_factory.mktemp("versions") / "lake"), 1, 2, 3)
    return lake


def test_duckdb_reads_a_generation_by_its_number_and_by_its_time(versions: DirectoryStore) -> None:
    for clause, value in (
        ("", "3.5"),
        ("snapshot_from_id=1", "1.5"),
        ("snapshot_from_timestamp=TIMESTAMP '2025-01-03 00:00:00'", "2.5"),
        ("snapshot_from_timestamp=TIMESTAMP '2025-01-03 23:59:59'", "2.5"),
    ):
        for at in (folder(versions), metadata(versions)):
            assert ask(VALUES, at, clause) == [(Decimal(value),)]


def test_polars_and_pyiceberg_read_a_generation_by_its_number_its_tag_and_its_time(
    versions: DirectoryStore,
) -> None:
    at = metadata(versions)
    one = pl.scan_iceberg(at, snapshot_id=1).filter(file=CURRENT).collect()
    assert one.get_column("value").unique().to_list() == [Decimal("1.5")]
    assert one.schema["value"] == pl.Decimal(38, 9)
    table = StaticTable.from_metadata(at)
    assert [s.snapshot_id for s in table.snapshots()] == [1, 2, 3]
    noon = datetime(2025, 1, 3, 12, tzinfo=UTC)
    timely = table.snapshot_as_of_timestamp(int(noon.timestamp() * 1000))
    assert [s and s.snapshot_id for s in (table.snapshot_by_name("generation-2"), timely)] == [2, 2]
    asked = table.scan(row_filter=f"file == '{ALL}' and series_id == 'PRS1'", snapshot_id=2)
    assert asked.to_arrow().num_rows == 1
    assert len(list(asked.plan_files())) == 1


def test_a_snapshots_time_is_its_manifests_and_its_properties_name_it(
    versions: DirectoryStore,
) -> None:
    for generation, snapshot in zip(
        history(versions), StaticTable.from_metadata(metadata(versions)).snapshots(), strict=True
    ):
        manifest = generation.manifest
        assert snapshot.snapshot_id == snapshot.sequence_number == manifest.generation
        assert snapshot.timestamp_ms == manifest.committed.timestamp() * 1000
        assert snapshot.summary
        said: dict[str, Any] = snapshot.summary.additional_properties
        assert said["bls-data-quest.manifest-sha256"] == generation.sha256
        assert datetime.fromisoformat(said["bls-data-quest.committed"]) == manifest.committed


def test_the_catalogue_and_the_files_of_every_generation_are_tables_too(
    versions: DirectoryStore,
) -> None:
    series = ("select title, last_period from $table", folder(versions, "series"))
    assert ask(*series) == [("Output 3", "2024 A01")]
    assert ask(*series, "snapshot_from_id=1") == [("Output 1", "2024 A01")]
    files = folder(versions, "files")
    count = "select generation, count(*), count(distinct sha256) from $table group by 1 order by 1"
    assert ask(count, files) == [(1, 3, 3), (2, 3, 3), (3, 3, 3)]
    first = "select first_seen, stamp from $table where generation = 3 and file = "
    (entry,) = [e for e in history(versions)[2].manifest.files if e.name == ALL]
    assert ask(f"{first}'{ALL}'", files) == [(entry.first_seen, entry.stamp)]


def test_duckdb_and_polars_read_them_from_a_real_s3_server(
    server: SampleServer, seaweed: S3Server
) -> None:
    grow(server, lake := S3Store(seaweed.fresh_bucket(), "lake", seaweed.options), 1, 2)
    assert ask(VALUES, folder(lake), "snapshot_from_id=1", seaweed) == [(Decimal("1.5"),)]
    options = {
        "s3.access-key-id": seaweed.key,
        "s3.secret-access-key": seaweed.secret,
        "s3.endpoint": seaweed.endpoint,
        "s3.region": "us-east-1",
        "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
    }
    of_polars = {
        "aws_access_key_id": seaweed.key,
        "aws_secret_access_key": seaweed.secret,
        "aws_endpoint_url": seaweed.endpoint,
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }
    table = StaticTable.from_metadata(metadata(lake), options)
    frame = pl.scan_iceberg(table, snapshot_id=1, storage_options=of_polars)
    rows = frame.filter(file=CURRENT).collect()
    assert rows.get_column("value").unique().to_list() == [Decimal("1.5")]


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
    make_tables(lake, PR)
    current, other = sorted(key for key in parquet(lake) if "/pr.data." in key)
    if what == "another vintage's":
        server.publish(2)
        mirror(server, lake)
    elif what in {"gone", "altered"}:
        for key in parquet(lake):
            lake.delete(key) if what == "gone" else lake.put(key, b"PAR1")
    else:
        pl.DataFrame({"year": [2024]}).write_parquet(columns := BytesIO())
        body = lake.read(other) if what == "another file's" else columns.getvalue()
        lake.put(table_key(PR, CURRENT, current.split("/")[-2], sha256(body).hexdigest()), body)
        lake.delete(current)
    text_only = twin(lake, tmp_path / "text")
    for key in contents(text_only, "tables/"):
        text_only.delete(key)

    make_report(text_only, request, now=now)
    make_report(lake, request, now=now)

    assert contents(lake, "analytics/") == contents(text_only, "analytics/")


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
    assert ask("select count(*) from $table where file = 'pr.data.0.Current'", folder(lake)) == [
        (36_651,)
    ]


def test_what_makes_no_tables_imports_no_pyiceberg() -> None:
    code = (
        "import sys, blsquest.products.audit, blsquest.products.tables\n"
        "print('pyiceberg' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
