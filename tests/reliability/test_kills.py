"""A run is killed (SIGKILL), anywhere: the next one ends as if nothing had been."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Literal

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import LARGEST_PUT, S3Store
from blsquest.sources.sample.population import payload
from tests.reliability.figures import sampled, tell
from tests.reliability.victims import victim
from tests.support.lakes import (
    assert_whole,
    mirror,
    recorded,
    release,
    state,
    take_population,
)
from tests.support.publishing import legacy_payload
from tests.support.s3_proxy import CUT, LOSE, answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blsquest.lake.stores.base import Store
    from blsquest.lake.stores.s3_options import S3Options
    from blsquest.sources.sample.server import SampleServer
    from tests.conftest import NewWire
    from tests.reliability.victims import Job
    from tests.support.s3_proxy import Fault, Request, Wire
    from tests.support.s3_servers import S3Server

Moment = Literal["before", "middle", "after"]
GONE = answer("503 Service Unavailable", "SlowDown")
"""What nobody is left to read."""
RUNS = {"mirror": mirror, "population": take_population}
SOURCES = {"mirror": "bls/pr", "population": "census"}


@dataclass
class Point:
    """Where a process dies.

    Attributes:
        at: Which of its calls, counted from 1; 0 for none.
        moment: Before the call, when half of its body is sent, or when it is done and unanswered.
        only: Count only requests of this verb.
        calls: How many calls there were.
        struck: The call that it died at.
    """

    at: int = 0
    moment: Moment = "before"
    only: str = ""
    calls: int = 0
    struck: str = ""


class OnDirectory:
    """Lakes in directories, where a call is a system call on the lake."""

    moments: ClassVar[list[Moment]] = ["before"]
    points = 8

    def __init__(self, server: SampleServer, folder: Path) -> None:
        self._server, self._folder, self._numbers = server, folder, count()

    def lake(self) -> Store:
        """Return an empty lake."""
        return DirectoryStore(self._folder / f"{next(self._numbers)}")

    def run(self, lake: Store, point: Point, job: Job = "mirror") -> bool:
        """Run once in a process; whether it ended by itself."""
        with victim(self._server, lake, job, stops=True) as process:
            process.go()
            for call in process.calls():
                point.calls += 1
                if point.calls == point.at:
                    point.struck = call
                    process.kill()
                    break
            return process.ended()


class OnS3:
    """Lakes in a real S3 server, where a call is a request."""

    moments: ClassVar[list[Moment]] = ["before", "middle", "after"]
    points = 4

    def __init__(self, server: SampleServer, bucket: str, options: S3Options, wire: Wire) -> None:
        self._server, self._bucket, self._options = server, bucket, options
        self._wire, self._numbers = wire, count()

    def lake(self) -> Store:
        """Return an empty lake."""
        return S3Store(self._bucket, f"{next(self._numbers)}", self._options)

    def run(self, lake: Store, point: Point, job: Job = "mirror") -> bool:
        """Run once in a process; whether it ended by itself."""
        prefix = lake.url.rpartition("/")[2]
        relayed = replace(self._options, endpoint=self._wire.endpoint)
        self._wire.reset()
        with victim(self._server, S3Store(self._bucket, prefix, relayed), job) as process:
            self._wire.fault = Interrupts(point, self._wire, process.kill)
            process.go()
            return process.ended()


@dataclass
class Interrupts:
    """Kill the process behind a relay at its point; once it is dead, let nothing pass."""

    point: Point
    wire: Wire
    kill: Callable[[], object]
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, request: Request) -> Fault:
        """Return what becomes of a request; no other one passes meanwhile."""
        point = self.point
        with self._lock:
            if point.struck:
                return GONE
            point.calls += point.only in {"", request.verb}
            if not 0 < point.at <= point.calls or (point.moment == "middle" and not request.size):
                return None
            point.struck = request.verb
            if point.moment != "before":
                self.wire.broken = self.kill
                return LOSE if point.moment == "after" else CUT
            self.kill()
            return GONE


Place = OnDirectory | OnS3


@pytest.fixture(params=["directory", "seaweed"])
def place(request: pytest.FixtureRequest, server: SampleServer, tmp_path: Path) -> Place:
    """Where the lakes are."""
    if request.param == "directory":
        return OnDirectory(server, tmp_path)
    found: OnS3 = request.getfixturevalue("on_s3")
    return found


@pytest.fixture
def on_s3(server: SampleServer, seaweed: S3Server, wire: NewWire) -> OnS3:
    """Lakes in a bucket of their own."""
    return OnS3(server, seaweed.fresh_bucket(), seaweed.options, wire(seaweed))


def start(server: SampleServer, lake: Store, *, first: bool) -> Store:
    """Bring out the next release, or the first one that the lake sees."""
    if not first:
        server.publish(1)
        server.population = legacy_payload()
        mirror(server, lake)
        take_population(server, lake)
    server.publish(2)
    server.population = payload()
    return lake


def assert_made_good(server: SampleServer, lake: Store, job: Job, wanted: dict[str, str]) -> None:
    """One clean run uploads nothing that had arrived, and ends where the uncrashed run ended."""
    source = SOURCES[job]
    arrived = {stored.key for stored in lake.list(f"vintages/{source}/")}
    clean, uploads = recorded(lake, "upload")
    RUNS[job](server, clean)
    assert arrived.isdisjoint(key for _, key in uploads)
    assert state(lake, source) == wanted
    assert_whole(lake, source)


@pytest.mark.parametrize("job", ["mirror", "population"])
@pytest.mark.parametrize("first", [True, False], ids=["first run", "next release"])
def test_a_process_killed_at_any_call_is_made_good_by_the_next_run(
    server: SampleServer, place: Place, job: Job, first: bool
) -> None:
    """Threads that meet may save each other a call: the last points may lie past the end."""
    reference, whole = start(server, place.lake(), first=first), Point()
    assert place.run(reference, whole, job)
    wanted = state(reference, SOURCES[job])
    ways = [(at, moment) for at in range(1, whole.calls + 1) for moment in place.moments]
    struck: Counter[str] = Counter()
    points = place.points if job == "mirror" else place.points // 2
    for way in sampled(len(ways), points):
        lake, point = start(server, place.lake(), first=first), Point(*ways[way - 1])
        assert place.run(lake, point, job) == (not point.struck)
        struck[point.struck] += 1
        assert_made_good(server, lake, job, wanted)
    del struck[""]
    tell(
        f"{job}, {'first run' if first else 'next release'}, {type(place).__name__}: killed at "
        f"{struck.total()} points of {whole.calls} calls: {dict(sorted(struck.items()))}"
    )
    assert struck.total() >= points // 2


@pytest.mark.parametrize(
    ("verb", "moment"), [("START", "after"), ("PART", "middle"), ("COMPLETE", "after")]
)
def test_a_process_killed_while_it_sends_a_file_in_parts_is_made_good_by_the_next_run(
    server: SampleServer, on_s3: OnS3, verb: str, moment: Moment
) -> None:
    """The parts that were sent stay, for the bucket's lifecycle rule; the audit names them."""
    lake = on_s3.lake()
    server.surveys["pr"] = release({"pr.data.0.Large": bytes(LARGEST_PUT + 1)})
    assert not on_s3.run(lake, Point(1, moment, only=verb))
    left = lake.unfinished()
    assert len(left) == (verb != "COMPLETE")
    clean, uploads = recorded(lake, "upload")
    assert mirror(server, clean).generation == 1
    assert len(uploads) == (verb != "COMPLETE")
    assert lake.unfinished() == left
    assert_whole(lake)
