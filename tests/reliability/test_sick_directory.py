"""A directory that fails in mid-run leaves a whole lake, and the next run ends as if well."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blsquest.core.errors import StoreError
from tests.reliability.figures import tell
from tests.support.lakes import PR, contents, twin
from tests.support.stage import Stage, data_file, mirrored

if TYPE_CHECKING:
    from collections.abc import Callable

    from blsquest.lake.stores.directory import DirectoryStore

ROOT = Path(__file__).parents[2]
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
"""A process with mounts of its own, which any user may start where the system allows it."""
ON_A_SMALL_DISK = 'mount -t tmpfs -o size="$5" tmpfs "$3" && exec "$1" -m "$2.small_disk" "$4" "$3"'


@cache
def namespaces_work() -> bool:
    """Whether this system lets us mount a disk that only one process sees."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0


class FullOnce:
    """An fsync that finds the disk full the `at`-th time."""

    def __init__(self, at: int, real: Callable[[int], None]) -> None:
        self.was_full = False
        self._at, self._real, self._calls = at, real, count(1)

    def __call__(self, descriptor: int) -> None:
        if next(self._calls) == self._at:
            self.was_full = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._real(descriptor)


@pytest.mark.parametrize("scenario", ["full", "read-only"])
def test_a_disk_that_is_sick_costs_nothing_but_a_run(scenario: str, tmp_path: Path) -> None:
    on_a_small_disk(tmp_path, scenario, "256k")


def test_surveys_that_have_no_room_side_by_side_wait_for_each_other(tmp_path: Path) -> None:
    on_a_small_disk(tmp_path, "side-by-side", "30m")


def on_a_small_disk(folder: Path, scenario: str, size: str) -> None:
    """On a real file system: see `small_disk`."""
    if not namespaces_work():
        pytest.skip("needs Linux with user namespaces (unshare) to mount a small disk")
    arguments = ["-", sys.executable, "tests.reliability", str(folder), scenario, size]
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
        broken = twin(lake, tmp_path / str(k))
        disk = FullOnce(k, real)
        monkeypatch.setattr(os, "fsync", disk)
        error = stage.storage_error(broken)
        if error is not None:
            assert "lies on a disk that is full" in error.what
            assert error.remedy
        monkeypatch.setattr(os, "fsync", real)
        if not disk.was_full:
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
