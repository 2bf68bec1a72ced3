"""Any number of runs at once: all end well, the log is linear, the view equals its newest end."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from blsquest.lake.outcome import Outcome
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.conftest import Backend, FreshStore
from tests.support.lakes import Fails, When, assert_whole, history, mirror, small, twin, watched


def at_once(servers: list[SampleServer], store: Store) -> list[Outcome]:
    """One run of each server's release, all started together."""
    start = Barrier(len(servers))

    def one(server: SampleServer) -> Outcome:
        start.wait()
        return mirror(server, store)

    with ThreadPoolExecutor(len(servers)) as pool:
        return list(pool.map(one, servers))


@pytest.mark.parametrize(
    ("kind", "runs"), [("directory", 2), ("directory", 8), ("moto", 4), ("seaweed", 4)]
)
def test_runs_of_the_same_release_at_once_make_one_commit_a_release_and_all_end_well(
    server: SampleServer, fresh_store: FreshStore, kind: Backend, runs: int
) -> None:
    store = fresh_store(kind)
    rounds = 6 if kind == "directory" else 2
    for number in range(1, rounds + 1):
        server.surveys["pr"] = small(number)
        outcomes = at_once([server] * runs, store)
        changed = [outcome for outcome in outcomes if outcome.name == "Changed"]
        assert len(changed) == 1
        assert {outcome.generation for outcome in outcomes} == {number}
        assert len(history(store)) == number
        mirror(server, store)
        assert_whole(store)


@pytest.mark.parametrize(
    ("kind", "runs"), [("directory", 2), ("directory", 8), ("moto", 4), ("seaweed", 4)]
)
def test_different_releases_at_once_stay(fresh_store: FreshStore, kind: Backend, runs: int) -> None:
    store = fresh_store(kind)
    with ExitStack() as running:
        servers = [running.enter_context(SampleServer()) for _ in range(2)]
        for number, each in enumerate(servers, start=1):
            each.surveys["pr"] = small(number, 2 + number)
        for _ in range(4 if kind == "directory" else 1):
            before = len(history(store))
            outcomes = at_once(servers * (runs // 2), store)
            changed = [o.generation for o in outcomes if o.name == "Changed"]
            assert sorted(changed) == list(range(before + 1, len(history(store)) + 1))
            mirror(servers[0], store)
            assert_whole(store)


@pytest.mark.parametrize("first", [True, False], ids=["first run", "next release"])
def test_a_newer_release_at_any_call_wins(
    server: SampleServer, tmp_path: Path, *, first: bool
) -> None:
    """What the other run has published is not taken for a stranger's files."""
    base = DirectoryStore(tmp_path / "base")
    if not first:
        server.surveys["pr"] = small(1)
        mirror(server, base)
    server.surveys["pr"] = small(2)
    counted = Fails(at=0, when="before")
    mirror(server, watched(twin(base, tmp_path / "reference"), counted))
    for at in range(1, counted.calls + 1):
        lake = twin(base, tmp_path / f"{at}")
        server.surveys["pr"] = small(2)
        overtaken(server, lake, at)
        log = history(lake)
        newest = {entry.name: entry.size for entry in log[-1].manifest.files}
        assert newest == {name: len(file.body) for name, file in small(3, 4).items()}
        assert len(log) in ({1, 2} if first else {2, 3})
        assert_whole(lake)
        assert mirror(server, lake).name == "Unchanged"


def overtaken(server: SampleServer, lake: DirectoryStore, at: int) -> None:
    """A run during whose call `at` the next release comes out and another run mirrors it."""
    begun = count(1)

    def hook(when: When, verb: str, key: str) -> None:
        if when == "before" and next(begun) == at:
            server.surveys["pr"] = small(3, 4)
            mirror(server, lake)

    mirror(server, watched(lake, hook))
