"""What every backend of a lake promises; each test runs on a directory, moto and SeaweedFS."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Missing, Misuse
from blsquest.lake.stores.base import Stored
from blsquest.lake.stores.s3 import LARGEST_PUT
from blsquest.lake.stores.s3_multipart import PART
from tests.support.lakes import twin_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.queues import Queue
    from pathlib import Path

    from blsquest.lake.stores.base import Store
    from tests.conftest import Backend, FreshStore

WRITERS = 8

LARGE = max(LARGEST_PUT, PART) + PART + 12_345
"""More than one PUT, and a last part that is not full."""

AWKWARD = [
    "with space/pr.data.0.Current",
    "ünï/cödé.txt",
    "signs/a+b&c=d;e,f@g!h'i(j)k~l$m",
    "percent/%2e%2e",
    "dots/...three",
    "longest/" + "n" * 200,
]


def keys(store: Store, prefix: str = "") -> list[str]:
    return [stored.key for stored in store.list(prefix)]


# -- Reading and writing -----------------------------------------------------------------------


def test_what_was_put_is_read_back_exactly(store: Store) -> None:
    body = bytes(range(256)) * 3 + b"\r\n"
    store.put("bls/pr/pr.class", body)
    assert store.read("bls/pr/pr.class") == body
    assert store.size("bls/pr/pr.class") == len(body)


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("empty", b"")
    assert store.put_new("empty-too", b"") is True
    assert store.size("empty") == store.size("empty-too") == 0
    assert store.read("empty") == b""
    assert keys(store) == ["empty", "empty-too"]


def test_put_replaces(store: Store) -> None:
    store.put("a", b"old and longer")
    store.put("a", b"new")
    assert store.read("a") == b"new"


@pytest.mark.parametrize("key", AWKWARD)
def test_a_key_keeps_its_spelling_through_every_verb(store: Store, key: str) -> None:
    assert store.put_new(key, b"1") is True
    token = store.copy(key, f"{key}.copy")
    assert keys(store) == [key, f"{key}.copy"]
    assert store.list("")[1].token == token
    assert store.read(f"{key}.copy") == b"1"
    assert store.size(key) == 1
    store.delete(key)
    assert keys(store) == [f"{key}.copy"]


def test_open_streams_an_object_larger_than_its_buffer(store: Store) -> None:
    body = os.urandom(5 * 1024 * 1024 + 7)
    store.put("large", body)
    with store.open("large") as stream:
        first = stream.read(10)
        rest = b"".join(iter(lambda: stream.read(100_000), b""))
    assert first + rest == body


def test_a_stream_can_be_left_half_read(store: Store) -> None:
    store.put("large", bytes(5 * 1024 * 1024))
    for _ in range(3):
        with store.open("large") as stream:
            assert stream.read(1) == b"\0"
    assert store.read("large") == bytes(5 * 1024 * 1024)


def test_a_stream_gives_lines(store: Store) -> None:
    store.put("lines", b"one\r\ntwo\r\n")
    with store.open("lines") as stream:
        assert list(stream) == [b"one\r\n", b"two\r\n"]


def test_an_absent_object_is_missing_and_the_error_names_it(store: Store) -> None:
    assert store.size("bls/none") is None
    with pytest.raises(Missing, match="bls/none"):
        store.read("bls/none")
    with pytest.raises(Missing, match="bls/none"), store.open("bls/none"):
        pass
    with pytest.raises(Missing, match="bls/none"):
        store.copy("bls/none", "target")
    assert keys(store) == []


def test_delete_removes_one_object_and_is_content_with_none(store: Store) -> None:
    store.put("a/b", b"1")
    store.put("a/bc", b"2")
    store.delete("a/b")
    store.delete("a/b")
    store.delete("never/was")
    assert keys(store) == ["a/bc"]


# -- Listing -----------------------------------------------------------------------------------


def test_a_list_is_sorted_by_key_and_holds_exactly_the_prefix(store: Store) -> None:
    wanted = ["bls/pr/B", "bls/pr/a", "bls/pr/a/deeper", "bls/pr/a.b", "bls/pr/é"]
    wanted = [key for key in wanted if key != "bls/pr/a"]  # a directory can't be an object too
    for key in [*wanted, "bls/prx/a", "bls/p", "census/x"]:
        store.put(key, key.encode())
    assert keys(store, "bls/pr/") == sorted(wanted)
    assert [s.size for s in store.list("bls/pr/")] == [len(k.encode()) for k in sorted(wanted)]


def test_an_empty_prefix_lists_the_whole_lake_and_an_absent_one_nothing(store: Store) -> None:
    assert keys(store) == []
    assert keys(store, "bls/") == []
    store.put("a", b"")
    store.put("b/c", b"")
    assert keys(store) == ["a", "b/c"]
    assert keys(store, "c/") == []


def test_folders_are_those_directly_below_that_hold_something(store: Store) -> None:
    assert store.folders("analytics/") == []
    for key in ("analytics/2025-08-15/a", "analytics/2025-08-16/b/c", "analytics/file", "x/y"):
        store.put(key, b"")
    assert store.folders("analytics/") == ["2025-08-15", "2025-08-16"]
    assert store.folders("") == ["analytics", "x"]


# -- Tokens ------------------------------------------------------------------------------------


def test_the_token_of_a_copy_is_the_one_that_a_list_shows(store: Store) -> None:
    store.put("vintages/one", b"one")
    store.put("vintages/two", b"two")
    first = store.copy("vintages/one", "view/a")
    assert store.list("view/") == [Stored("view/a", 3, first)]
    second = store.copy("vintages/two", "view/a")
    assert second != first
    assert store.list("view/") == [Stored("view/a", 3, second)]
    assert store.read("view/a") == b"two"


def test_a_token_changes_when_someone_writes_other_bytes_of_the_same_length(store: Store) -> None:
    store.put("vintages/one", b"one")
    token = store.copy("vintages/one", "view/a")
    store.put("view/a", b"ONE")
    assert store.list("view/")[0].token != token


def test_a_copy_is_independent_of_its_source(store: Store) -> None:
    store.put("source", b"before")
    store.copy("source", "target")
    store.put("source", b"after")
    assert store.read("target") == b"before"
    store.delete("source")
    assert store.read("target") == b"before"


# -- Put if absent -----------------------------------------------------------------------------


def test_put_new_creates_once_and_never_replaces(store: Store) -> None:
    assert store.put_new("manifests/1", b"mine") is True
    assert store.put_new("manifests/1", b"theirs") is False
    assert store.read("manifests/1") == b"mine"


def test_put_new_of_the_same_body_again_is_ours(store: Store) -> None:
    """A writer whose answer was lost asks again, and must not lose to itself."""
    assert store.put_new("manifests/1", b"mine") is True
    assert store.put_new("manifests/1", b"mine") is True


# SeaweedFS lets the losers of a race wait for seconds.
@pytest.mark.parametrize(("kind", "rounds"), [("directory", 30), ("moto", 6), ("seaweed", 1)])
def test_one_of_many_racing_threads_wins_and_all_others_are_told(
    fresh_store: FreshStore, kind: Backend, rounds: int
) -> None:
    store = fresh_store(kind)
    start = Barrier(WRITERS)

    def write(number: int) -> list[bool]:
        won = []
        for round_ in range(rounds):
            start.wait()
            won.append(store.put_new(f"manifests/{round_}", body_of(number)))
        return won

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(write, range(WRITERS)))
    assert_one_winner_a_round(store, answers)


@pytest.mark.parametrize(("kind", "rounds"), [("directory", 50), ("seaweed", 2)])
def test_one_of_many_racing_processes_wins_and_all_others_are_told(
    fresh_store: FreshStore, kind: Backend, rounds: int
) -> None:
    """Each process has a store of its own; moto lives in this process and is no judge of them."""
    store = fresh_store(kind)
    spawn = multiprocessing.get_context("spawn")
    start, told = spawn.Barrier(WRITERS), spawn.Queue()
    make = twin_of(store)
    writers = [
        spawn.Process(target=_race, args=(make, number, rounds, start, told))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    answers = dict(told.get(timeout=60) for _ in writers)
    for writer in writers:
        writer.join()
    assert_one_winner_a_round(store, [answers[number] for number in range(WRITERS)])


def _race(
    make: Callable[[], Store], number: int, rounds: int, start: Barrier, told: Queue[object]
) -> None:
    store = make()
    store.size("warm")
    won = []
    for round_ in range(rounds):
        start.wait()
        won.append(store.put_new(f"manifests/{round_}", body_of(number)))
    told.put((number, won))


def body_of(writer: int) -> bytes:
    return f"writer {writer} ".encode() * 2_000


def assert_one_winner_a_round(store: Store, answers: list[list[bool]]) -> None:
    for round_, won in enumerate(zip(*answers, strict=True)):
        assert won.count(True) == 1
        assert store.read(f"manifests/{round_}") == body_of(won.index(True))


# -- Uploads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, LARGE])
def test_an_upload_of_any_size_arrives_whole(store: Store, tmp_path: Path, size: int) -> None:
    body = os.urandom(size)
    (tmp_path / "spool").write_bytes(body)
    store.upload(tmp_path / "spool", "vintages/x")
    assert store.size("vintages/x") == size
    with store.open("vintages/x") as stream:
        assert stream.read() == body


@pytest.mark.parametrize("size", [3, LARGE])
def test_an_upload_leaves_an_object_that_is_there_alone(
    store: Store, tmp_path: Path, size: int
) -> None:
    (tmp_path / "spool").write_bytes(bytes(size))
    store.put("vintages/x", b"was here first")
    store.upload(tmp_path / "spool", "vintages/x")
    assert store.read("vintages/x") == b"was here first"


# -- Readers beside writers --------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["put", "copy"])
def test_a_reader_never_sees_a_part_while_writers_replace(store: Store, verb: str) -> None:
    bodies = [bytes([letter]) * size for letter, size in ((97, 300_000), (98, 450_000))]
    for number, body in enumerate(bodies):
        store.put(f"vintages/{number}", body)
    store.put("view/a", bodies[0])
    seen: list[bytes] = []

    def write(number: int) -> None:
        for _ in range(8):
            if verb == "put":
                store.put("view/a", bodies[number])
            else:
                store.copy(f"vintages/{number}", "view/a")

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write, number) for number in (0, 1)]
        while not all(writer.done() for writer in writers):
            seen.append(store.read("view/a"))
        for writer in writers:
            writer.result()
    assert seen
    assert all(body in bodies for body in seen)


def test_an_upload_shows_nothing_before_it_is_whole(store: Store, tmp_path: Path) -> None:
    body = os.urandom(LARGE)
    (tmp_path / "spool").write_bytes(body)
    sizes: set[int | None] = set()
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(store.upload, tmp_path / "spool", "vintages/x")
        while not upload.done():
            sizes.add(store.size("vintages/x"))
            sizes |= {stored.size for stored in store.list("vintages/")}
        upload.result()
    assert sizes <= {None, LARGE}
    assert store.size("vintages/x") == LARGE


# -- Keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a/./b",
        "a//b",
        "a/",
        "a\\b",
        "a\0b",
        "a\nb",
        ".tmp/x",
        "n" * 256,
        "/".join(["n" * 200] * 6),
    ],
)  # fmt: skip -- one a line would be a page
def test_a_key_that_leads_elsewhere_is_refused_by_every_verb(
    store: Store, tmp_path: Path, key: str
) -> None:
    (tmp_path / "spool").write_bytes(b"x")
    store.put("good", b"x")
    attempts: list[Callable[[], object]] = [
        lambda: store.size(key),
        lambda: store.read(key),
        lambda: store.put(key, b""),
        lambda: store.put_new(key, b""),
        lambda: store.delete(key),
        lambda: store.copy("good", key),
        lambda: store.copy(key, "target"),
        lambda: store.upload(tmp_path / "spool", key),
    ]
    for attempt in attempts:
        with pytest.raises(Misuse, match="storage key"):
            attempt()
    assert keys(store) == ["good"]


@pytest.mark.parametrize("prefix", ["bls", "../", "/", "a//", ".tmp/"])
def test_a_prefix_that_is_no_folder_is_refused(store: Store, prefix: str) -> None:
    with pytest.raises(Misuse):
        store.list(prefix)
    with pytest.raises(Misuse):
        store.folders(prefix)


# -- Threads -----------------------------------------------------------------------------------


def test_threads_can_share_a_store(store: Store) -> None:
    def work(number: int) -> bytes:
        store.put(f"threads/{number}", str(number).encode())
        store.copy(f"threads/{number}", f"copies/{number}")
        return store.read(f"copies/{number}")

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(64))) == [str(n).encode() for n in range(64)]
    assert len(store.list("copies/")) == 64
