"""What a run and a reader believe of the log: not that it lost its end, nor a stranger in it."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from blsquest import Lake
from blsquest.core.errors import Corrupt, Refused, StoreError
from blsquest.lake.as_of import parse_as_of
from blsquest.lake.keys import manifest_key, view_record_key
from blsquest.lake.log import ManifestLog, held_surveys
from blsquest.lake.record import Publication, read_record
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.catalogue import generations_of
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import (
    LONG_AGO,
    PR,
    Killed,
    When,
    assert_whole,
    contents,
    history,
    mirror,
    recorded,
    release,
    small,
    twin,
    watched,
)

RECORD = view_record_key(PR)
LOG = f"manifests/{PR}/"


@pytest.fixture
def server(server: SampleServer) -> SampleServer:
    server.surveys["pr"] = small(1)
    return server


def grow(server: SampleServer, lake: Store, *releases: int) -> None:
    for number in releases:
        server.surveys["pr"] = small(number)
        mirror(server, lake)


def manifest(number: int) -> str:
    return manifest_key(PR, number)


def edit(lake: Store, key: str, **fields: object) -> bytes:
    """Return the JSON with some of its fields replaced."""
    return json.dumps(json.loads(lake.read(key)) | fields).encode()


def published(lake: Store) -> Publication:
    found = read_record(lake, PR).published
    assert found is not None
    return found


def check_refused(server: SampleServer, lake: Store, says: str, **options: Any) -> None:
    """A run, dry or not, asks the publisher for nothing and leaves the lake as it is."""
    before, asked = contents(lake), len(server.requests)
    for dry_run in (True, False):
        with pytest.raises(Refused, match=says) as caught:
            mirror(server, lake, dry_run=dry_run, **options)
        assert "--allow shortened-log" in caught.value.remedy
        assert "estore" in caught.value.remedy
    assert contents(lake) == before
    assert len(server.requests) == asked


# -- The record ---------------------------------------------------------------------------------


def test_the_record_names_also_a_commit_without_copies(server: SampleServer, store: Store) -> None:
    for month in (1, 2):
        modified = LONG_AGO.replace(month=month)
        server.surveys["pr"] = release({"pr.data.0.Some": b"same"}, modified)
        mirror(server, store)
        newest = history(store)[-1]
        assert newest.manifest.generation == month
        assert published(store) == Publication(month, newest.sha256, store.address)
    assert mirror(server, store).name == "Unchanged"


@pytest.mark.parametrize(
    ("more", "ends"),
    [
        (None, "Unchanged"),  # as the release before wrote it
        ({"of_later": 1}, "Unchanged"),
        ({"generation": 0}, "Repaired"),
        ({"generation": -1}, "Repaired"),
    ],
)
def test_an_odd_record_alarms_nobody_and_is_completed(
    server: SampleServer, lake: DirectoryStore, more: dict[str, int] | None, ends: str
) -> None:
    grow(server, lake, 1, 2)
    record = json.loads(lake.read(RECORD))
    named = record.pop("published")
    record["copied"] = {key: copied | (more or {}) for key, copied in record["copied"].items()}
    lake.put(RECORD, json.dumps(record | ({"published": named | more} if more else {})).encode())
    assert mirror(server, lake).name == ends
    assert published(lake).generation == 2
    lake.meter.requests.clear()
    assert mirror(server, lake).name == "Unchanged"
    assert lake.meter.requests == {"LIST": 2, "GET": 2}


def test_a_record_that_is_behind_alarms_nobody(server: SampleServer, lake: DirectoryStore) -> None:
    grow(server, lake, 1)
    old = lake.read(RECORD)
    grow(server, lake, 2, 3)
    lake.put(RECORD, old)
    assert mirror(server, lake).name == "Repaired"
    assert published(lake).generation == 3


# -- A log that lost its end, or of which a part was replaced -------------------------------------


def test_a_log_that_lost_its_end_takes_an_allowance(server: SampleServer, store: Store) -> None:
    grow(server, store, 1, 2)
    store.delete(manifest(2))
    check_refused(server, store, "lost its end: it ends with generation 1, and generation 2 was")
    outcome = mirror(server, store, allow=frozenset({"shortened-log"}))
    assert (outcome.name, outcome.generation) == ("Changed", 2)
    assert mirror(server, store).name == "Unchanged"
    assert_whole(store)


ALTERED: dict[str, Callable[[Store], bytes]] = {
    "another run": lambda lake: edit(lake, manifest(2), run="another"),
    "of 2099": lambda lake: edit(lake, manifest(2), committed="2099-01-01T00:00:00.000000Z"),
    "without its tombstones": lambda lake: edit(lake, manifest(2), tombstones=[]),
}


@pytest.mark.parametrize("how", ALTERED)
def test_a_replaced_end_is_refused(server: SampleServer, lake: DirectoryStore, how: str) -> None:
    server.surveys["pr"] = small(1, 4)
    mirror(server, lake)
    grow(server, lake, 2)
    body = ALTERED[how](lake)
    lake.delete(manifest(2))
    lake.put(manifest(2), body)
    check_refused(server, lake, f"{manifest(2)} is not the manifest that was published")


def test_a_log_that_was_rolled_back_and_went_on_is_refused(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path
) -> None:
    """Another generation 2, and one on top of it: the record that lies beside them is older."""
    grow(server, lake, 1)
    rolled_back = twin(lake, tmp_path / "other")
    grow(server, lake, 2)
    for number in (3, 4):
        grow(server, rolled_back, number)
        for each in rolled_back.list(LOG):
            lake.put(each.key, rolled_back.read(each.key))
        for each in rolled_back.list("vintages/"):
            lake.put(each.key, rolled_back.read(each.key))
        check_refused(server, lake, f"{manifest(2)} is not the manifest that was published")


def test_without_a_record_the_parent_decides(server: SampleServer, lake: DirectoryStore) -> None:
    grow(server, lake, 1, 2)
    lake.put(manifest(3), edit(lake, manifest(2), generation=3, parent="0" * 64))
    for _ in range(2):
        before = contents(lake)
        with pytest.raises(
            Corrupt, match=rf"{manifest(3)} does not name the bytes of generation 2"
        ):
            mirror(server, lake)
        assert contents(lake) == before
        lake.delete(RECORD)


def test_what_comes_before_a_commit_must_follow(server: SampleServer, lake: DirectoryStore) -> None:
    grow(server, lake, 1)

    def forge(when: When, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "put_new", manifest(2)):
            lake.put(key, edit(lake, manifest(1), generation=2, parent="0" * 64))

    with pytest.raises(Corrupt, match=rf"{manifest(2)} does not name the bytes of generation 1"):
        grow(server, watched(lake, forge), 2)
    assert list(contents(lake, LOG)) == [manifest(1), manifest(2)]


# -- No false alarm -----------------------------------------------------------------------------


def test_a_live_lake_that_was_copied_between_a_commit_and_its_record_is_no_alarm(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path
) -> None:
    """Its manifests were listed before the commit, and its record was read after it."""
    grow(server, lake, 1)
    copy = twin(lake, tmp_path / "copy")
    grow(server, lake, 2)
    copy.put(RECORD, lake.read(RECORD))
    outcome = mirror(server, copy)
    assert (outcome.name, outcome.generation) == ("Changed", 2)
    assert_whole(copy)
    assert published(copy).lake == copy.address
    copy.delete(manifest(2))
    check_refused(server, copy, "lost its end")


# -- An empty log -------------------------------------------------------------------------------


LOST: dict[str, Callable[[DirectoryStore], object]] = {
    "the record and the view are there": lambda _: None,
    "the record alone is there": lambda lake: shutil.rmtree(lake.root / PR),
    "the view alone is there": lambda lake: lake.delete(RECORD),
    "all logs are gone": lambda lake: shutil.rmtree(lake.root / "manifests"),
}


@pytest.mark.parametrize("how", LOST)
def test_no_history_begins_anew(server: SampleServer, lake: DirectoryStore, how: str) -> None:
    grow(server, lake, 1, 2)
    shutil.rmtree(lake.root / LOG)
    LOST[how](lake)
    check_refused(server, lake, f"The log of {PR} is lost")
    check_refused(server, lake, f"The log of {PR} is lost", allow=frozenset({"foreign-files"}))
    outcome = mirror(server, lake, allow=frozenset({"shortened-log"}))
    assert (outcome.name, outcome.generation) == ("Changed", 1)
    assert mirror(server, lake).name == "Unchanged"
    assert_whole(lake)


def test_vintages_of_a_killed_first_run_are_used(
    server: SampleServer, lake: DirectoryStore
) -> None:
    with pytest.raises(Killed):
        mirror(server, watched(lake, before_the_commit))
    assert {key.partition("/")[0] for key in contents(lake)} == {"vintages"}
    assert mirror(server, lake).name == "Changed"
    assert_whole(lake)


def test_strangers_files_take_an_allowance(server: SampleServer, lake: DirectoryStore) -> None:
    lake.put(f"{PR}/someone's", b"notes")
    allow = frozenset({"foreign-files"})
    with pytest.raises(Killed):
        mirror(server, watched(lake, before_the_commit), allow=allow)
    with pytest.raises(Refused, match=r"holds 1 objects, .*someone's the first"):
        mirror(server, lake)
    with pytest.raises(Refused, match="--allow foreign-files"):
        mirror(server, lake, allow=frozenset({"shortened-log"}))
    assert mirror(server, lake, allow=allow).name == "Changed"
    assert_whole(lake)


def before_the_commit(when: When, verb: str, key: str) -> None:
    if when == "before" and key.startswith(LOG) and verb == "put_new":
        raise Killed


# -- Readers ------------------------------------------------------------------------------------


def readers(lake: DirectoryStore) -> list[Callable[[], object]]:
    log = ManifestLog(lake, PR)
    return [
        log.newest,
        lambda: log.as_of(parse_as_of("2099-01-01")),
        lambda: log.numbered(max(log.generations())),
        lambda: generations_of(lake, PR),
        lambda: Lake(lake.root).files("pr"),
        lambda: Lake(lake.root).revisions("pr"),
    ]


def test_readers_refuse_a_newest_without_parent(server: SampleServer, lake: DirectoryStore) -> None:
    grow(server, lake, 1, 2)
    lake.put(manifest(3), edit(lake, manifest(2), generation=3, parent="0" * 64))
    for read in readers(lake):
        with pytest.raises(
            Corrupt, match=rf"{manifest(3)} does not name the bytes of generation 2"
        ):
            read()


def test_the_newest_costs_one_list_and_two_gets(server: SampleServer, lake: DirectoryStore) -> None:
    grow(server, lake, 1, 2, 3)
    store, calls = recorded(lake)
    assert ManifestLog(store, PR).newest().manifest.generation == 3
    assert [verb for verb, _ in calls] == ["list", "read", "read"]


STRAYS: dict[str, Callable[[DirectoryStore], bytes]] = {
    "garbage": lambda _: b"{}",
    "a manifest of another number": lambda lake: lake.read(manifest(2)),
    "a forged one": lambda lake: edit(lake, manifest(2), generation=99, parent="0" * 64),
}


@pytest.mark.parametrize("how", STRAYS)
def test_a_stray_is_to_be_moved_away(server: SampleServer, lake: DirectoryStore, how: str) -> None:
    grow(server, lake, 1, 2)
    lake.put(manifest(99), STRAYS[how](lake))
    for attempt in (lambda: mirror(server, lake), *readers(lake)):
        with pytest.raises(Corrupt, match=rf"{manifest(99)} is no part of the log") as caught:
            attempt()
        assert caught.value.remedy == "Move it away."


@pytest.mark.parametrize("record", ["there", "lost"])
def test_a_chain_of_strays_is_reported(
    server: SampleServer, lake: DirectoryStore, record: str
) -> None:
    grow(server, lake, 1, 2)
    parent = lake.read(manifest(2))
    for number in (98, 99):
        parent = edit(lake, manifest(2), generation=number, parent=sha256(parent).hexdigest())
        lake.put(manifest(number), parent)
    says = rf"{manifest(98)} is no part of the log, which ends with generation 2"
    if record == "lost":
        lake.delete(RECORD)
        says = rf"{manifest(3)} and those up to generation 97 are missing"
    for attempt in (lambda: mirror(server, lake), *readers(lake)):
        with pytest.raises(Corrupt, match=says):
            attempt()


@pytest.mark.parametrize("gone", [2, 3])
def test_a_hole_is_to_be_restored(server: SampleServer, lake: DirectoryStore, gone: int) -> None:
    grow(server, lake, 1, 2, 3, 4)
    lake.delete(manifest(gone))
    with pytest.raises(Corrupt, match=rf"{manifest(gone)} is missing") as caught:
        generations_of(lake, PR)
    assert "Restore" in caught.value.remedy
    for attempt in (lambda: mirror(server, lake), *readers(lake)[:1]):
        if gone == 3:  # right below the newest, which nobody can check then
            with pytest.raises(StoreError, match=rf"{manifest(3)} is missing"):
                attempt()
        else:
            attempt()


def test_a_strangers_folder_is_no_survey(server: SampleServer, lake: DirectoryStore) -> None:
    grow(server, lake, 1)
    for folder in ("manifests/dbt/", "manifests/bls/dbt/"):
        lake.put(f"{folder}manifest.json", b"{}")
    assert held_surveys(lake) == Lake(lake.root).surveys() == ["pr"]
    assert "dbt" not in ManifestLog(lake, "bls/cu").empty().remedy
    assert mirror(server, lake).name == "Unchanged"
