"""Any number of processes at once: a linear log, no generation lost, all end well.

Threads race in `tests/lake/test_races.py`; here nothing is shared but the lake.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from blsquest.sources.sample.server import SampleServer
from tests.reliability.figures import SOAK, rounds, tell
from tests.reliability.victims import victim
from tests.support.lakes import assert_whole, history, mirror, small

if TYPE_CHECKING:
    from tests.conftest import Backend, FreshStore


RACES: list[tuple[Backend, int, int]] = [
    ("directory", 2, 6),
    ("directory", 8, 4),
    ("seaweed", 4, 2),
]
if SOAK:
    RACES += [("seaweed", 2, 2), ("seaweed", 8, 2)]


@pytest.mark.parametrize(("kind", "processes", "times"), RACES)
def test_processes_that_mirror_the_same_and_different_releases_at_once_make_a_linear_log(
    fresh_store: FreshStore, kind: Backend, processes: int, times: int
) -> None:
    """Odd rounds: all see one release. Even rounds: two sides see two, and overrule each other."""
    lake = fresh_store(kind)
    generations = done = 0
    with ExitStack() as publishers:
        sides = [publishers.enter_context(SampleServer()) for _ in range(2)]
        for round_ in range(1, rounds(times, 10 * times) + 1):
            for side, server in enumerate(sides):
                server.surveys["pr"] = small(1 + round_ % 12, 3 + side * (round_ % 2 == 0))
            with ExitStack() as racing:
                racers = [
                    racing.enter_context(victim(sides[n % 2], lake)) for n in range(processes)
                ]
                for each in racers:
                    each.go()
                ended = [each.heard() for each in racers]
            changed = sorted(number for name, number in ended if name == "Changed")
            log = history(lake)
            assert changed == list(range(generations + 1, len(log) + 1))
            assert len(changed) == 1 or round_ % 2 == 0
            done += processes
            assert mirror(sides[0], lake).name in {"Unchanged", "Changed", "Repaired"}
            assert_whole(lake)
            generations = len(history(lake))
    tell(f"{processes} processes at once, {kind}: {done} runs, {generations} generations")
