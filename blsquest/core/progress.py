"""What a run is doing, sent to a listener while it does it; by default there is none.

There is one listener a process, because a terminal is for the process. It is called from any
thread, and must be quick. Nothing depends on it: what a run did, its outcome says.
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
    """A source's files are asked for.

    Attributes:
        bytes: What they hold together, as the listing says; 0 where it does not.
        seconds: What the polite pace alone takes.
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
