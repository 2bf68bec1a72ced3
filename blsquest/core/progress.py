"""Progress events of a run, sent to a listener; by default there is none.

There is one listener per process, because the process has one terminal. It is called from any
thread, and must be quick. Nothing depends on it: a run's outcome says what it did.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What begins or has just ended, in one line for people."""

    what: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """The requests for a source's files begin.

    Attributes:
        bytes: Their total size by the listing; 0 where it gives none.
        seconds: The time for the polite pace alone.
    """

    source: str
    files: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes of a source's transfer came in."""

    source: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A source's transfer is over, well or not."""

    source: str


Event = Step | Transfer | Arrived | Ended

_listener: Callable[[Event], None] | None = None


def emit(event: Event) -> None:
    """Send an event to the listener, if there is one."""
    if _listener is not None:
        _listener(event)


@contextmanager
def listen(listener: Callable[[Event], None]) -> Iterator[None]:
    """Send events to this listener within the block."""
    global _listener  # noqa: PLW0603 - one terminal a process
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before
