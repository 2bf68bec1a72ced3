"""A run's progress on a terminal: a line for each step, and a bar for long transfers."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from prefect.logging.handlers import PrefectConsoleHandler
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from blsquest.core.progress import Arrived, Event, Step, Transfer, listen
from blsquest.core.text import counted

LONG_BYTES = 4_000_000
LONG_SECONDS = 3.0
"""At either limit or above, a transfer gets a bar; most are over before one could be read."""

MINUTE = 60


class Shown:
    """Renders events; may be called from any thread."""

    def __init__(self, console: Console) -> None:
        # Nothing is drawn while there is no bar, and no bar on a terminal that can't move back.
        columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self.progress = Progress(
            TextColumn("  {task.description}"),
            *columns,
            console=console,
            transient=True,
            disable=console.is_dumb_terminal or not os.getenv("TERM"),
        )
        self._bars: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        """Show one."""
        if isinstance(event, Step):
            self._say(event.what)
        elif isinstance(event, Transfer):
            self._say(asked(event))
            if event.bytes >= LONG_BYTES or event.seconds >= LONG_SECONDS:
                self.progress.start()
                total = event.bytes or None
                self._bars[event.source] = self.progress.add_task(event.source, total=total)
        elif event.source in self._bars:
            if isinstance(event, Arrived):
                self.progress.advance(self._bars[event.source], event.bytes)
            else:
                self.progress.remove_task(self._bars.pop(event.source))
                if not self._bars:
                    self.progress.stop()

    def _say(self, line: str) -> None:
        self.progress.console.print(f"  {line}", soft_wrap=True)


def asked(transfer: Transfer) -> str:
    """Return what is asked for, and how long that takes at least, in one line."""
    size = f" of {transfer.bytes:,} bytes" if transfer.bytes else ""
    pace = f" ({duration(transfer.seconds)} or more, to be polite)" * (transfer.seconds >= 1)
    return f"{transfer.source}: asking for {counted(transfer.files, 'file')}{size}{pace}"


def duration(seconds: float) -> str:
    """Return seconds as `12 s` or `3 min`."""
    return f"{seconds:.0f} s" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.0f} min"


@contextmanager
def shown(*, wanted: bool) -> Iterator[None]:
    """Show what runs do within the block, if that is wanted and stderr is a terminal."""
    if not (wanted and sys.stderr.isatty()):
        yield
        return
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    with ExitStack() as stack:
        for handler in logging.getLogger().handlers:
            if isinstance(handler, PrefectConsoleHandler):  # or its lines would cut the bar
                stack.callback(setattr, handler, "console", handler.console)
                handler.console = console
        listener = Shown(console)
        stack.callback(listener.progress.stop)
        stack.enter_context(listen(listener))
        yield
