"""A run's process is killed (SIGKILL), anywhere: the next run ends in the uncrashed run's state."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Literal, get_args

import pytest

from flows.lake.store_directory import DirectoryStore
from flows.lake.store_s3 import S3Store
from flows.sources.sample_population import payload
from tests.lakes import assert_whole, mirror, recorded, state, take_population, twin
from tests.reliability.figures import rounds, sampled, tell
from tests.reliability.victims import victim
from tests.s3_proxy import CUT, LOSE, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flows.lake.model import Store
    from flows.lake.outcome import Outcome
    from flows.sources.sample import SampleServer
    from tests.conftest import NewWire
    from tests.reliability.victims import Job, Victim
    from tests.s3_proxy import Fault, Request, Wire
    from tests.s3_servers import S3Server

SOURCES: dict[Job, str] = {"mirror": "bls/pr", "population": "census"}
RUNS: dict[Job, Callable[[SampleServer, Store], Outcome]] = {
    "mirror": mirror,
    "population": take_population,
}


def publish_next(server: SampleServer) -> None:
    """Additions, changes, a removal and a restamp; another spelling and shape of the population."""
    server.publish(2)
    server.population = payload("tesseract")


def assert_made_good(
    server: SampleServer, lake: Store, job: Job, wanted: dict[str, str]
) -> dict[str, str]:
    """One clean run uploads nothing that had arrived, and ends where the uncrashed run ended."""
    arrived = {stored.key for stored in lake.list(f"vintages/{SOURCES[job]}/")}
    clean, uploads = recorded(lake, "upload")
    RUNS[job](server, clean)
    assert arrived.isdisjoint(key for _, key in uploads)
    assert state(lake, SOURCES[job]) == wanted
    return wanted


# -- A directory -------------------------------------------------------------------------------


@pytest.fixture
def base(server: SampleServer, tmp_path: Path) -> DirectoryStore:
    """A lake that holds what was published first; the next release is out."""
    lake = DirectoryStore(tmp_path / "base")
    server.population = payload("legacy")
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
        assert_whole(lake, SOURCES[job])
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
        assert_whole(lake)
        shutil.rmtree(lake.root, ignore_errors=True)  # a soak makes thousands
    what = "first run" if first else "next release"
    tell(f"mirror, {what}, directory: killed at {killed} random moments of {took * 1000:.0f} ms")
    assert killed > 0


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


# -- SeaweedFS ---------------------------------------------------------------------------------

Moment = Literal["before", "middle", "after"]


@dataclass
class Kills:
    """Kills a victim at its k-th request: unseen by the server, half sent, or done unanswered."""

    victim: Victim
    wire: Wire
    at: int
    moment: Moment
    seen: int = 0
    struck: str = ""
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, request: Request) -> Fault:
        """What becomes of a request; once the process is to die, nothing passes."""
        with self._lock:
            self.seen += 1
            if self.struck or (self.moment == "middle" and not request.size):
                return GONE if self.struck else None
            if self.seen < self.at:
                return None
            self.struck = request.verb
        if self.moment == "before":
            self.victim.kill()
            return GONE
        self.wire.broken = self.victim.kill
        return LOSE if self.moment == "after" else CUT


GONE = answer("503 Service Unavailable", "SlowDown")
"""What nobody is left to read."""


@dataclass
class Cloud:
    """Lakes in a bucket: the tests' own way to it, and the victim's, which is watched."""

    server: SampleServer
    s3: S3Server
    wire: Wire
    bucket: str
    job: Job
    numbers: Iterator[int] = field(default_factory=count)

    def lake(self, *, first: bool) -> tuple[S3Store, S3Store]:
        """A new lake (empty, or with what was published first): ours, and the victim's way in."""
        prefix = f"{self.job}-{next(self.numbers)}"
        ours = S3Store(self.bucket, prefix, self.s3.options)
        if not first:
            self.server.publish(1)
            self.server.population = payload("legacy")
            RUNS[self.job](self.server, ours)
        publish_next(self.server)
        self.wire.reset()
        relayed = replace(self.s3.options, endpoint=self.wire.endpoint)
        return ours, S3Store(self.bucket, prefix, relayed)

    def requests_of_a_run(self, *, first: bool) -> tuple[int, dict[str, str]]:
        """How many requests one uncrashed run makes, and the state that it ends in."""
        ours, theirs = self.lake(first=first)
        with victim(self.server, theirs, self.job) as whole:
            self.wire.reset()
            whole.go()
            assert whole.ended()
        return len(self.wire.requests), state(ours, SOURCES[self.job])


@pytest.mark.parametrize(("job", "points"), [("mirror", 9), ("population", 3)])
@pytest.mark.parametrize("first", [True, False], ids=["first run", "next release"])
def test_a_process_killed_at_any_request_to_s3_is_made_good_by_the_next_run(
    server: SampleServer, seaweed: S3Server, wire: NewWire, job: Job, points: int, first: bool
) -> None:
    """Before the server sees the request, in the middle of its body, or before its answer."""
    cloud = Cloud(server, seaweed, wire(seaweed), seaweed.fresh_bucket(), job)
    calls, wanted = cloud.requests_of_a_run(first=first)
    moments: tuple[Moment, ...] = get_args(Moment)
    ways = [(at, moment) for at in range(1, calls + 1) for moment in moments]
    struck: Counter[str] = Counter()
    for way in sampled(len(ways), points):
        at, moment = ways[way - 1]
        ours, theirs = cloud.lake(first=first)
        with victim(server, theirs, job) as dying:
            cloud.wire.reset()
            cloud.wire.fault = kills = Kills(dying, cloud.wire, at, moment)
            dying.go()
            assert dying.ended() == (not kills.struck)
        struck[kills.struck] += 1
        assert_made_good(server, ours, job, wanted)
        assert_whole(ours, SOURCES[job])
    what = "first run" if first else "next release"
    struck.pop("", None)
    tell(
        f"{job}, {what}, SeaweedFS: killed at {struck.total()} points of {calls} requests "
        f"(before, half sent, unanswered): {dict(sorted(struck.items()))}"
    )
    assert struck.total() > points // 2


def test_a_process_killed_at_any_moment_on_s3_is_made_good_by_the_next_run(
    server: SampleServer, seaweed: S3Server, wire: NewWire
) -> None:
    """The clean run goes over the relay too: what had arrived is not put again, as it counts."""
    cloud = Cloud(server, seaweed, wire(seaweed), seaweed.fresh_bucket(), "mirror")
    ours, theirs = cloud.lake(first=False)
    took = seconds_of_a_run(server, theirs)
    wanted = state(ours)
    chance = random.Random(7)
    killed = 0
    for _ in range(rounds(5, 100)):
        ours, theirs = cloud.lake(first=False)
        killed += kill_at(server, theirs, chance.uniform(0, took))
        arrived = {stored.key for stored in ours.list("vintages/")}
        cloud.wire.reset()
        assert_made_good(server, theirs, "mirror", wanted)
        puts = [r.target for r in cloud.wire.requests if r.verb == "PUT"]
        assert not [target for target in puts if target.partition("vintages/")[2] in arrived]
        assert len(puts) == len(set(puts))
        assert_whole(ours)
    tell(f"mirror, SeaweedFS: killed at {killed} random moments of {took * 1000:.0f} ms")
    assert killed > 0
