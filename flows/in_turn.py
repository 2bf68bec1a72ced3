"""Two runs that start one after the other and then work side by side.

A local Prefect server keeps its state in SQLite: a run that is created while another one writes is
answered 503, and the client waits 2 s before it asks again (measured: 2.5 s instead of 0.7 s for
an unchanged pipeline). Other databases don't need it, and lose nothing by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

LONGEST_START = 60.0
"""Seconds to wait for the other run before going on without it."""


@dataclass(frozen=True, slots=True)
class InTurn:
    """Called from both runs' threads; also a run that never started must say that it ended."""

    _first: Event = field(default_factory=Event)
    _second: Event = field(default_factory=Event)

    def first_runs(self, *_: object, **__: object) -> None:
        """The first run exists: hold its work until the second does, too. A flow's hook."""
        self._first.set()
        self._second.wait(LONGEST_START)

    def first_ends(self) -> None:
        """The first run is over, or never was."""
        self._first.set()

    def wait_for_first(self) -> None:
        """Hold the second run's creation until the first one exists."""
        self._first.wait(LONGEST_START)

    def second_runs(self, *_: object, **__: object) -> None:
        """The second run exists, or never will. A flow's hook."""
        self._second.set()
