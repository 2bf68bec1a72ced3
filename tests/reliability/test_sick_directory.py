"""A directory that fails in mid-run leaves a whole lake, and the next run ends as if well.

Some disks are really full or read-only: a small tmpfs that only one process sees. There it runs

    python -m tests.reliability.test_sick_directory full|read-only|side-by-side FOLDER

which exits 0 when everything was as it must be.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blsquest.core.errors import StoreError
from blsquest.core.stop import Workers
from blsquest.lake.run import run
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from tests.reliability.figures import tell
from tests.support.lakes import LONG_AGO, PR, Clock, client, contents, twin
from tests.support.stage import Stage, data_file, mirrored, staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
"""A process with mounts of its own, which any user may start where the system allows it."""
ON_A_SMALL_DISK = 'mount -t tmpfs -o size="$5" tmpfs "$3" && exec "$1" -m "$2" "$4" "$3"'


@cache
def namespaces_work() -> bool:
    """Whether this system lets us mount a disk that only one process sees."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("scenario", ["full", "read-only"])
def test_a_disk_that_is_sick_costs_nothing_but_a_run(scenario: str, tmp_path: Path) -> None:
    on_a_small_disk(tmp_path, scenario, "256k")


def test_surveys_that_have_no_room_side_by_side_wait_for_each_other(tmp_path: Path) -> None:
    on_a_small_disk(tmp_path, "side-by-side", "30m")


def on_a_small_disk(folder: Path, scenario: str, size: str) -> None:
    """Run a scenario in a process that sees such a disk at the folder."""
    if not namespaces_work():
        pytest.skip("needs Linux with user namespaces (unshare) to mount a small disk")
    arguments = ["-", sys.executable, __name__, str(folder), scenario, size]
    command = [*NAMESPACE, "sh", "-c", ON_A_SMALL_DISK, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_disk_that_fills_up_at_any_write_costs_nothing_but_a_run(
    lake: DirectoryStore,
    stage: Stage,
    in_health: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The k-th time that a file or a folder is synced, for every k, the disk is found full."""
    real = os.fsync
    immutable = contents(lake, "vintages/") | contents(lake, "manifests/")
    for k in range(1, 1000):
        broken, calls = twin(lake, tmp_path / str(k)), count(1)

        def fsync(descriptor: int, calls: Iterator[int] = calls, k: int = k) -> None:
            if next(calls) == k:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        error = stage.storage_error(broken)
        if error is not None:
            assert "lies on a disk that is full" in error.what
            assert error.remedy
        monkeypatch.setattr(os, "fsync", real)
        if next(calls) <= k:  # fewer than k syncs: none was full
            break
        after = contents(broken)
        assert all(after[key] == body for key, body in immutable.items())
        stage.run(broken)
        assert mirrored(broken, PR) == in_health[PR]
        assert list((broken.root / ".tmp").iterdir()) == []
    tell(f"a full disk: at each of {k - 1} syncs")
    assert k > 10


def test_a_temporary_folder_that_cannot_be_made_is_named_and_nothing_is_changed(
    lake: DirectoryStore, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(lake)
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(StoreError, match=r"temporary folder .*/file cannot be used: .*TMPDIR"):
        stage.run(lake)
    assert contents(lake) == before


def test_a_body_that_the_system_cuts_off_on_its_way_is_named_and_nothing_is_changed(
    lake: DirectoryStore, stage: Stage
) -> None:
    before = contents(lake)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(data_file(1)), limits[1]))
    try:
        error = stage.storage_error(lake)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot be used: File too large" in str(error)
    assert "TMPDIR" in str(error)
    after = contents(lake)
    assert before.items() <= after.items()
    assert all(key.startswith("vintages/") for key in after.keys() - before.keys())


# -- In a process that sees a small disk ----------------------------------------------------------

STEP = 8 << 10
"""How much of the disk is freed between two runs; tmpfs gives it out in pages of 4 KiB."""


def fails(stage: Stage, lake: DirectoryStore, *says: str) -> None:
    """Run once: it must fail, say why and what to do, and leave the lake as it was."""
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
    with SampleServer(now=Clock()) as server, tempfile.TemporaryDirectory() as elsewhere:
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
    if sys.argv[1] == "side-by-side":
        side_by_side(Path(sys.argv[2]))
    else:
        sick({"full": full, "read-only": read_only}[sys.argv[1]], Path(sys.argv[2]))
