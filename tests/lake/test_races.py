"""Any number of runs at once: all end well, the log is linear, the view equals its newest end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import Fails, assert_whole, history, mirror, small, twin, watched

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.lake.outcome import Outcome
    from tests.conftest import Backend, FreshStore
    from tests.support.lakes import When


@pytest.mark.parametrize("releases", [1, 2])
@pytest.mark.parametrize(
    ("kind", "runs"), [("directory", 2), ("directory", 8), ("moto", 4), ("seaweed", 4)]
)
def test_runs_of_the_same_or_different_releases_at_once_lose_no_generation_and_all_end_well(
    fresh_store: FreshStore, kind: Backend, runs: int, releases: int
) -> None:
    store, start = fresh_store(kind), Barrier(runs)

    def one(server: SampleServer) -> Outcome:
        start.wait()
        return mirror(server, store)

    with ExitStack() as running, ThreadPoolExecutor(runs) as pool:
        servers = [running.enter_context(SampleServer()) for _ in range(releases)]
        for number in range(1, 5 if kind == "directory" else 3):
            before = len(history(store))
            for other, server in enumerate(servers):
                server.surveys["pr"] = small(number + 4 * other, 3 + other)
            outcomes = list(pool.map(one, servers * (runs // releases)))
            changed = [o.generation for o in outcomes if o.name == "Changed"]
            assert sorted(changed) == list(range(before + 1, len(history(store)) + 1))
            assert len(changed) == 1 or releases > 1
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
