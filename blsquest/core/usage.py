"""Count what a run costs: requests, bytes and seconds, by verb."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import perf_counter
from typing import Any


@dataclass(slots=True)
class Spent:
    """What was spent.

    Attributes:
        requests: HTTP or storage requests of each verb, retries included.
        seconds: Time inside them, added up over threads, so it can exceed the wall clock.
        waited: Seconds before requests: the polite pace, a `Retry-After`, or before a further try.
    """

    requests: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    waited: float = 0.0
    received: int = 0
    sent: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "requests": self.requests.total(),
            "by_verb": dict(sorted(self.requests.items())),
            "seconds": round(self.seconds, 3),
            "waited_seconds": round(self.waited, 3),
            "bytes_received": self.received,
            "bytes_sent": self.sent,
        }


@dataclass(slots=True)
class Meter(Spent):
    """Thread-safe counters of what is spent.

    Attributes:
        within: Counts the same and more: the process's own, also of what ends in an error.
    """

    within: "Meter | None" = field(
        default_factory=lambda: SOURCES, repr=False, compare=False, kw_only=True
    )
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @contextmanager
    def timed(self, verb: str | None = None) -> Iterator[None]:
        """Count one request of `verb` (None: time only) and the time it takes."""
        started = perf_counter()
        try:
            yield
        finally:
            self.add(verb, seconds=perf_counter() - started)

    def add(
        self,
        verb: str | None = None,
        *,
        seconds: float = 0.0,
        waited: float = 0.0,
        received: int = 0,
        sent: int = 0,
    ) -> None:
        """Add to the counters."""
        with self._lock:
            if verb is not None:
                self.requests[verb] += 1
            self.seconds += seconds
            self.waited += waited
            self.received += received
            self.sent += sent
        if self.within is not None:
            self.within.add(verb, seconds=seconds, waited=waited, received=received, sent=sent)

    def spent(self) -> Spent:
        """Return the counters as they are now."""
        with self._lock:
            requests = self.requests.copy()
            return Spent(requests, self.seconds, self.waited, self.received, self.sent)


SOURCES: Meter = Meter(within=None)
"""What this process has spent at publishers."""
STORAGE: Meter = Meter(within=None)
"""What it has spent at the storage."""
