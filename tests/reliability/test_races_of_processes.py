"""Any number of processes at once: a linear log, no generation lost, all end well.

Threads race in `tests/lake/test_races.py`; here nothing is shared but the lake.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from blsquest.lake.run import run
from blsquest.sources.sample.server import SampleServer
from tests.reliability.figures import SOAK, rounds, tell
from tests.reliability.victims import PATIENCE, Addresses, forks, victim
from tests.support.lakes import assert_whole, history, mirror, small, survey, twin_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from blsquest.lake.stores.base import Store
    from tests.conftest import Backend, FreshStore


@dataclass
class Racer:
    """A process that runs once each time it is told to."""

    process: ForkServerProcess
    line: Connection

    def go(self) -> None:
        """Run once, beside whoever else is told to."""
        self.line.send("go")

    def generation(self) -> tuple[str, int]:
        """How its run ended: the outcome's name and generation."""
        assert self.line.poll(PATIENCE)
        name, generation = self.line.recv()
        return name, generation


def racer(server: SampleServer, store: Store, running: ExitStack) -> Racer:
    """A process that is ready to run a server's release into a lake."""
    here, there = forks().Pipe()
    addresses = Addresses(server.bls_url, server.population_url)
    process = forks().Process(target=_race, args=(twin_of(store), addresses, there))
    process.start()
    there.close()
    running.callback(process.join, PATIENCE)
    running.callback(here.close)
    return Racer(process, here)


def _race(make: Callable[[], Store], addresses: Addresses, line: Connection) -> None:
    store = make()
    store.size("warm")
    line.send("ready")
    try:
        while line.recv() == "go":
            outcome = run(survey(addresses), store)
            line.send((outcome.name, outcome.generation))
    except EOFError:
        pass  # the race is over


RACES: list[tuple[Backend, int, int]] = [
    ("directory", 2, 6),
    ("directory", 8, 4),
    ("seaweed", 4, 2),
]
if SOAK:
    RACES += [("moto", 4, 2), ("seaweed", 2, 2), ("seaweed", 8, 2)]


@pytest.mark.parametrize(("kind", "processes", "times"), RACES)
def test_processes_that_mirror_the_same_and_different_releases_at_once_make_a_linear_log(
    fresh_store: FreshStore, kind: Backend, processes: int, times: int
) -> None:
    """Odd rounds: all see one release. Even rounds: two sides see two, and overrule each other."""
    lake = fresh_store(kind)
    generations = done = 0
    with ExitStack() as running:
        sides = [running.enter_context(SampleServer()) for _ in range(2)]
        racers = [racer(sides[n % 2], lake, running) for n in range(processes)]
        assert all(each.line.poll(PATIENCE) and each.line.recv() == "ready" for each in racers)
        for round_ in range(1, rounds(times, 10 * times) + 1):
            for side, server in enumerate(sides):
                server.surveys["pr"] = small(1 + round_ % 12, 3 + side * (round_ % 2 == 0))
            for each in racers:
                each.go()
            ended = [each.generation() for each in racers]
            changed = sorted(number for name, number in ended if name == "Changed")
            log = history(lake)
            assert changed == list(range(generations + 1, len(log) + 1))
            assert len(changed) == 1 or round_ % 2 == 0
            generations, done = len(log), done + processes
            assert mirror(sides[0], lake).name in {"Unchanged", "Changed", "Repaired"}
            assert_whole(lake)
            generations = len(history(lake))
    tell(f"{processes} processes at once, {kind}: {done} runs, {generations} generations")


@pytest.mark.parametrize(("kind", "times"), [("directory", 5), ("seaweed", 1)])
def test_a_process_killed_among_others_takes_nothing_with_it(
    server: SampleServer, fresh_store: FreshStore, kind: Backend, times: int
) -> None:
    lake = fresh_store(kind)
    chance = random.Random(3)
    killed = 0
    for number in range(1, rounds(times, 20 * times) + 1):
        server.surveys["pr"] = small(1 + number % 12, 6)
        with ExitStack() as running:
            three = [running.enter_context(victim(server, lake)) for _ in range(3)]
            for each in three:
                each.go()
            if not three[0].ended(within=chance.uniform(0, 0.2)):
                three[0].kill()
            killed += not three[0].ended()
            assert all(each.ended() for each in three[1:])
        assert len(history(lake)) == number
        mirror(server, lake)
        assert_whole(lake)
    tell(f"one of 3 processes at once killed, {kind}: {killed} kills")
