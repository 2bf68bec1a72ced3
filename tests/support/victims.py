"""Runs in processes of their own, to be killed: the lake, the source and the signal are real.

A process is forked from a server that has imported everything, which takes some ten milliseconds.
Linux and macOS; Prefect has no part in it.
"""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from threading import Lock
from types import SimpleNamespace
from typing import Any

from blsquest.core.errors import QuestError
from blsquest.lake.run import Options, run
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.support import HANG
from tests.support.lakes import Clock, survey, twin_of

SYSTEM_CALLS = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.scandir", "os.utime"}
"""What Python tells an audit hook of, before the operating system does it."""


@dataclass(frozen=True)
class Order:
    """One run of the mirror that may end in an error, which it then says.

    Its clock is fast by `skew` seconds, or stopped.
    """

    run_id: str | None = None
    skew: float | None = None
    recheck: bool = False

    def now(self) -> datetime:
        if self.skew is None:
            return Clock().moment
        return datetime.now(UTC) + timedelta(seconds=self.skew)

    def __call__(self, publishers: Any, store: Store) -> tuple[str, Any]:
        """Return the outcome and its generation, or how the run failed and what it said."""
        options = Options(recheck=self.recheck)
        try:
            outcome = run(survey(publishers), store, options, run_id=self.run_id, now=self.now)
        except QuestError as error:
            return error.outcome, str(error)
        return outcome.name, outcome.generation


@dataclass
class Victim:
    """One run in a process that is ready and waits for `go`."""

    process: ForkServerProcess
    line: Connection

    def go(self) -> None:
        """Let it run, or go on."""
        self.line.send("go")

    def calls(self) -> Iterator[str]:
        """Yield each system call on the lake that it is about to make, until it has ended."""
        while isinstance(call := self.heard(), str):
            yield call
            if not self.process.exitcode:
                self.go()

    def heard(self) -> Any:
        """Return what it says next: a system call, or at last its outcome; None once it is dead."""
        try:
            assert self.line.poll(HANG)
            return self.line.recv()
        except (EOFError, ConnectionError):
            return None

    def ended(self) -> bool:
        """Whether it ended by itself; it must then have ended well."""
        self.process.join(HANG)
        assert self.process.exitcode in {0, -signal.SIGKILL}
        return self.process.exitcode == 0


@contextmanager
def victim(
    server: SampleServer, store: Store, order: Order = Order(), *, stops: bool = False
) -> Iterator[Victim]:
    """Make a process that is about to carry an order out; it is gone when the block ends.

    If it `stops`, it waits before each system call on its lake, in a directory, for `go`.
    """
    if order.skew is None:
        server.now = Clock()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__, "s3fs", "aiobotocore.session"])
    here, there = context.Pipe()
    publishers = SimpleNamespace(bls_url=server.bls_url)
    process = context.Process(target=_live, args=(twin_of(store), publishers, order, there, stops))
    process.start()
    there.close()
    made = Victim(process, here)
    try:
        assert made.heard() == "ready"
        yield made
    finally:
        process.kill()
        process.join(HANG)
        here.close()
        process.close()


def _live(
    make: Callable[[], Store], publishers: Any, order: Order, line: Connection, stops: bool
) -> None:
    store = make()
    store.size("warm")  # the connection is not what is tested
    line.send("ready")
    line.recv()
    if stops:
        assert isinstance(store, DirectoryStore)
        _stop_before_each_call(str(store.root), line)
    line.send(order(publishers, store))


def _stop_before_each_call(root: str, line: Connection) -> None:
    one_at_a_time = Lock()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in SYSTEM_CALLS and (event == "os.utime" or str(arguments[0]).startswith(root)):
            with one_at_a_time:
                line.send(event)
                line.recv()

    sys.addaudithook(hook)
