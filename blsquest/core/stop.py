"""The stop: how a run's threads end soon after Ctrl-C, or SIGTERM from a Spot stop.

Python interrupts the main thread only. The exception unwinds to the code that waits for worker
threads, and these could block for minutes: on the pace, a back-off, or a silent publisher. So the
first code that sees the exception calls the stop. Worker threads do their waiting through this
module: it ends with `Stopped`, and sockets that wait for bytes are shut down.

There is one stop per process, because a signal is for the process. It holds until the next run
begins (in a notebook, say).
"""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event, Lock
from types import TracebackType
from typing import Self
from weakref import WeakSet

from blsquest.core.errors import QuestError

_called = Event()
_lock = Lock()
_runs = 0
_connections: WeakSet[socket.socket] = WeakSet()


class Stopped(QuestError):
    """The process was stopped in the middle of a run. The lake is in a valid state."""

    outcome = "Stopped"

    def __init__(
        self,
        what: str = "The run was stopped before it was done.",
        remedy: str = "Run again: what has arrived is not uploaded again.",
    ) -> None:
        super().__init__(what, remedy)


def is_stopped() -> bool:
    """Return whether runs in this process are to stop."""
    return _called.is_set()


def raise_if_stopped() -> None:
    """Raise `Stopped` if the stop was called."""
    if _called.is_set():
        raise Stopped


def sleep_unless_stopped(seconds: float) -> None:
    """Sleep; raise `Stopped` as soon as the stop is called."""
    if _called.wait(seconds):
        raise Stopped


def shut_down_when_stopped(connection: socket.socket) -> None:
    """Shut the connection down at the stop; raise `Stopped` if that was called already."""
    with _lock:
        _connections.add(connection)
    raise_if_stopped()


@contextmanager
def stops_workers() -> Iterator[None]:
    """Call the stop when an interruption, but not an error, leaves this block.

    Use it around the work of threads, inside the code that waits for them. Blocks may be nested
    and run in several threads; the first to begin clears an earlier stop.
    """
    _begin()
    try:
        yield
    except Exception:
        raise
    except BaseException:
        _call()
        raise
    finally:
        _end()


class Workers(ThreadPoolExecutor):
    """A pool of threads whose `with` block ends soon when interrupted; see `stops_workers`."""

    def __enter__(self) -> Self:
        _begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        interrupted = kind is not None and not issubclass(kind, Exception)
        try:
            if interrupted:
                _call()
            self.shutdown(wait=True, cancel_futures=interrupted)
        except BaseException:  # it comes while the end of the work is waited for
            _call()
            self.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            _end()


def _begin() -> None:
    global _runs  # noqa: PLW0603 - one stop a process
    with _lock:
        if _runs == 0:
            _called.clear()
        _runs += 1


def _end() -> None:
    global _runs  # noqa: PLW0603 - one stop a process
    with _lock:
        _runs -= 1


def _call() -> None:
    _called.set()
    with _lock:
        waiting = list(_connections)
    for connection in waiting:
        with suppress(OSError):  # closed already
            # The plain socket's own way: TLS's would take the connection apart under its reader.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
