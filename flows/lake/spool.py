"""A temporary folder on this machine's own disk, for bodies that are too large for memory."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from heapq import nlargest
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from flows.lake.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PREFIX = "bls-data-quest-"
LEFTOVER_SECONDS = 24 * 60 * 60
"""A folder in which nothing moved for so long was left by a run that was killed: one file may take
an hour (see `sources.http.Timeouts`)."""

_REMEDY = (
    "Free space there, or name another folder with TMPDIR (a task on ECS: give it more ephemeral "
    "storage); it must hold the largest files that are on their way at once."
)


@contextmanager
def spool_folder() -> Iterator[Path]:
    """A fresh folder for this user only (0700), removed at the end whatever happens.

    Raises:
        StoreError: It cannot be made or written to (a full disk, most often).
    """
    with _explained(), tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        yield Path(folder)


def check_room(sizes: Iterable[int], *, at_once: int) -> None:
    """Tell before anything is fetched whether the disk can hold the largest files in flight.

    Args:
        sizes: Bytes of each file that is to come.
        at_once: How many are in flight at a time.

    Raises:
        StoreError: It cannot.
    """
    needed = sum(nlargest(at_once, sizes))
    with _explained():
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    if needed > free:
        raise StoreError(
            f"The temporary folder {folder} has {free:,} bytes free, and the largest files that "
            f"are on their way at once need {needed:,}.",
            _REMEDY,
        )


def sweep() -> None:
    """Remove what this user's killed runs left behind long ago.

    Once a process and temporary folder: thousands of leftovers take a while to look at, and surveys
    are run side by side.
    """
    with _explained(), _sweeping:
        temporary = tempfile.gettempdir()
        if temporary not in _swept:
            _swept.add(temporary)
            _sweep(temporary)


_sweeping = Lock()
_swept: set[str] = set()


def _sweep(temporary: str) -> None:
    oldest = time.time() - LEFTOVER_SECONDS
    for folder in list(Path(temporary).glob(f"{PREFIX}*")):
        with suppress(OSError):  # it is another user's, or another run sweeps too
            if max(path.lstat().st_mtime for path in (folder, *folder.iterdir())) < oldest:
                shutil.rmtree(folder)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = tempfile.tempdir or "of this machine"
        raise StoreError(
            f"The temporary folder {where} cannot be used: {error.strerror or error}.", _REMEDY
        ) from error
