"""Any number of runs at once: all end well, the log is linear, the view equals its newest end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import assert_whole, history, mirror, small

if TYPE_CHECKING:
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.stores.base import Store
    from tests.conftest import Backend, FreshStore


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
def test_runs_of_different_releases_at_once_lose_no_generation_and_all_end_well(
    fresh_store: FreshStore, kind: Backend, runs: int
) -> None:
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
