"""What every backend of a lake promises; each test runs on a directory, moto and SeaweedFS."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest

from blsquest.core.errors import Missing, Misuse
from blsquest.lake.stores.base import Store, Stored
from blsquest.lake.stores.s3 import LARGEST_PUT
from blsquest.lake.stores.s3_multipart import PART
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


@pytest.mark.parametrize("body", [bytes(range(256)) * 3 + b"\r\n", b""])
def test_what_was_put_is_read_back_and_replaces_what_was_there(store: Store, body: bytes) -> None:
    store.put("a", b"x" * 999)
    store.put("a", body)
    assert store.put_new("b", body) is True
    for key in ("a", "b"):
        assert (store.read(key), store.size(key)) == (body, len(body))
    assert keys(store) == ["a", "b"]
    store.delete("a")
    assert keys(store) == ["b"]


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


def test_a_stream_gives_all_of_a_large_object_its_lines_and_can_be_left(store: Store) -> None:
    body = b"one\r\n" + os.urandom(5 * 1024 * 1024 + 7)
    store.put("large", body)
    for _ in range(3):
        with store.open("large") as stream:
            assert stream.read(1) == b"o"
    with store.open("large") as stream:
        assert next(iter(stream)) == b"one\r\n"
        assert b"".join(iter(lambda: stream.read(100_000), b"")) == body[5:]


def test_an_absent_object_is_missing_and_the_error_names_it(store: Store) -> None:
    assert store.size("bls/none") is None
    for verb in (store.read, lambda key: store.copy(key, "target")):
        with pytest.raises(Missing, match="bls/none"):
            verb("bls/none")
    with pytest.raises(Missing, match="bls/none"), store.open("bls/none"):
        pass
    store.delete("bls/none")
    assert keys(store) == []


def test_a_list_is_sorted_by_key_and_holds_exactly_the_prefix(store: Store) -> None:
    assert keys(store) == keys(store, "bls/") == []
    wanted = ["bls/pr/B", "bls/pr/a.b", "bls/pr/a/deeper", "bls/pr/é"]
    others = ["bls/p", "bls/prx/a", "census/x"]
    for key in [*reversed(wanted), *others]:
        store.put(key, key.encode())
    assert [(s.key, s.size) for s in store.list("bls/pr/")] == [
        (key, len(key.encode())) for key in wanted
    ]
    assert keys(store) == sorted(wanted + others)
    assert keys(store, "c/") == []


def test_folders_are_those_directly_below_that_hold_something(store: Store) -> None:
    assert store.folders("analytics/") == []
    for key in ("analytics/2025-08-15/a", "analytics/2025-08-16/b/c", "analytics/file", "x/y"):
        store.put(key, b"")
    assert store.folders("analytics/") == ["2025-08-15", "2025-08-16"]
    assert store.folders("") == ["analytics", "x"]


def test_the_token_of_a_copy_is_listed_and_changes_with_every_write(store: Store) -> None:
    store.put("vintages/one", b"one")
    store.put("vintages/two", b"two")
    first = store.copy("vintages/one", "view/a")
    assert store.list("view/") == [Stored("view/a", 3, first)]
    second = store.copy("vintages/two", "view/a")
    assert second != first
    assert store.list("view/") == [Stored("view/a", 3, second)]
    store.delete("vintages/two")
    assert store.read("view/a") == b"two"
    store.put("view/a", b"TWO")
    assert store.list("view/")[0].token != second


def test_put_new_creates_once_and_knows_its_own_body_again(store: Store) -> None:
    """A writer whose answer was lost asks again, and must not lose to itself."""
    assert store.put_new("manifests/1", b"mine") is True
    assert store.put_new("manifests/1", b"theirs") is False
    assert store.put_new("manifests/1", b"mine") is True
    assert store.read("manifests/1") == b"mine"


# SeaweedFS lets the losers of a race wait for seconds. moto looks and then puts, in two steps:
# of racers there two may win.
@pytest.mark.parametrize(("kind", "rounds"), [("directory", 30), ("seaweed", 1)])
def test_one_of_many_racers_wins_a_key(fresh_store: FreshStore, kind: Backend, rounds: int) -> None:
    """Processes race in `tests/reliability/test_histories.py`."""
    store = fresh_store(kind)
    bodies = [f"writer {number} ".encode() * 2_000 for number in range(WRITERS)]
    start = Barrier(WRITERS)

    def write(body: bytes) -> list[bool]:
        won = []
        for round_ in range(rounds):
            start.wait()
            won.append(store.put_new(f"manifests/{round_}", body))
        return won

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = list(pool.map(write, bodies))
    for round_, won in enumerate(zip(*answers, strict=True)):
        assert won.count(True) == 1
        assert store.read(f"manifests/{round_}") == bodies[won.index(True)]


@pytest.mark.parametrize("size", [0, 1, LARGE])
def test_an_upload_is_whole_or_unseen_and_first(store: Store, tmp_path: Path, size: int) -> None:
    body = os.urandom(size)
    (tmp_path / "spool").write_bytes(body)
    sizes: set[int | None] = set()
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(store.upload, tmp_path / "spool", "vintages/x")
        while not upload.done():
            sizes.add(store.size("vintages/x"))
            sizes |= {stored.size for stored in store.list("vintages/")}
        upload.result()
    assert sizes <= {None, size}
    (tmp_path / "spool").write_bytes(bytes(size))
    store.upload(tmp_path / "spool", "vintages/x")
    assert store.read("vintages/x") == body


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


ASTRAY = ["", "/a", "../up", "a/../b", "a/./b", "a//b", "a/", "a\\b", "a\0b", "a\nb", ".tmp/x"]


@pytest.mark.parametrize("key", [*ASTRAY, "n" * 256, "/".join(["n" * 200] * 6)])
def test_every_verb_refuses_a_key_that_leads_away(store: Store, tmp_path: Path, key: str) -> None:
    (tmp_path / "spool").write_bytes(b"x")
    store.put("good", b"x")
    for attempt in (
        *(partial(verb, key) for verb in (store.size, store.read, store.delete)),
        *(partial(verb, key, b"") for verb in (store.put, store.put_new)),
        partial(store.copy, "good", key),
        partial(store.copy, key, "target"),
        partial(store.upload, tmp_path / "spool", key),
    ):
        with pytest.raises(Misuse, match="storage key"):
            attempt()
    assert keys(store) == ["good"]


@pytest.mark.parametrize("prefix", ["bls", "../", "/", "a//", ".tmp/"])
def test_a_prefix_that_is_no_folder_is_refused(store: Store, prefix: str) -> None:
    for verb in (store.list, store.folders):
        with pytest.raises(Misuse):
            verb(prefix)
