"""What tests that kill a run share: what was published, and how a lake must be afterwards."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from blsquest.sources.sample.population import payload
from tests.reliability.victims import victim
from tests.support.lakes import assert_whole, mirror, recorded, state, take_population
from tests.support.publishing import legacy_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from blsquest.lake.outcome import Outcome
    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.server import SampleServer
    from tests.reliability.victims import Job

SOURCES: dict[Job, str] = {"mirror": "bls/pr", "population": "census"}
RUNS: dict[Job, Callable[[SampleServer, Store], Outcome]] = {
    "mirror": mirror,
    "population": take_population,
}


def publish_first(server: SampleServer) -> None:
    """What a lake held before the run that is killed."""
    server.publish(1)
    server.population = legacy_payload()


def publish_next(server: SampleServer) -> None:
    """An addition, changes, a removal and a restamp; the population in today's shape."""
    server.publish(2)
    server.population = payload()


def assert_made_good(server: SampleServer, lake: Store, job: Job, wanted: dict[str, str]) -> None:
    """One clean run uploads nothing that had arrived, and ends where the uncrashed run ended."""
    arrived = {stored.key for stored in lake.list(f"vintages/{SOURCES[job]}/")}
    clean, uploads = recorded(lake, "upload")
    RUNS[job](server, clean)
    assert arrived.isdisjoint(key for _, key in uploads)
    assert state(lake, SOURCES[job]) == wanted
    assert_whole(lake, SOURCES[job])


def seconds_of_a_run(server: SampleServer, lake: Store) -> float:
    """What one uncrashed run takes."""
    with victim(server, lake) as whole:
        began = perf_counter()
        whole.go()
        assert whole.ended()
        return perf_counter() - began


def kill_at(server: SampleServer, lake: Store, seconds: float) -> bool:
    """Start a run and kill it so long after; False if it had ended by then."""
    with victim(server, lake) as dying:
        dying.go()
        if dying.ended(within=seconds):
            return False
        dying.kill()
        return not dying.ended()
