"""SIGTERM ends a command as Ctrl-C does: what is open is closed, and it says so."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect.exceptions import TerminationSignal

from blsquest.core.stop import Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

STOPS = (KeyboardInterrupt, TerminationSignal)
"""How a signal shows: Prefect turns a SIGTERM into the latter, and so does this module."""

_SIGNALLED = 128
"""A process that a signal ended has this plus the signal's number as its code, in a shell."""


@contextmanager
def sigterm_unwinds() -> Iterator[None]:
    """Let SIGTERM raise `TerminationSignal` in the main thread instead of ending the process.

    Prefect does the same within a flow, then hands the signal on to whoever listened before: by
    default the process would end at once, and leave the server that it started for itself.
    """
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code(stop: BaseException) -> int:
    """130 after Ctrl-C, 143 after SIGTERM."""
    number = signal.SIGINT if isinstance(stop, KeyboardInterrupt) else signal.SIGTERM
    return _SIGNALLED + number


def stopped_by(stop: BaseException) -> Stopped:
    """What the run that was stopped had to say of it, or else what is true of every run."""
    at: BaseException | None = stop
    while at is not None:
        if isinstance(at.__cause__, Stopped):
            return at.__cause__
        # Prefect hands a signal on: another exception, raised while the first was handled.
        at = at.__context__
    return Stopped()


def _raise(number: int, _frame: FrameType | None) -> None:
    raise TerminationSignal(signal=number)
