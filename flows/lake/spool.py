"""A temporary folder on this machine's own disk, for bodies that are too large for memory."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows.lake.model import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def spool_folder() -> Iterator[Path]:
    """A fresh folder, removed at the end whatever happens.

    Raises:
        StoreError: It cannot be made or written to (a full disk, most often).
    """
    try:
        with tempfile.TemporaryDirectory(prefix="bls-data-quest-") as folder:
            yield Path(folder)
    except OSError as error:
        where = tempfile.tempdir or "of this machine"
        raise StoreError(
            f"The temporary folder {where} cannot be used: {error.strerror or error}.",
            "Free space there, or name another folder with TMPDIR; it must hold the largest files "
            "that are on their way at once.",
        ) from error
