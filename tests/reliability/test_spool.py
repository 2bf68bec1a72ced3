"""The temporary folder: who may look into it, what is left in it, and whether it has room."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flows.lake.errors import StoreError
from flows.lake.spool import LEFTOVER_SECONDS, PREFIX, check_room, spool_folder, sweep
from flows.lake.store_directory import DirectoryStore
from flows.sources.listing import MAX_FILE_BYTES
from tests.lakes import mirror

if TYPE_CHECKING:
    from pathlib import Path

    from flows.sources.sample import SampleServer
    from flows.sources.sample_pages import Row


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of one's own, as TMPDIR would name it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def left_behind(temporary: Path, name: str, *, age: float) -> Path:
    """A spool folder as a killed run leaves it."""
    folder = temporary / f"{PREFIX}{name}"
    folder.mkdir()
    body = folder / "body"
    body.write_bytes(b"half a file")
    then = time.time() - age
    for path in (body, folder):
        os.utime(path, (then, then))
    return folder


def test_nobody_else_may_look_into_a_spool(temporary: Path) -> None:
    with spool_folder() as folder:
        assert folder.parent == temporary
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(temporary.iterdir()) == []


def test_a_run_removes_what_killed_runs_left_a_day_ago_and_nothing_else(
    server: SampleServer, temporary: Path, tmp_path: Path
) -> None:
    left_behind(temporary, "old", age=LEFTOVER_SECONDS + 60)
    young = left_behind(temporary, "young", age=LEFTOVER_SECONDS - 60)
    busy = left_behind(temporary, "busy", age=LEFTOVER_SECONDS + 60)
    (busy / "body").touch()
    other = temporary / "somebody-elses"
    other.mkdir()
    os.utime(other, (0, 0))

    mirror(server, DirectoryStore(tmp_path / "lake"))

    assert sorted(temporary.iterdir()) == sorted([young, busy, other])


def test_a_link_in_the_place_of_a_spool_is_not_followed(temporary: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_bytes(b"")
    os.utime(elsewhere / "precious", (0, 0))
    os.utime(elsewhere, (0, 0))
    link = temporary / f"{PREFIX}link"
    link.symlink_to(elsewhere)
    os.utime(link, (0, 0), follow_symlinks=False)

    sweep()

    assert (elsewhere / "precious").exists()


def test_files_too_large_for_the_disk_are_refused_before_one_is_fetched(
    server: SampleServer, temporary: Path, tmp_path: Path
) -> None:
    giant = MAX_FILE_BYTES

    def with_a_giant(_folder: str, rows: list[Row]) -> list[Row]:
        return [replace(r, size=giant) if r.name == "pr.data.1.AllData" else r for r in rows]

    server.listing_rows = with_a_giant
    lake = tmp_path / "lake"

    with pytest.raises(StoreError) as caught:
        mirror(server, DirectoryStore(lake))

    assert f"The temporary folder {temporary} has " in caught.value.what
    assert "bytes free" in caught.value.what
    assert "TMPDIR" in caught.value.remedy
    assert caught.value.transient is False
    assert len(server.requests) == 1
    assert not lake.exists()


def test_only_as_many_files_need_room_as_are_on_their_way_at_once(temporary: Path) -> None:
    half = os.statvfs(temporary).f_bavail * os.statvfs(temporary).f_frsize // 2

    check_room([half // 2] * 100, at_once=2)
    with pytest.raises(StoreError):
        check_room([half, half, half], at_once=3)
