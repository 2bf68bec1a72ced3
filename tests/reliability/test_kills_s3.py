"""A run on a real S3 server is killed (SIGKILL), anywhere: the next one makes it good."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Literal, get_args

import pytest

from blsquest.lake.stores.s3 import LARGEST_PUT, S3Store
from tests.reliability.figures import rounds, sampled, tell
from tests.reliability.kills import (
    RUNS,
    SOURCES,
    assert_made_good,
    kill_at,
    publish_first,
    publish_next,
    seconds_of_a_run,
)
from tests.reliability.victims import victim
from tests.support.lakes import assert_whole, mirror, recorded, release, state
from tests.support.s3_proxy import CUT, LOSE, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blsquest.sources.sample.server import SampleServer
    from tests.conftest import NewWire
    from tests.reliability.victims import Job, Victim
    from tests.support.s3_proxy import Fault, Request, Wire
    from tests.support.s3_servers import S3Server

Moment = Literal["before", "middle", "after"]


@dataclass
class Kills:
    """Kills a victim at its k-th request: unseen by the server, half sent, or done unanswered.

    Attributes:
        at: Which request, counted from 1; for `middle` the next one that has a body.
        only: Count only requests of this verb.
        struck: The verb of the request that it died at; "" if it lives.
    """

    victim: Victim
    wire: Wire
    at: int
    moment: Moment
    only: str = ""
    seen: int = 0
    struck: str = ""
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, request: Request) -> Fault:
        """What becomes of a request; once the process is to die, nothing passes."""
        with self._lock:
            if self.struck:
                return GONE
            self.seen += self.only in {"", request.verb}
            if self.seen < self.at or (self.moment == "middle" and not request.size):
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
            publish_first(self.server)
            RUNS[self.job](self.server, ours)
        publish_next(self.server)
        self.wire.reset()
        relayed = replace(self.s3.options, endpoint=self.wire.endpoint)
        return ours, S3Store(self.bucket, prefix, relayed)

    def requests_of_a_run(self, *, first: bool) -> tuple[list[Request], dict[str, str]]:
        """The requests that one uncrashed run makes, and the state that it ends in."""
        ours, theirs = self.lake(first=first)
        with victim(self.server, theirs, self.job) as whole:
            self.wire.reset()
            whole.go()
            assert whole.ended()
        return list(self.wire.requests), state(ours, SOURCES[self.job])


@pytest.mark.parametrize(("job", "points"), [("mirror", 6), ("population", 2)])
@pytest.mark.parametrize("first", [True, False], ids=["first run", "next release"])
def test_a_process_killed_at_any_request_to_s3_is_made_good_by_the_next_run(
    server: SampleServer, seaweed: S3Server, wire: NewWire, job: Job, points: int, first: bool
) -> None:
    """Before the server sees the request, in the middle of its body, or before its answer."""
    cloud = Cloud(server, seaweed, wire(seaweed), seaweed.fresh_bucket(), job)
    calls, wanted = cloud.requests_of_a_run(first=first)
    moments: tuple[Moment, ...] = get_args(Moment)
    ways = [
        (at, moment)
        for at in range(1, len(calls) + 1)
        for moment in moments
        if moment != "middle" or any(call.size for call in calls[at - 1 :])
    ]
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
    what = "first run" if first else "next release"
    struck.pop("", None)
    tell(
        f"{job}, {what}, SeaweedFS: killed at {struck.total()} points of {len(calls)} requests "
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
    for _ in range(rounds(3, 100)):
        ours, theirs = cloud.lake(first=False)
        killed += kill_at(server, theirs, chance.uniform(0, took))
        arrived = {stored.key for stored in ours.list("vintages/")}
        cloud.wire.reset()
        assert_made_good(server, theirs, "mirror", wanted)
        targets = [r.target for r in cloud.wire.requests if r.verb == "PUT"]
        puts = [t[t.index("vintages/") :] for t in targets if "/vintages/" in t]
        assert arrived.isdisjoint(puts)
        assert len(puts) == len(set(puts))
    tell(f"mirror, SeaweedFS: killed at {killed} random moments of {took * 1000:.0f} ms")
    assert killed > 0


@pytest.mark.parametrize(
    ("verb", "moment"), [("START", "after"), ("PART", "middle"), ("COMPLETE", "after")]
)
def test_a_process_killed_while_it_sends_a_file_in_parts_is_made_good_by_the_next_run(
    server: SampleServer, seaweed: S3Server, wire: NewWire, verb: str, moment: Moment
) -> None:
    """The parts that were sent stay, for the bucket's lifecycle rule; the audit names them."""
    cloud = Cloud(server, seaweed, wire(seaweed), seaweed.fresh_bucket(), "mirror")
    ours, theirs = cloud.lake(first=True)
    server.surveys["pr"] = release({"pr.data.0.Large": bytes(LARGEST_PUT + 1)})
    with victim(server, theirs) as dying:
        cloud.wire.reset()
        cloud.wire.fault = Kills(dying, cloud.wire, 1, moment, only=verb)
        dying.go()
        assert not dying.ended()
    left = ours.unfinished()
    assert len(left) == (verb != "COMPLETE")
    clean, uploads = recorded(ours, "upload")
    assert mirror(server, clean).generation == 1
    assert len(uploads) == (verb != "COMPLETE")
    assert ours.unfinished() == left
    assert_whole(ours)
