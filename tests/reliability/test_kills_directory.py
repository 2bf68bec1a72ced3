"""A run on a directory is killed (SIGKILL), anywhere: the next one ends as if nothing had been."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from tests.reliability.figures import rounds, sampled, tell
from tests.reliability.kills import (
    SOURCES,
    assert_made_good,
    kill_at,
    publish_first,
    publish_next,
    seconds_of_a_run,
)
from tests.reliability.victims import victim
from tests.support.lakes import mirror, state, take_population, twin

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.sources.sample.server import SampleServer
    from tests.reliability.victims import Job


@pytest.fixture
def base(server: SampleServer, tmp_path: Path) -> DirectoryStore:
    """A lake that holds what was published first; the next release is out."""
    lake = DirectoryStore(tmp_path / "base")
    publish_first(server)
    mirror(server, lake)
    take_population(server, lake)
    publish_next(server)
    return lake


@pytest.mark.parametrize(("job", "points"), [("mirror", 12), ("population", 6)])
@pytest.mark.parametrize("first", [True, False], ids=["first run", "next release"])
def test_a_process_killed_before_any_system_call_on_a_directory_is_made_good_by_the_next_run(
    server: SampleServer, base: DirectoryStore, tmp_path: Path, job: Job, points: int, first: bool
) -> None:
    start = DirectoryStore(tmp_path / "nothing") if first else base
    reference = twin(start, tmp_path / "reference")
    with victim(server, reference, job, stops=True) as counted:
        counted.go()
        calls = len(list(counted.calls()))
        assert counted.ended()
    wanted = state(reference, SOURCES[job])
    killed = 0
    for at in sampled(calls, points):
        lake = twin(start, tmp_path / f"{at}")
        with victim(server, lake, job, stops=True) as dying:
            dying.go()
            for number, _ in enumerate(dying.calls(), start=1):
                if number == at:
                    dying.kill()
                    break
            # Threads that meet may save each other a call: the last points may lie past the end.
            killed += not dying.ended()
        assert_made_good(server, lake, job, wanted)
    what = "first run" if first else "next release"
    tell(f"{job}, {what}, directory: killed before {killed} of {calls} system calls")
    assert killed > points // 2


@pytest.mark.parametrize("first", [True, False], ids=["first run", "next release"])
def test_a_process_killed_at_any_moment_on_a_directory_is_made_good_by_the_next_run(
    server: SampleServer, base: DirectoryStore, tmp_path: Path, first: bool
) -> None:
    """It may be killed again while it makes good what the first kill left."""
    start = DirectoryStore(tmp_path / "nothing") if first else base
    reference = twin(start, tmp_path / "reference")
    took = seconds_of_a_run(server, reference)
    wanted = state(reference)
    chance = random.Random(7)
    killed = 0
    for number in range(rounds(8, 500)):
        lake = twin(start, tmp_path / f"{number}")
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            killed += kill_at(server, lake, chance.uniform(0, took))
        assert_made_good(server, lake, "mirror", wanted)
        shutil.rmtree(lake.root, ignore_errors=True)  # a soak makes thousands
    what = "first run" if first else "next release"
    tell(f"mirror, {what}, directory: killed at {killed} random moments of {took * 1000:.0f} ms")
    assert killed > 0
