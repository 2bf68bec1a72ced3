"""Keeps requests to one publisher apart, however many threads and surveys ask."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Lock, local
from typing import TYPE_CHECKING

from blsquest.core.errors import Misuse
from blsquest.core.stop import sleep_unless_stopped
from blsquest.sources.share import pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from blsquest.sources.share import Share


MARGIN = 0.01
"""Share of an interval added to it: the publisher counts on its own clock."""

LAG = 0.02
"""Share of an interval by which an arrival may trail the sending and still be allowed for. With the
margin it bounds what the care costs: at most 3 % more time than the pace itself demands."""


class Pacer:
    """Lets one request go at a time, and the next no sooner than 1/rate after it arrived.

    When a request arrived only the publisher knows: after it was sent, and before the headers of
    the answer. On a new connection (DNS, TCP, TLS first) much can lie between, so the next turn
    comes an interval after the headers. On a kept one the request goes out at once: the
    connection calls `sent`, others get their turn without waiting for a slow answer, and the
    interval counts from the headers or from `LAG` after the sending, whichever is earlier.

    Share one pacer among all that ask the same publisher. Where several processes ask it, each has
    a `Share`, and sends in its own turns only: then a connection stands before the turn is waited
    for, so that what left in a turn arrives in it.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        share: Share | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = sleep_unless_stopped,
    ) -> None:
        """Take the pace.

        Args:
            per_second: Requests a second at most; None or 0 for no limit (a loopback sample).
            share: Which turns are this process's, where others ask the same publisher.
            clock: Seconds, monotonic.
            wall: Seconds since the epoch, which processes have in common.
            sleep: Waits for a number of seconds, or raises Stopped.

        Raises:
            Misuse: A negative or non-finite rate.
        """
        rate = per_second or 0.0
        if not 0 <= rate < float("inf"):
            raise Misuse(
                f"Downloads per second must be a positive number, not {per_second}.",
                "BLS tolerates about one a second.",
            )
        self._share = share if rate else None
        self._pace = 1 / rate if rate else 0.0
        self._interval = pause(self._pace) if share else (1 + MARGIN) * self._pace
        self._lag = LAG / rate if rate else 0.0
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._due = clock()
        self._due_lock = Lock()
        self._gate = Lock()
        self._turn = local()

    @contextmanager
    def turn(self) -> Iterator[float]:
        """Wait for a turn, send one request in it, and leave when the headers are there.

        Gives the seconds that this turn cost; those of several threads don't overlap.
        """
        if not self._interval:
            yield self._wait_until_due()
            return
        self._gate.acquire()
        self._turn.sent = None
        try:
            yield self._wait_until_due()
        finally:
            arrived = self._clock()
            if self._turn.sent is None:
                self._count_from(arrived)
                self._gate.release()
            else:
                self._count_from(min(arrived, self._turn.sent + self._lag))

    @property
    def connects_first(self) -> bool:
        """Whether connections are to stand before `may_leave` is asked."""
        return self._share is not None

    def may_leave(self) -> None:
        """Wait, with a connection that stands, until a request may leave it."""
        while self._share and (left := self._share.wait(self._pace, self._wall())) > 0:
            self._sleep(left)

    def sent(self) -> None:
        """Say that this thread's request went out when it was due, and let others on."""
        if self._interval and self._turn.sent is None:
            self._turn.sent = self._clock()
            self._count_from(self._turn.sent)
            self._gate.release()

    def hold(self, seconds: float) -> None:
        """Let no request begin in the next `seconds` (a publisher's `Retry-After`)."""
        self._not_before(self._clock() + seconds)

    def pause(self, seconds: float) -> None:
        """Make this thread alone wait (the back-off of one request)."""
        if seconds > 0:
            self._sleep(seconds)

    def _count_from(self, moment: float) -> None:
        self._not_before(moment + self._interval)

    def _not_before(self, moment: float) -> None:
        with self._due_lock:
            self._due = max(self._due, moment)

    def _wait_until_due(self) -> float:
        began = self._clock()
        # A loop, because `hold` may move the moment while this thread sleeps.
        while (left := self._due - self._clock()) > 0:
            self._sleep(left)
        self.may_leave()
        return self._clock() - began
