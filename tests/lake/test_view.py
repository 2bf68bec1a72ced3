"""The public view: what it should be, and that it is made so whatever happened to it."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from blsquest.core.errors import StoreError
from blsquest.lake.keys import view_record_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Entry, Generation, Manifest
from blsquest.lake.record import Copied, Publication, Record, encode_record
from blsquest.lake.run import Steps, run
from blsquest.lake.stores.base import Store, Stored
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.view import ROUNDS, Published, damaged, publish, repair, view_of
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import (
    PR,
    Fails,
    Killed,
    When,
    assert_whole,
    contents,
    history,
    mirror,
    recorded,
    small,
    survey,
    twin,
    watched,
)
from tests.support.manifests import manifest

RECORD = view_record_key(PR)
DAY = datetime(2025, 8, 15, tzinfo=UTC)


@pytest.fixture
def server(server: SampleServer) -> SampleServer:
    server.surveys["pr"] = small(1)
    return server


def digest(content: str) -> str:
    return sha256(content.encode()).hexdigest()


def generation(**files: str) -> Manifest:
    entries = [
        Entry(name, 1, digest(body), digest(body), "", None, DAY, DAY, settled=False)
        for name, body in sorted(files.items())
    ]
    return manifest(*entries)


@pytest.mark.parametrize(
    ("token", "record", "copied"),
    [
        (None, ("1", "t"), True),  # absent
        ("t", None, True),  # unrecorded
        ("other", ("1", "t"), True),  # altered
        ("t", ("2", "t"), True),  # of another vintage
        ("t", ("1", "t"), False),
    ],
)
def test_a_file_is_copied_unless_it_is_recorded_under_the_token_it_has(
    token: str | None, record: tuple[str, str] | None, *, copied: bool
) -> None:
    found = [Stored("bls/pr/a", 1, token)] if token else []
    noted = {}
    if record:
        noted["bls/pr/a"] = Copied(f"vintages/bls/pr/a/{digest(record[0])}", record[1])
    todo = repair(generation(a="1"), found, noted)
    assert todo.copies == (((f"vintages/bls/pr/a/{digest('1')}", "bls/pr/a"),) if copied else ())
    assert todo.deletes == ()
    assert bool(todo) is copied


@pytest.mark.parametrize(
    ("size", "token", "is_damaged"), [(1, "ours", False), (2, "ours", True), (2, "theirs", False)]
)
def test_a_copy_of_another_size_means_damage(size: int, token: str, *, is_damaged: bool) -> None:
    wanted = generation(a="1")
    ((key, vintage),) = view_of(wanted).items()
    listed = [Stored(key, size, token)]
    assert bool(repair(wanted, listed, {key: Copied(vintage, token)})) is (size != 1)
    found = damaged(wanted, listed, {key: Copied(vintage, "ours")})
    assert found == [(vintage, key)] * is_damaged


def test_the_bytes_of_a_record_are_those_that_the_page_on_the_lake_shows() -> None:
    copied = {"bls/pr/a": Copied("vintages/bls/pr/a/1", "t")}
    record = Record(copied=copied, published=Publication(3, "ab", "s3://bucket/lake"))
    assert encode_record(record) == (
        b'{\n "version": 1,\n "copied": {\n  "bls/pr/a": {\n'
        b'   "vintage": "vintages/bls/pr/a/1",\n   "token": "t"\n  }\n },\n'
        b' "published": {\n  "generation": 3,\n  "manifest_sha256": "ab",\n'
        b'  "lake": "s3://bucket/lake"\n }\n}\n'
    )


def test_unknown_fields_of_a_record_are_kept(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    document = json.loads(lake.read(RECORD))
    lake.put(RECORD, json.dumps(document | {"later": {"tables": {"generation": 1}}}).encode())
    lake.delete(f"{PR}/pr.data.0.Some")
    assert mirror(server, lake).name == "Repaired"
    again = json.loads(lake.read(RECORD))
    assert again.pop("later") == {"tables": {"generation": 1}}
    assert again.keys() == document.keys()


def test_a_repair_makes_no_generation(server: SampleServer, store: Store) -> None:
    mirror(server, store)
    right = contents(store, f"{PR}/")
    store.delete(f"{PR}/pr.data.0.Some")
    store.put(f"{PR}/pr.data.1.Some", right[f"{PR}/pr.data.1.Some"].upper())
    store.put(f"{PR}/someone's", b"notes")
    store.put(f"{PR}/deeper/still", b"notes")
    outcome = mirror(server, store)
    assert (outcome.name, outcome.repaired, outcome.generation) == ("Repaired", 4, 1)
    assert contents(store, f"{PR}/") == right
    assert mirror(server, store).name == "Unchanged"


@pytest.mark.parametrize(
    "record", [None, b"", b"{}", b'{"copied": {"a": {"vintage": "v"}}}', b"[" * 100_000, b"\xff"]
)
def test_a_lost_or_garbage_record_costs_copies_and_nothing_else(
    server: SampleServer, lake: DirectoryStore, record: bytes | None
) -> None:
    mirror(server, lake)
    right = contents(lake)
    lake.delete(RECORD)
    if record is not None:
        lake.put(RECORD, record)
    watched, calls = recorded(lake, "copy", "put", "put_new", "upload", "delete")
    assert mirror(server, watched).name == "Repaired"
    assert sorted(verb for verb, _ in calls) == ["copy"] * 3 + ["put"]
    assert contents(lake).keys() == right.keys()
    assert_whole(lake)
    assert mirror(server, lake).name == "Unchanged"


def test_a_view_others_write_to_is_given_up(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    rounds = 0

    def meddle(when: When, verb: str, key: str) -> None:
        nonlocal rounds
        if (when, verb, key) == ("before", "list", f"{PR}/"):
            lake.put(f"{PR}/pr.data.0.Some", b"meddled")
        rounds += (when, verb, key) == ("before", "put", RECORD)

    with pytest.raises(StoreError, match="something else keeps writing") as caught:
        mirror(server, watched(lake, meddle))
    assert caught.value.transient is True
    assert rounds == ROUNDS
    mirror(server, lake)
    assert_whole(lake)


def test_files_are_copied_before_any_is_deleted(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    files = small(2)
    files["pr.data.9.New"] = files.pop("pr.data.0.Some")
    server.surveys["pr"] = files
    watched, calls = recorded(lake, "copy", "delete", "put")
    mirror(server, watched)
    assert [verb for verb, _ in calls] == ["copy", "copy", "copy", "delete", "put"]


def commit_only(log: ManifestLog, generation: Generation, record: Record) -> Published:
    """A publish step that never came to it."""
    return Published(generation.manifest.generation)


def publish_slowly(server: SampleServer, lake: Store, fails: Fails, newer_at: int) -> bool:
    """Publish generation 2; at its call `newer_at` another run mirrors what is out by then."""
    begun = count(1)  # copies are made in threads: each call has a number of its own

    def hook(when: When, verb: str, key: str) -> None:
        if when == "before" and next(begun) == newer_at:
            mirror(server, lake)
        fails(when, verb, key)

    with suppress(Killed):
        publish(ManifestLog(watched(lake, hook), PR), ManifestLog(lake, PR).read(2))
    return not fails.struck


def test_a_slow_older_publisher_has_not_the_last_word(server: SampleServer, tmp_path: Path) -> None:
    """The newer run comes by at its calls, and it is killed after each from there on."""
    base = DirectoryStore(tmp_path / "base")
    server.surveys["pr"] = small(1, 2)
    mirror(server, base)
    server.surveys["pr"] = small(2, 2)
    run(survey(server), base, steps=Steps(publish=commit_only), now=server.now)
    server.surveys["pr"] = small(3, 3)
    killed = 0
    for newer_at in range(1, 10, 2):
        for killed_at in count(newer_at):
            lake = twin(base, tmp_path / f"{newer_at}-{killed_at}")
            if publish_slowly(server, lake, Fails(killed_at, "after"), newer_at):
                assert_whole(lake)
                break
            killed += 1
            mirror(server, lake)
            assert_whole(lake)
            assert len(history(lake)) == 3
    assert killed > 40
