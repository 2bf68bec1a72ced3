"""A run is killed (SIGKILL), anywhere: the next one ends as if nothing had been."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Literal

import pytest

from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import LARGEST_PUT, S3Store
from blsquest.sources.sample.server import SampleServer
from tests.conftest import NewWire
from tests.reliability.figures import sampled, tell
from tests.support.lakes import assert_whole, mirror, recorded, release, state
from tests.support.s3_proxy import CUT, LOSE, Fault, Request, Wire, answer
from tests.support.s3_servers import S3Server
from tests.support.victims import victim

Moment = Literal["before", "middle", "after"]
GONE = answer("503 Service Unavailable", "SlowDown")
"""What nobody is left to read."""


@dataclass
class Point:
    """Where a process dies: at which of its calls, counted from 1, or of those of one verb only.

    Before the call, when half of its body is sent, or when it is done and unanswered.
    """

    at: int = 0
    moment: Moment = "before"
    only: str = ""
    calls: int = 0
    struck: str = ""


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


@dataclass
class Place:
    """Lakes in directories, where a call is a system call; or in S3, where it is a request."""

    server: SampleServer
    make: Callable[[str], Store]
    wire: Wire | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    def lake(self, *, first: bool = True) -> Store:
        """Return an empty lake, or one of release 1; release 2 is out."""
        lake = self.make(str(next(self._numbers)))
        if not first:
            self.server.publish(1)
            mirror(self.server, lake)
        self.server.publish(2)
        return lake

    def run(self, lake: Store, point: Point) -> bool:
        """Run once in a process; whether it ended by itself."""
        with victim(self.server, lake, stops=self.wire is None) as process:
            if self.wire is not None:
                self.wire.fault = Interrupts(point, self.wire, process.process.kill)
                process.go()
                ended = process.ended()
                self.wire.reset()
                return ended
            process.go()
            for call in process.calls():
                point.calls += 1
                if point.calls == point.at:
                    point.struck = call
                    process.process.kill()
                    break
            return process.ended()


@pytest.fixture(params=["directory", "seaweed"])
def place(request: pytest.FixtureRequest, server: SampleServer, tmp_path: Path) -> Place:
    if request.param == "directory":
        return Place(server, lambda name: DirectoryStore(tmp_path / name))
    found: Place = request.getfixturevalue("on_s3")
    return found


@pytest.fixture
def on_s3(server: SampleServer, seaweed: S3Server, wire: NewWire) -> Place:
    relayed = wire(seaweed)
    options = replace(seaweed.options, endpoint=relayed.endpoint)
    return Place(server, partial(S3Store, seaweed.fresh_bucket(), options=options), relayed)


@pytest.mark.parametrize("first", [True, False], ids=["first run", "next release"])
def test_a_process_killed_at_any_call_is_made_good_by_the_next_run(
    server: SampleServer, place: Place, first: bool
) -> None:
    """Threads that meet may save each other a call: the last points may lie past the end."""
    reference, whole = place.lake(first=first), Point()
    assert place.run(reference, whole)
    wanted = state(reference)
    moments: list[Moment] = ["before", "middle", "after"] if place.wire else ["before"]
    ways = [(at, moment) for at in range(1, whole.calls + 1) for moment in moments]
    struck: Counter[str] = Counter()
    points = 4 if place.wire else 8
    for way in sampled(len(ways), points):
        lake, point = place.lake(first=first), Point(*ways[way - 1])
        assert place.run(lake, point) == (not point.struck)
        struck[point.struck] += 1
        arrived = {stored.key for stored in lake.list("vintages/")}
        clean, uploads = recorded(lake, "upload")
        mirror(server, clean)
        assert arrived.isdisjoint(key for _, key in uploads)
        assert state(lake) == wanted
        assert_whole(lake)
    del struck[""]
    tell(
        f"{'first run' if first else 'next release'}, {type(reference).__name__}: killed at "
        f"{struck.total()} points of {whole.calls} calls: {dict(sorted(struck.items()))}"
    )
    assert struck.total() >= points // 2


@pytest.mark.parametrize(
    ("verb", "moment"), [("START", "after"), ("PART", "middle"), ("COMPLETE", "after")]
)
def test_a_process_killed_while_it_sends_a_file_in_parts_is_made_good_by_the_next_run(
    server: SampleServer, on_s3: Place, verb: str, moment: Moment
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
