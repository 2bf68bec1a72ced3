"""Keeps requests to one publisher apart, however many threads and surveys ask."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Lock, local
from typing import TYPE_CHECKING

from flows.lake.model import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MARGIN = 0.01
"""Added to each interval: what a request takes on the way differs a little from one to the next,
and the publisher counts on its own clock."""


class Pacer:
    """Lets one request go at a time, and the next no sooner than 1/rate after it was *sent*.

    Sent, not begun: setting up a connection (DNS, TCP, TLS) takes a moment, so a request on a new
    connection begun before one on a kept one could arrive just in front of it. The connection
    calls `sent` when the request has been written; until then nobody else's turn comes.

    Share one pacer among all that ask the same publisher.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the pace.

        Args:
            per_second: Requests a second at most; None or 0 for no limit (a loopback sample).
            clock: Seconds, monotonic.
            sleep: Waits for a number of seconds.

        Raises:
            Misuse: A negative or non-finite rate.
        """
        rate = per_second or 0.0
        if not 0 <= rate < float("inf"):
            raise Misuse(
                f"Downloads per second must be a positive number, not {per_second}.",
                "BLS tolerates about one a second.",
            )
        self._interval = (1 + MARGIN) / rate if rate else 0.0
        self._clock = clock
        self._sleep = sleep
        self._due = clock()
        self._due_lock = Lock()
        self._gate = Lock()
        self._mine = local()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn to send one request; it ends at `sent`, or at exit if that fails."""
        if not self._interval:
            self._wait_until_due()
            yield
            return
        self._gate.acquire()
        self._mine.turn = True
        try:
            self._wait_until_due()
            yield
        finally:
            self.sent()

    def sent(self) -> None:
        """Say that the request of this thread's turn is on its way; without a turn, nothing."""
        if getattr(self._mine, "turn", False):
            self._mine.turn = False
            self.hold(self._interval)
            self._gate.release()

    def hold(self, seconds: float) -> None:
        """Let no request begin in the next `seconds` (a publisher's `Retry-After`)."""
        with self._due_lock:
            self._due = max(self._due, self._clock() + seconds)

    def pause(self, seconds: float) -> None:
        """Keep this thread alone from going on (the back-off of one request)."""
        self._sleep(seconds)

    def _wait_until_due(self) -> None:
        # A loop, because `hold` may move the moment while this thread sleeps.
        while (left := self._due - self._clock()) > 0:
            self._sleep(left)
