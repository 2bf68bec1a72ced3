"""Keeps requests to one publisher apart, however many threads and surveys ask."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, local

from blsquest.core.errors import Misuse
from blsquest.core.stop import sleep_unless_stopped

MARGIN = 0.01
"""Share of an interval added to it: the publisher counts by its own clock."""

LAG = 0.02
"""Share of an interval that is allowed for between sending and arrival. With the margin this costs
at most 3 % more time than the pace itself demands."""


class Pacer:
    """Lets one request go at a time, and the next no sooner than 1/rate after it arrived.

    Only the publisher knows when a request arrived: after it was sent, and before the headers of
    the answer. On a new connection (DNS, TCP, TLS first) much time can lie between, so the next
    turn comes an interval after the headers. On a kept connection the request goes out at once: the
    connection calls `sent`, others get their turn without waiting for a slow answer, and the
    interval counts from the headers or from `LAG` after the sending, whichever is earlier.

    Share one pacer among all clients of a publisher.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = sleep_unless_stopped,
    ) -> None:
        """Take the pace: requests a second at most; None or 0 for no limit (a loopback sample)."""
        rate = per_second or 0.0
        if not 0 <= rate < float("inf"):
            raise Misuse(
                f"Downloads per second must be a positive number, not {per_second}.",
                "BLS tolerates about one a second.",
            )
        self.interval = (1 + MARGIN) / rate if rate else 0.0
        self._lag = LAG / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._due = clock()
        self._due_lock = Lock()
        self._gate = Lock()
        self._turn = local()

    @contextmanager
    def turn(self) -> Iterator[float]:
        """Wait for a turn, send one request in it, and leave when the headers are there.

        Yields the seconds waited; those of several threads don't overlap.
        """
        if not self.interval:
            yield self._wait_until_due()
            return
        self._gate.acquire()
        self._turn.sent = None
        try:
            yield self._wait_until_due()
        finally:
            arrived = self._clock()
            if self._turn.sent is None:
                self._not_before(arrived + self.interval)
                self._gate.release()
            else:
                self._not_before(min(arrived, self._turn.sent + self._lag) + self.interval)

    def sent(self) -> None:
        """Note that this thread's request went out when it was due, and let others on."""
        if self.interval and self._turn.sent is None:
            self._turn.sent = self._clock()
            self._not_before(self._turn.sent + self.interval)
            self._gate.release()

    def hold(self, seconds: float) -> None:
        """Let no request begin in the next `seconds` (a publisher's `Retry-After`)."""
        self._not_before(self._clock() + seconds)

    def pause(self, seconds: float) -> None:
        """Make this thread alone wait (the back-off of one request)."""
        if seconds > 0:
            self._sleep(seconds)

    def _not_before(self, moment: float) -> None:
        with self._due_lock:
            self._due = max(self._due, moment)

    def _wait_until_due(self) -> float:
        began = self._clock()
        # A loop, because `hold` may move the moment while this thread sleeps.
        while (left := self._due - self._clock()) > 0:
            self._sleep(left)
        return self._clock() - began
