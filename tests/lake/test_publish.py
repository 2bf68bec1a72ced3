"""The public view is made equal to the newest generation, whatever happened to it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Literal

import pytest

from blsquest.core.errors import Corrupt, StoreError
from blsquest.lake.keys import view_record_key, vintage_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.run import Steps, run
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.lake.view import ROUNDS, Published, publish
from tests.support.lakes import (
    PR,
    Fails,
    Killed,
    Watched,
    assert_whole,
    contents,
    history,
    mirror,
    recorded,
    small,
    survey,
    twin,
)

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.lake.manifest import Generation
    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.server import SampleServer
    from tests.support.lakes import When
    from tests.support.s3_servers import S3Server

RECORD = view_record_key(PR)


@pytest.fixture
def server(server: SampleServer) -> SampleServer:
    """Three files of a few bytes."""
    server.surveys["pr"] = small(1)
    return server


# -- Repairs -----------------------------------------------------------------------------------


def test_a_deleted_an_altered_and_an_extra_object_are_repaired_without_a_new_generation(
    server: SampleServer, store: Store
) -> None:
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


@pytest.mark.parametrize("name", ["notes/", "pr.data.0.Some/"])
def test_what_has_a_slash_at_its_end_is_no_file_of_the_view_even_if_it_holds_bytes(
    server: SampleServer, moto_s3: S3Server, name: str
) -> None:
    store = S3Store(moto_s3.fresh_bucket(), "lake", moto_s3.options)
    mirror(server, store)
    bucket = store.url.split("/")[2]
    moto_s3.client().put_object(Bucket=bucket, Key=f"lake/{PR}/{name}", Body=b"bytes")
    mirror(server, store)
    assert mirror(server, S3Store(bucket, "lake", moto_s3.options)).generation == 1


def test_a_view_that_is_gone_is_made_again_without_asking_the_publisher_for_files(
    server: SampleServer, store: Store
) -> None:
    mirror(server, store)
    for stored in store.list(f"{PR}/"):
        store.delete(stored.key)
    asked = len(server.requests)
    assert mirror(server, store).repaired == 3
    assert len(server.requests) - asked == 1
    assert_whole(store)


@pytest.mark.parametrize("record", [None, b"", b"{}", b"[]", b'{"copied": 7}', b"\xff"])
def test_a_record_that_is_lost_or_garbage_costs_copies_and_nothing_else(
    server: SampleServer, lake: DirectoryStore, record: bytes | None
) -> None:
    mirror(server, lake)
    right = contents(lake)
    if record is None:
        lake.delete(RECORD)
    else:
        lake.put(RECORD, record)
    watched, calls = recorded(lake, "copy", "put", "put_new", "upload", "delete")
    assert mirror(server, watched).name == "Repaired"
    assert sorted(verb for verb, _ in calls) == ["copy"] * 3 + ["put"]
    assert contents(lake).keys() == right.keys()
    assert_whole(lake)
    assert mirror(server, lake).name == "Unchanged"


def test_a_record_that_lies_is_found_out_by_the_token(
    server: SampleServer, lake: DirectoryStore
) -> None:
    """Two copies to one key: the record keeps the token of its own, the view is the other's."""
    mirror(server, lake)
    lake.copy(vintage_of(lake, "pr.data.1.Some"), f"{PR}/pr.data.0.Some")
    assert mirror(server, lake).name == "Repaired"
    assert_whole(lake)


def vintage_of(lake: Store, name: str) -> str:
    entries = {entry.name: entry for entry in history(lake)[-1].manifest.files}
    return vintage_key(PR, name, entries[name].sha256)


# -- What can't be repaired --------------------------------------------------------------------


def test_a_vintage_that_is_gone_is_named(server: SampleServer, store: Store) -> None:
    mirror(server, store)
    gone = vintage_of(store, "pr.data.0.Some")
    store.delete(gone)
    store.delete(f"{PR}/pr.data.0.Some")
    with pytest.raises(Corrupt, match=f"{gone} is named by a manifest and does not exist"):
        mirror(server, store)


def test_a_view_that_someone_else_keeps_writing_to_is_given_up_after_a_few_rounds(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    rounds = 0

    def meddle(when: When, verb: str, key: str) -> None:
        nonlocal rounds
        if (when, verb, key) == ("before", "list", f"{PR}/"):
            lake.put(f"{PR}/pr.data.0.Some", b"meddled")
        rounds += (when, verb, key) == ("before", "put", RECORD)

    with pytest.raises(StoreError, match="something else keeps writing") as caught:
        mirror(server, Watched(lake, meddle))
    assert caught.value.transient is True
    assert rounds == ROUNDS
    mirror(server, lake)
    assert_whole(lake)


# -- Order and cost ----------------------------------------------------------------------------


def test_a_view_that_is_right_costs_one_get_and_one_list(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    log = ManifestLog(lake, PR)
    newest = log.latest()
    assert newest is not None
    log.store, calls = recorded(lake)
    assert publish(log, newest) == Published(1)
    assert calls == [("read", RECORD), ("list", f"{PR}/")]


def test_files_are_copied_before_files_are_deleted(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    files = small(2)
    files["pr.data.9.New"] = files.pop("pr.data.0.Some")
    server.surveys["pr"] = files
    watched, calls = recorded(lake, "copy", "delete", "put")
    mirror(server, watched)
    assert [verb for verb, _ in calls] == ["copy", "copy", "copy", "delete", "put"]


# -- A slow publisher of an older generation beside a newer one ---------------------------------


def commit_only(log: ManifestLog, generation: Generation) -> Published:
    """A publish step that never came to it."""
    return Published(generation.manifest.generation)


def publish_slowly(
    server: SampleServer, lake: Store, fails: Fails, newer_at: int
) -> Literal["done", "killed"]:
    """Publish generation 2; at its call `newer_at` another run mirrors what is out by then."""
    begun = count(1)  # copies are made in threads: each call has a number of its own

    def hook(when: When, verb: str, key: str) -> None:
        if when == "before" and next(begun) == newer_at:
            mirror(server, lake)
        fails(when, verb, key)

    try:
        publish(ManifestLog(Watched(lake, hook), PR), ManifestLog(lake, PR).read(2))
    except Killed:
        return "killed"
    return "done"


@pytest.mark.slow  # 90 deaths
def test_a_slow_publisher_of_an_older_generation_never_has_the_last_word(
    server: SampleServer, tmp_path: Path
) -> None:
    """The newer run comes by at each of its calls, and it is killed after each from there on."""
    base = DirectoryStore(tmp_path / "base")
    server.surveys["pr"] = small(1, 2)
    mirror(server, base)
    server.surveys["pr"] = small(2, 2)
    run(survey(server), base, steps=Steps(publish=commit_only))
    server.surveys["pr"] = small(3, 3)
    killed = 0
    for newer_at in range(1, 10):
        for killed_at in count(newer_at):
            lake = twin(base, tmp_path / f"{newer_at}-{killed_at}")
            end = publish_slowly(server, lake, Fails(killed_at, "after"), newer_at)
            if end == "done":
                assert_whole(lake)
                break
            killed += 1
            mirror(server, lake)
            assert_whole(lake)
            assert len(history(lake)) == 3
    assert killed > 80
