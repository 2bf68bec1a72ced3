"""A directory that fails in mid-run leaves a whole lake, and the next run ends as if well."""

import errno
import os
import re
import resource
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from blsquest.core.errors import StoreError
from blsquest.lake.stores.directory import DirectoryStore
from tests.reliability.figures import tell
from tests.reliability.stage import Stage, data_file, mirrored
from tests.support.lakes import PR, contents, twin


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, r"lies on a disk that is full.*Free space there"),
        (errno.EROFS, r"lies on a read-only file system.*Mount it writable"),
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_is_sick_at_any_write_costs_nothing_but_a_run(
    number: int,
    says: str,
    lake: DirectoryStore,
    stage: Stage,
    in_health: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says so the k-th time that a file or a folder is synced, for every k."""
    real = os.fsync
    immutable = contents(lake, "vintages/") | contents(lake, "manifests/")
    said: list[str] = []
    for k in range(1, 1000):
        broken, calls = twin(lake, tmp_path / str(k)), count(1)

        def fsync(descriptor: int, calls: Iterator[int] = calls, k: int = k) -> None:
            if next(calls) == k:
                raise OSError(number, os.strerror(number))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        try:
            stage.run(broken)
        except StoreError as error:
            said.append(str(error))
        monkeypatch.setattr(os, "fsync", real)
        if next(calls) <= k:  # fewer than k syncs: all went well
            break
        after = contents(broken)
        assert all(after[key] == body for key, body in immutable.items())
        stage.run(broken)
        assert mirrored(broken, PR) == in_health[PR]
        assert list((broken.root / ".tmp").iterdir()) == []
    tell(f"{os.strerror(number)}: at each of {k - 1} syncs")
    assert k > 10
    assert [each for each in said if not re.search(says, each)] == []


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
        with pytest.raises(StoreError, match=r"cannot be used: File too large.*TMPDIR"):
            stage.run(lake)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    after = contents(lake)
    assert before.items() <= after.items()
    assert all(key.startswith("vintages/") for key in after.keys() - before.keys())
