"""Runs that move one call at a time, when a test says so: their interleaving is the test's choice.

Each run has a thread, but only one thread moves at any moment: the one that was told to, up to
its next call. So an order of steps that failed fails again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Semaphore, Thread
from typing import TYPE_CHECKING

from blsquest.lake.run import Options, Steps, commit, list_source, run, transfer_all
from tests.support.lakes import Killed, watched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blsquest.core.source import Listing, Source
    from blsquest.lake.log import ManifestLog
    from blsquest.lake.manifest import Generation, Manifest
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.plan import Ask
    from blsquest.lake.run import Answers
    from blsquest.lake.stores.base import Store
    from tests.support.lakes import When

PATIENCE = 30.0


@dataclass
class Gate:
    """Where a run's threads wait until the test lets one of them on."""

    _go: Semaphore = field(default_factory=lambda: Semaphore(0))
    _stopped: Semaphore = field(default_factory=lambda: Semaphore(0))
    dead: bool = False

    def wait(self) -> None:
        """Stop here until the test moves this run. Raises Killed once it is dead."""
        self._stopped.release()
        self._go.acquire()
        if self.dead:
            raise Killed

    def move(self) -> None:
        """Let the run on, to its next stop or its end."""
        self._go.release()
        self.settle()

    def settle(self) -> None:
        """Wait until the run has stopped."""
        assert self._stopped.acquire(timeout=PATIENCE)

    def end(self) -> None:
        """The run is over: there is no next stop."""
        self._stopped.release()


class SteppedRun:
    """One run of a source that stops before each of its steps and each of its storage calls.

    The code under test must keep to one thread at a time: see `one_thread_at_a_time`.
    """

    def __init__(self, source: Source, store: Store) -> None:
        self._gate = Gate()
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self._thread = Thread(target=self._live, args=(source, store), daemon=True)
        self._thread.start()
        self._gate.settle()

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.outcome is not None or self.error is not None

    def step(self, times: int = 1) -> None:
        """Move on by so many stops, or to the end."""
        for _ in range(times):
            if not self.over:
                self._gate.move()

    def finish(self) -> None:
        """Move on to the end."""
        while not self.over:
            self._gate.move()

    def kill(self) -> None:
        """Nothing more of it happens."""
        self._gate.dead = True
        self.finish()

    def _live(self, source: Source, store: Store) -> None:
        def before(when: When, verb: str, key: str) -> None:
            if self._gate.dead:
                raise Killed
            if when == "before":
                self._gate.wait()

        options = Options(allow=frozenset({"foreign-files", "removals", "shrink"}))
        try:
            self.outcome = run(source, watched(store, before), options, steps=self._steps())
        except BaseException as error:  # noqa: BLE001 - the test judges it
            self.error = error
        self._gate.end()

    def _steps(self) -> Steps:
        """The steps themselves, with a stop before those that begin elsewhere than in the store."""

        def listed(source: Source) -> Listing:
            self._gate.wait()
            return list_source(source)

        def transferred(source: Source, store: Store, asks: Sequence[Ask]) -> Answers:
            self._gate.wait()
            return transfer_all(source, store, asks)

        def committed(log: ManifestLog, manifest: Manifest) -> Generation | None:
            self._gate.wait()
            return commit(log, manifest)

        return Steps(list=listed, transfer=transferred, commit=committed)
