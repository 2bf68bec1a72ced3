"""A run that is held up anywhere, overtaken by a newer one, and then goes on or is killed.

Whatever the old run still does, one clean run later the view is the newest generation's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from tests.reliability.figures import sampled, tell
from tests.reliability.victims import victim
from tests.support.lakes import Fails, Watched, assert_whole, history, mirror, small, twin
from tests.support.s3_proxy import answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.server import SampleServer
    from tests.conftest import NewWire
    from tests.support.lakes import When
    from tests.support.s3_proxy import Fault, Request
    from tests.support.s3_servers import S3Server

GONE = answer("503 Service Unavailable", "SlowDown")
"""What nobody is left to read."""


def publish(server: SampleServer, number: int) -> None:
    """Release 1, 2 or 3; each changes every file, and the last one has one more."""
    server.surveys["pr"] = small(number, 3 if number < 3 else 4)


def assert_newest(server: SampleServer, lake: Store) -> int:
    """After one clean run the view is the newest release; the number of generations."""
    mirror(server, lake)
    assert_whole(lake)
    log = history(lake)
    newest = {entry.name: entry.stamp for entry in log[-1].manifest.files}
    assert newest == {name: file.stamp for name, file in small(3, 4).items()}
    assert mirror(server, lake).name == "Unchanged"
    return len(log)


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "is killed"])
def test_a_run_on_a_directory_overtaken_at_any_system_call_never_has_the_last_word(
    server: SampleServer, tmp_path: Path, killed: bool
) -> None:
    base = DirectoryStore(tmp_path / "base")
    publish(server, 1)
    mirror(server, base)
    publish(server, 2)
    with victim(server, twin(base, tmp_path / "reference"), stops=True) as whole:
        whole.go()
        calls = len(list(whole.calls()))
    generations: Counter[int] = Counter()
    for at in sampled(calls, 8):
        lake = twin(base, tmp_path / f"{at}")
        publish(server, 2)
        with victim(server, lake, stops=True) as slow:
            slow.go()
            for number, _ in enumerate(slow.calls(), start=1):
                if number != at:
                    continue
                publish(server, 3)
                mirror(server, lake)
                if killed:
                    slow.kill()
                    break
            publish(server, 3)
            slow.ended()
        generations[assert_newest(server, lake)] += 1
    end = "killed" if killed else "gone on"
    tell(f"overtaken before one of {calls} system calls, then {end}: {generations.total()} points")


class Overtaken:
    """Holds up the k-th request of a process until `meanwhile` is done, and `then` kills it."""

    def __init__(
        self, at: int, meanwhile: Callable[[], object], then: Callable[[], object] | None
    ) -> None:
        self._at, self._meanwhile, self._then = at, meanwhile, then
        self._numbers = count(1)
        self.dead = False
        self._lock = Lock()

    def __call__(self, _: Request) -> Fault:
        """What becomes of a request."""
        with self._lock:  # nothing else of the process passes meanwhile
            if self.dead:
                return GONE
            if next(self._numbers) != self._at:
                return None
            self._meanwhile()
            if self._then is None:
                return None
            self.dead = True
            self._then()
            return GONE


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "is killed"])
def test_a_run_on_s3_overtaken_at_any_request_never_has_the_last_word(
    server: SampleServer, seaweed: S3Server, wire: NewWire, killed: bool
) -> None:
    relay, bucket = wire(seaweed), seaweed.fresh_bucket()
    generations: Counter[int] = Counter()

    def lake(prefix: str) -> tuple[S3Store, S3Store]:
        ours = S3Store(bucket, prefix, seaweed.options)
        publish(server, 1)
        mirror(server, ours)
        publish(server, 2)
        relay.reset()
        return ours, S3Store(bucket, prefix, replace(seaweed.options, endpoint=relay.endpoint))

    _, theirs = lake("reference")
    with victim(server, theirs) as whole:
        relay.reset()
        whole.go()
        assert whole.ended()
    calls = len(relay.requests)
    for at in sampled(calls, 4):
        ours, theirs = lake(f"{at}")

        def overtake(lake: S3Store = ours) -> None:
            publish(server, 3)
            mirror(server, lake)

        with victim(server, theirs) as slow:
            relay.reset()
            relay.fault = held = Overtaken(at, overtake, slow.kill if killed else None)
            slow.go()
            assert slow.ended() is not held.dead
        generations[assert_newest(server, ours)] += 1
    end = "killed" if killed else "gone on"
    tell(f"overtaken at one of {calls} requests, then {end}: {generations.total()} points")


def test_a_first_run_overtaken_by_another_first_run_at_any_storage_call_ends_well(
    server: SampleServer, tmp_path: Path
) -> None:
    """What the other one has published since is not taken for a stranger's files."""
    publish(server, 3)
    counted = Fails(0, "before")
    mirror(server, Watched(DirectoryStore(tmp_path / "reference"), counted))
    for at in range(1, counted.calls + 1):
        lake = DirectoryStore(tmp_path / f"{at}")
        numbers = count(1)

        def overtake(
            when: When,
            verb: str,
            key: str,
            *,
            lake: DirectoryStore = lake,
            at: int = at,
            numbers: Iterator[int] = numbers,
        ) -> None:
            if when == "before" and next(numbers) == at:
                mirror(server, lake)

        assert mirror(server, Watched(lake, overtake)).generation == 1
        assert assert_newest(server, lake) == 1
