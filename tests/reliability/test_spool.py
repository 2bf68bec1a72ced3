"""The temporary folder: who may look into it, what is left in it, and whether it has room."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier, Event

import pytest

from blsquest.core.errors import Misuse, StoreError
from blsquest.core.stop import Stopped, Workers
from blsquest.lake.spool import LEFTOVER_SECONDS, PREFIX, room_for, spool_folder, sweep
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.listing import MAX_FILE_BYTES
from blsquest.sources.sample.pages import Row
from blsquest.sources.sample.server import SampleServer
from tests.support import HANG
from tests.support.lakes import mirror


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


def test_a_tmpdir_that_is_not_there_is_refused_instead_of_another_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for need in (spool_folder(), room_for([1], at_once=1)):
        with pytest.raises(Misuse, match=r"TMPDIR names no folder .*/absent"), need:
            pass
    with pytest.raises(Misuse, match="TMPDIR names no folder"):
        sweep()


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


# -- Beside others of this process -------------------------------------------------------------


def share(temporary: Path, tenths: int) -> list[int]:
    """One file of so many tenths of what the disk has free."""
    return [shutil.disk_usage(temporary).free * tenths // 10]


def hold(files: list[int], *, at_once: int = 1, then: Callable[[], object] = int) -> None:
    """Take room, do something in it, and give it back."""
    with room_for(files, at_once=at_once):
        then()


def test_only_as_many_files_need_room_as_are_on_their_way_at_once(temporary: Path) -> None:
    hold(share(temporary, 3) * 100, at_once=2)
    with pytest.raises(StoreError):
        hold(share(temporary, 5) * 3, at_once=3)


def test_runs_that_have_room_only_one_by_one_go_one_by_one(temporary: Path) -> None:
    file, inside, seen = share(temporary, 6), count(), []

    def one() -> None:
        entered = next(inside)
        (temporary / f"{entered}").write_bytes(bytes(1 << 20))
        seen.append(entered)  # another one would have entered, and not be done
        assert len(seen) == entered + 1

    with Workers(8) as pool:
        assert list(pool.map(lambda _: hold(file, then=one), range(8))) == [None] * 8


def test_who_has_room_beside_others_does_not_wait_for_them(temporary: Path) -> None:
    few, together = share(temporary, 1), Barrier(4, timeout=HANG)

    with Workers(4) as pool:
        assert list(pool.map(lambda _: hold(few, then=together.wait), range(4))) == [None] * 4


def test_room_is_free_again_also_after_an_error_and_a_refusal(temporary: Path) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            hold(share(temporary, 6), then=lambda: 1 / 0)
        with pytest.raises(StoreError):
            hold(share(temporary, 20))


def test_a_file_without_room_even_alone_is_refused_at_once_with_what_others_need(
    temporary: Path,
) -> None:
    giant = share(temporary, 20)

    with room_for([1_234_567], at_once=1), Workers(1) as pool:
        refused = pool.submit(hold, giant).exception()

    assert isinstance(refused, StoreError)
    assert f"need {giant[0]:,}, besides 1,234,567 that others of this process need." in refused.what


def test_a_run_that_waits_for_room_ends_with_the_interruption_of_the_main_thread(
    temporary: Path,
) -> None:
    file, begun = share(temporary, 6), Event()

    def wait() -> None:
        begun.set()
        hold(file)

    with room_for(file, at_once=1):
        with suppress(KeyboardInterrupt), Workers(1) as pool:
            waiting = pool.submit(wait)
            assert begun.wait(HANG)
            raise KeyboardInterrupt
        assert isinstance(waiting.exception(), Stopped)


def test_who_holds_room_is_refused_more_instead_of_waiting_for_it(temporary: Path) -> None:
    file = share(temporary, 6)
    with room_for(file, at_once=1):
        hold([1_000])
        with pytest.raises(StoreError):
            hold(file)
        with Workers(1) as pool:
            refused = pool.submit(hold, share(temporary, 20))
            assert f"besides {file[0]:,} that" in str(refused.exception())  # it is still held
