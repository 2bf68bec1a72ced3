"""Counts what a run costs: requests, bytes and seconds, by verb."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Meter:
    """Thread-safe counters; `seconds` adds up over threads, so it can exceed the wall clock.

    Attributes:
        requests: How often each verb was asked for (HTTP or storage requests, retries included).
        seconds: Time spent inside them.
        received: Bytes that came in.
        sent: Bytes that went out.
    """

    requests: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    received: int = 0
    sent: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    @contextmanager
    def timed(self, verb: str | None = None) -> Iterator[None]:
        """Count one request of `verb` (None: time only) and the time it takes."""
        started = perf_counter()
        try:
            yield
        finally:
            self.add(verb, seconds=perf_counter() - started)

    def add(
        self, verb: str | None = None, *, seconds: float = 0.0, received: int = 0, sent: int = 0
    ) -> None:
        """Add to the counters."""
        with self._lock:
            if verb is not None:
                self.requests[verb] += 1
            self.seconds += seconds
            self.received += received
            self.sent += sent

    @property
    def total(self) -> int:
        """Requests of all verbs."""
        return sum(self.requests.values())
