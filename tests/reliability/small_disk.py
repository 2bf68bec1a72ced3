"""Runs on a disk that is really full or read-only: a small tmpfs that only this process sees.

Exits 0 when everything was as it must be.

    python -m tests.reliability.small_disk full|read-only|side-by-side FOLDER
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from blsquest.core.stop import Workers
from blsquest.lake.run import run
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import LONG_AGO, PR, Clock, client, contents
from tests.support.stage import Stage, mirrored, staged

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = 8 << 10
"""How much of the disk is freed between two runs; tmpfs gives it out in pages of 4 KiB."""


def fails(stage: Stage, lake: DirectoryStore, *says: str) -> None:
    """A run fails, says why and what to do, and leaves the lake as it was."""
    before = contents(lake)
    error = stage.storage_error(lake)
    assert all(words in str(error) for words in says), error
    after = contents(lake)
    assert before.items() <= after.items()
    assert all(key.startswith("vintages/") for key in after.keys() - before.keys())


def fill(disk: Path) -> Path:
    """A file that takes all that is left of the disk."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            pass
    return filler


def full(stage: Stage, lake: DirectoryStore, disk: Path) -> None:
    """Little by little there is room again: for a first vintage, the next, …, the whole run."""
    filler = fill(disk)
    fails(stage, lake, "lies on a disk that is full", "Free space there")
    size = filler.stat().st_size
    for left in range(size, 0, -STEP):
        with filler.open("r+b") as file:
            file.truncate(left)
        error = stage.storage_error(lake)
        if error is None:
            break
        assert "full" in error.what, error
    filler.unlink()
    filler = fill(disk)
    tempfile.tempdir = str(disk)
    stage.publish(1)
    fails(stage, lake, f"The temporary folder {disk}", "0 bytes free", "TMPDIR")
    stage.publish(2)
    filler.unlink()


def read_only(stage: Stage, lake: DirectoryStore, disk: Path) -> None:
    """Someone mounts the disk again, read-only at first."""
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    fails(stage, lake, "lies on a read-only file system", "Mount it writable")
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


def side_by_side(disk: Path) -> None:
    """Four surveys, each of a file that the temporary folder can hold, but not all at once."""
    codes, body = ("aa", "bb", "cc", "dd"), bytes(9 << 20)
    with SampleServer() as server, tempfile.TemporaryDirectory() as elsewhere:
        for code in codes:
            name = f"{code}.data.1.All"
            server.surveys[code] = {name: published(body, LONG_AGO, generated=True)}
        tempfile.tempdir = str(disk)
        lake = DirectoryStore(Path(elsewhere, "lake"))

        def one(code: str) -> str:
            return run(BlsSurvey(code, client(), server.bls_url), lake, now=Clock()).name

        with Workers(len(codes)) as pool:
            outcomes = list(pool.map(one, codes))
        assert outcomes == ["Changed"] * len(codes), outcomes
        assert not list(disk.iterdir())


def main(scenario: str, disk: Path) -> None:
    """Run one of them."""
    if scenario == "side-by-side":
        side_by_side(disk)
    else:
        sick({"full": full, "read-only": read_only}[scenario], disk)


def sick(scenario: Callable[[Stage, DirectoryStore, Path], None], disk: Path) -> None:
    """Release 1 is mirrored, the disk falls sick, gets well, and holds release 2 in the end."""
    lake = DirectoryStore(disk / "lake")
    with staged() as stage, tempfile.TemporaryDirectory() as elsewhere:
        healthy = DirectoryStore(Path(elsewhere, "lake"))
        for store in (lake, healthy):
            stage.mirror_release_1(store)
        stage.run(healthy)
        scenario(stage, lake, disk)
        stage.run(lake)
        assert mirrored(lake, PR) == mirrored(healthy, PR)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
