"""Runs in processes of their own, to be killed: the lake, the source and the signal are real.

A process is forked from a server that has imported everything, which takes some ten milliseconds.
Linux and macOS; Prefect has no part in it.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from blsquest.core.errors import QuestError
from blsquest.lake.run import Options, run
from blsquest.lake.stores.directory import DirectoryStore
from tests.support import HANG
from tests.support.lakes import Clock, census, survey, twin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.server import SampleServer

Job = Literal["mirror", "population"]

SYSTEM_CALLS = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.scandir", "os.utime"}
"""What Python tells an audit hook of, before the operating system does it."""


@dataclass(frozen=True)
class Order:
    """How one run of the mirror goes that may end in an error, which it then says.

    Attributes:
        run_id: What its manifest names.
        now: Its clock; must pickle.
        recheck: See `Options`.
    """

    run_id: str
    now: Callable[[], datetime]
    recheck: bool = False

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

    def kill(self) -> None:
        """Send SIGKILL: nothing of the process gets another turn. May be called by any thread."""
        self.process.kill()

    def ended(self, within: float = HANG) -> bool:
        """Whether it ended by itself within so many seconds; it must then have ended well."""
        self.process.join(within)
        assert self.process.exitcode in {None, 0, -signal.SIGKILL}
        return self.process.exitcode == 0


@contextmanager
def victim(
    server: SampleServer, store: Store, job: Job | Order = "mirror", *, stops: bool = False
) -> Iterator[Victim]:
    """Make a process that is about to run `job` once; it is gone when the block ends.

    Args:
        server: The publishers.
        store: The lake; the process makes its own store of it.
        job: Which source to run, or how.
        stops: Whether it waits before each system call on the lake for `go`. Only for a lake in a
            directory.
    """
    if not isinstance(job, Order):
        server.now = Clock()  # as the process's
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__, "s3fs", "aiobotocore.session"])
    here, there = context.Pipe()
    publishers = SimpleNamespace(bls_url=server.bls_url, population_url=server.population_url)
    process = context.Process(target=_live, args=(twin_of(store), publishers, job, there, stops))
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
    make: Callable[[], Store], publishers: Any, job: Job | Order, line: Connection, stops: bool
) -> None:
    store = make()
    store.size("warm")  # the connection is not what is tested
    line.send("ready")
    line.recv()
    if stops:
        assert isinstance(store, DirectoryStore)
        _stop_before_each_call(str(store.root), line)
    if isinstance(job, Order):
        line.send(job(publishers, store))
        return
    source = survey(publishers) if job == "mirror" else census(publishers)
    outcome = run(source, store, now=Clock())
    line.send((outcome.name, outcome.generation))


def _stop_before_each_call(root: str, line: Connection) -> None:
    one_at_a_time = Lock()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in SYSTEM_CALLS and (event == "os.utime" or str(arguments[0]).startswith(root)):
            with one_at_a_time:
                line.send(event)
                line.recv()

    sys.addaudithook(hook)
