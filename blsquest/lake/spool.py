"""Temporary folders on this machine's own disk, for bodies that are too large for memory."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from heapq import nlargest
from pathlib import Path
from threading import Condition, Lock, get_ident

from blsquest.core.errors import Misuse, StoreError
from blsquest.core.stop import raise_if_stopped

PREFIX = "bls-data-quest-"
LEFTOVER_SECONDS = 24 * 60 * 60
"""A folder in which nothing moved for so long was left by a run that was killed: one file may take
an hour (see `sources.http.Timeouts`)."""

LOOK_AGAIN = 1.0
"""Seconds until a run that waits for room sees the stop."""

_REMEDY = (
    "Free space there, or name another folder with TMPDIR (a task on ECS: give it more ephemeral "
    "storage); it must hold the largest files that are on their way at once."
)


@contextmanager
def spool_folder() -> Iterator[Path]:
    """Make a folder for this user only (0700); it is removed at the end whatever happens."""
    with _explained(), tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        yield Path(folder)


@contextmanager
def room_for(sizes: Iterable[int], *, at_once: int) -> Iterator[None]:
    """Reserve disk space for the largest files in flight, before anything is fetched.

    Reservations of other threads count, whether written yet or not. A run that finds no space
    beside them waits until enough of them are done, while smaller ones may go first; one that
    would not fit even alone is refused. So is a thread that already holds space and finds no more:
    as no holder ever waits, some thread can always go on.

    Raises:
        StoreError: The disk can't hold them.
        Stopped: The stop was called while this waited.
    """
    who, needed = get_ident(), sum(nlargest(at_once, sizes))
    before = _held.get(who, 0)
    with _freed:
        while not _fits(needed, waits=not before):
            _freed.wait(LOOK_AGAIN)
            raise_if_stopped()
        _held[who] = before + needed
    try:
        yield
    finally:
        with _freed:
            _held[who] = before
            _freed.notify_all()


_freed = Condition()
_held: dict[int, int] = {}
"""Thread → bytes that it holds."""


def _fits(needed: int, *, waits: bool) -> bool:
    held = sum(_held.values())
    with _explained():
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    if needed + held <= free:
        return True
    if waits and held and needed <= free + held:
        return False
    beside = f", besides {held:,} that others of this process need" if held else ""
    raise StoreError(
        f"The temporary folder {folder} has {free:,} bytes free, and the largest files "
        f"that are on their way at once need {needed:,}{beside}.",
        _REMEDY,
    )


def sweep() -> None:
    """Remove old leftovers of this user's killed runs, once per process and folder.

    Checking thousands of leftovers takes a while, and surveys run side by side.
    """
    with _explained(), _sweeping:
        temporary = tempfile.gettempdir()
        if temporary in _swept:
            return
        _swept.add(temporary)
        oldest = time.time() - LEFTOVER_SECONDS
        for folder in list(Path(temporary).glob(f"{PREFIX}*")):
            with suppress(OSError):  # it is another user's, or another run sweeps too
                if max(path.lstat().st_mtime for path in (folder, *folder.iterdir())) < oldest:
                    shutil.rmtree(folder)


_sweeping = Lock()
_swept: set[str] = set()


@contextmanager
def _explained() -> Iterator[None]:
    named = next(filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))), None)
    if named and not os.access(named, os.W_OK | os.X_OK):  # Python would take another in silence
        raise Misuse(
            f"TMPDIR names no folder that can be written to: {named}.",
            "Create it, name another, or unset TMPDIR for this machine's usual one.",
        )
    try:
        yield
    except OSError as error:
        where = tempfile.tempdir or "of this machine"
        raise StoreError(
            f"The temporary folder {where} cannot be used: {error.strerror or error}.", _REMEDY
        ) from error
