"""What a directory alone promises or refuses; the rest is in the contract."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blsquest.core.errors import StoreError
from blsquest.lake.stores.base import Stored
from blsquest.lake.stores.directory import LEFTOVER_SECONDS, DirectoryStore

ROOT = Path(__file__).parents[3]


@pytest.fixture
def lake(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "lake")


def leftovers(lake: DirectoryStore) -> list[Path]:
    return list((lake.root / ".tmp").iterdir())


def test_the_first_write_creates_the_lake_and_reading_does_not(lake: DirectoryStore) -> None:
    assert lake.list("") == []
    assert lake.folders("") == []
    assert lake.size("a") is None
    lake.delete("a")
    assert not lake.root.exists()
    lake.put("a/b", b"1")
    assert (lake.root / "a" / "b").read_bytes() == b"1"


def test_a_lake_whose_parent_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    lake = DirectoryStore(tmp_path / "no" / "lake")
    for attempt in (lambda: lake.put_new("a", b"1"), lambda: lake.list("bls/")):
        with pytest.raises(StoreError, match=r"/no/lake .*does not exist.*Create it"):
            attempt()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_lake_that_is_or_lies_below_a_file_is_refused_by_name(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    lake = DirectoryStore(tmp_path / "file" / below)
    for attempt in (lambda: lake.put("a", b"1"), lambda: lake.list("b/"), lambda: lake.folders("")):
        with pytest.raises(StoreError, match=r"/file.* is a file.*Name a directory"):
            attempt()
    assert (tmp_path / "file").read_bytes() == b"precious"


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs Linux's /sys")
def test_a_lake_that_is_not_writable_is_refused_by_name() -> None:
    """Not even root may create a directory in /sys."""
    with pytest.raises(StoreError, match=r"/sys/lake is not writable.*write access"):
        DirectoryStore(Path("/sys/lake")).put("a", b"1")


def test_missing_hard_links_are_named(
    lake: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such file system can be mounted in a test, so the call answers as FAT's does."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StoreError, match=r"without hard links.*ext4"):
        lake.put_new("a", b"1")
    assert lake.list("") == []
    assert leftovers(lake) == []


def test_a_write_cut_off_leaves_the_old_object_alone(lake: DirectoryStore, tmp_path: Path) -> None:
    lake.put("a", b"old")
    (tmp_path / "spool").write_bytes(bytes(100_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        for write in (
            lambda: lake.put("a", bytes(100_000)),
            lambda: lake.put_new("b", bytes(100_000)),
            lambda: lake.upload(tmp_path / "spool", "c"),
        ):
            with pytest.raises(StoreError, match="larger than this user may write"):
                write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [stored.key for stored in lake.list("")] == ["a"]
    assert lake.read("a") == b"old"
    assert leftovers(lake) == []


def test_a_lake_may_lie_behind_a_link_or_a_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DirectoryStore(Path("~/lake")).url == f"{tmp_path}/lake"
    (tmp_path / "disk").mkdir()
    (tmp_path / "lake").symlink_to(tmp_path / "disk")
    DirectoryStore(tmp_path / "lake").put("a/b", b"1")
    assert (tmp_path / "disk" / "a" / "b").read_bytes() == b"1"


def test_objects_have_the_modes_of_new_files(lake: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_bytes(b"")
    lake.put("a", b"")
    lake.put_new("b", b"")
    modes = {(lake.root / key).stat().st_mode for key in ("a", "b")}
    assert modes == {(tmp_path / "ordinary").stat().st_mode}


UPLOAD = """
import sys
from pathlib import Path
from blsquest.lake.stores.directory import DirectoryStore
DirectoryStore(Path(sys.argv[1])).upload(Path(sys.argv[2]), "vintages/x")
"""


def test_a_killed_writer_leaves_nothing_to_see(lake: DirectoryStore, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", UPLOAD, str(lake.root), str(pipe)]
    with subprocess.Popen(command, cwd=ROOT) as writer, pipe.open("wb") as body:
        body.write(bytes(4 << 20))  # returns when all but a pipe's worth has been read
        writer.send_signal(signal.SIGKILL)
    assert len(leftovers(lake)) == 1
    assert lake.list("") == []
    assert lake.folders("") == []
    (tmp_path / "spool").write_bytes(b"whole")
    lake.upload(tmp_path / "spool", "vintages/x")
    assert lake.list("") == [Stored("vintages/x", 5, lake.list("vintages/")[0].token)]


def test_the_next_writer_removes_leftovers_older_than_a_day_alone(lake: DirectoryStore) -> None:
    lake.put("a", b"")
    old, young = (lake.root / ".tmp" / name for name in ("old", "young"))
    now = time.time()
    for path, age in ((old, LEFTOVER_SECONDS + 60), (young, LEFTOVER_SECONDS - 60)):
        path.write_bytes(b"half")
        os.utime(path, (now - age, now - age))
    DirectoryStore(lake.root).put("b", b"")
    assert leftovers(lake) == [young]


def test_no_write_leaves_a_file_or_name_besides(lake: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"1")
    lake.put_new("new", b"1")
    lake.put_new("new", b"2")
    lake.put("put", b"1")
    lake.upload(tmp_path / "spool", "uploaded")
    lake.copy("new", "copied")
    assert leftovers(lake) == []
    assert {(lake.root / stored.key).stat().st_nlink for stored in lake.list("")} == {1}


def test_a_folder_whose_last_object_was_deleted_does_not_count(lake: DirectoryStore) -> None:
    lake.put("analytics/2025-08-15/deep/a", b"")
    lake.put("analytics/2025-08-16/b", b"")
    lake.delete("analytics/2025-08-15/deep/a")
    assert lake.folders("analytics/") == ["2025-08-16"]


def test_no_link_leads_a_key_out_of_the_lake(lake: DirectoryStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    lake.put("a", b"")
    (lake.root / "folder").symlink_to(outside)
    (lake.root / "object").symlink_to(outside / "secret")
    for attempt in (
        lambda: lake.read("folder/secret"),
        lambda: lake.read("object"),
        lambda: lake.copy("object", "b"),
        lambda: lake.put("folder/new", b""),
        lambda: lake.put_new("folder/new", b""),
        lambda: lake.delete("folder/secret"),
        lambda: lake.size("folder/secret"),
    ):
        with pytest.raises(StoreError, match=r"symbolic link.*Remove"):
            attempt()
    lake.put("object", b"replaces the link, not what it points at")
    assert [stored.key for stored in lake.list("")] == ["a", "object"]
    assert lake.folders("") == []
    assert [path.read_bytes() for path in outside.iterdir()] == [b"secret"]


def test_tokens_differ_between_writes_that_follow_at_once(lake: DirectoryStore) -> None:
    lake.put("one", b"1")
    tokens = [lake.copy("one", "view") for _ in range(200)]
    assert len(set(tokens)) == 200


def test_a_key_can_not_be_both_an_object_and_a_folder(lake: DirectoryStore) -> None:
    lake.put("a/b", b"")
    with pytest.raises(StoreError, match=r"/a is a folder"):
        lake.put("a", b"")
    with pytest.raises(StoreError, match="is a file"):
        lake.put("a/b/c", b"")
    for attempt in (lambda: lake.read("a"), lambda: lake.put_new("a", b"")):
        with pytest.raises(StoreError, match=r"/a is a folder where an object is expected"):
            attempt()
