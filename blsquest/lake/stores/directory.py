"""A lake in a local directory, with the same promises as one in S3.

It uses the operating system's own calls: fsspec's local files are opened, then written, so that a
reader sees parts and two racing writers can both believe they were first. Here an object is written
to a temporary file, synced, and then appears under its key in one step: `link`, which fails where
the key is taken, or `rename`, which replaces it.
"""

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from uuid import uuid4

from blsquest.core.errors import Missing, StoreError
from blsquest.core.usage import STORAGE, Meter
from blsquest.lake.stores.base import RESERVED, Stored, Unfinished, checked_key, checked_prefix

CHUNK = 1 << 20
LEFTOVER_SECONDS = 24 * 60 * 60
"""A temporary file older than this was left by a writer that was killed."""

_ELSEWHERE = "or choose another lake (a path or s3://bucket/prefix)."
_NOT_WRITABLE = ("is not writable", f"Give this user write access there, {_ELSEWHERE}")
_FULL = ("lies on a disk that is full", f"Free space there, {_ELSEWHERE}")
_A_FILE = ("is a file, or lies below one", "Name a directory as the lake.")
_CAUSES = {
    errno.EACCES: _NOT_WRITABLE,
    errno.EPERM: _NOT_WRITABLE,
    errno.EROFS: ("lies on a read-only file system", f"Mount it writable, {_ELSEWHERE}"),
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: ("is larger than this user may write", f"Raise `ulimit -f`, {_ELSEWHERE}"),
    errno.ENOTDIR: _A_FILE,
    errno.EEXIST: _A_FILE,
    errno.EISDIR: ("is a folder where an object is expected", "Move the folder away."),
    errno.ENOENT: ("lies in a directory that does not exist", "Create it, or correct the path."),
    errno.ELOOP: ("is a symbolic link where an object is expected", "Remove the link."),
    errno.EMFILE: ("could not be opened: too many files are open", "Raise `ulimit -n`."),
}
_NO_LINK_ERRORS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK}
"""What `link` says where there are no hard links: there "not permitted" means "not supported"."""


@contextmanager
def explain(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about `path` into a `StoreError`."""
    try:
        yield
    except OSError as error:
        cause, remedy = _CAUSES.get(
            error.errno or 0, (f"failed: {error.strerror or error}", "See the system's log.")
        )
        raise StoreError(f"{path} {cause}.", remedy) from error


class DirectoryStore:
    """A `Store` below one directory of a local file system with hard links.

    The first write creates the directory; its parent must exist. Keys can't lead out of it: they
    are checked, and a symbolic link inside it that leads out is refused. (Anyone who can write
    into the directory can do anything to the lake.) Safe to use from any number of threads and
    processes on one machine.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.url = self.address = str(self.root)
        self.meter = Meter(within=STORAGE)
        self._temporary = self.root / RESERVED
        self._swept = False

    def list(self, prefix: str) -> Sequence[Stored]:
        """See `Store`; symbolic links are passed over."""
        folder = self.root / checked_prefix(prefix)
        with self.meter.timed("LIST"), explain(self.root):
            self._reach()
            found = [
                Stored(path.relative_to(self.root).as_posix(), status.st_size, _token(status))
                for path, status in self._files(folder)
            ]
        return sorted(found, key=lambda stored: stored.key)

    def folders(self, prefix: str) -> Sequence[str]:
        """See `Store`; a folder that holds no object does not count, as in S3."""
        folder = self.root / checked_prefix(prefix)
        with self.meter.timed("LIST"), explain(self.root):
            self._reach()
            return sorted(
                path.name
                for path in self._children(folder)
                if path.is_dir() and any(True for _ in self._files(path))
            )

    def size(self, key: str) -> int | None:
        """See `Store`."""
        path = self._path(key)
        with self.meter.timed("HEAD"), explain(path), suppress(FileNotFoundError):
            status = path.lstat()
            return status.st_size if stat.S_ISREG(status.st_mode) else None
        return None

    def read(self, key: str) -> bytes:
        """See `Store`."""
        with self.open(key) as stream, explain(self._path(key)):
            return stream.read()

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        """See `Store`; a reader keeps the object it opened, whatever replaces it."""
        with self.meter.timed("GET"):
            stream = self._open(self._path(key))
        with stream:
            self.meter.add(received=os.fstat(stream.fileno()).st_size)
            yield stream

    def put_new(self, key: str, body: bytes) -> bool:
        """See `Store`: the winner is who makes the hard link."""
        path = self._path(key)
        if self._create(path, lambda new: new.write(body)):
            return True
        return self.read(key) == body

    def put(self, key: str, body: bytes) -> None:
        """See `Store`."""
        self._replace(self._path(key), lambda new: new.write(body), "PUT")

    def upload(self, path: Path, key: str) -> None:
        """See `Store`."""
        with path.open("rb") as source:
            self._create(self._path(key), lambda new: shutil.copyfileobj(source, new, CHUNK))

    def copy(self, source: str, target: str) -> str:
        """See `Store`: copied, never linked, or a change to one would be a change to both."""
        with self._open(self._path(source)) as old:
            return self._replace(
                self._path(target), lambda new: shutil.copyfileobj(old, new, CHUNK), "COPY"
            )

    def delete(self, key: str) -> None:
        """See `Store`."""
        path = self._path(key)
        with self.meter.timed("DELETE"), explain(path):
            path.unlink(missing_ok=True)

    def unfinished(self) -> Sequence[Unfinished]:
        """See `Store`: temporary files."""
        found = []
        with self.meter.timed("LIST"), explain(self._temporary), suppress(FileNotFoundError):
            for path in self._temporary.iterdir():
                with suppress(FileNotFoundError):  # its writer has just ended
                    began = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
                    found.append(Unfinished(path.name, began))
        return found

    def _path(self, key: str) -> Path:
        path = self.root / checked_key(key)
        if not path.parent.resolve().is_relative_to(self.root.resolve()):
            raise StoreError(
                f"{path} leads out of the lake through a symbolic link.", "Remove the link."
            )
        return path

    def _open(self, path: Path) -> IO[bytes]:
        with explain(path):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                raise Missing(
                    f"{path} does not exist.", "Run again: a run puts back what it can."
                ) from None
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return os.fdopen(descriptor, "rb", CHUNK)

    def _create(self, path: Path, write: Callable[[IO[bytes]], object]) -> bool:
        """Write a new object; False, and nothing changed, where the key is taken."""
        with self.meter.timed("PUT"), explain(path), self._written(path, write) as (temporary, _):
            created = True
            try:
                os.link(temporary, path)
            except FileExistsError:
                created = False
            except OSError as error:
                if error.errno not in _NO_LINK_ERRORS:
                    raise
                raise StoreError(
                    f"{path} lies on a file system without hard links, which are how two runs at "
                    "once are kept apart.",
                    "Put the lake on one that has them (ext4, XFS, btrfs, ZFS, APFS and NFS do; "
                    "FAT, exFAT and many mounted cloud drives do not), or into a bucket "
                    "(s3://bucket/prefix).",
                ) from error
            _sync(path.parent)  # the loser too: its winner may have been killed before it did
        return created

    def _replace(self, path: Path, write: Callable[[IO[bytes]], object], verb: str) -> str:
        """Write an object over whatever is there; return its token."""
        with self.meter.timed(verb), explain(path), self._written(path, write) as (temporary, made):
            temporary.replace(path)
        return _token(made)

    @contextmanager
    def _written(
        self, path: Path, write: Callable[[IO[bytes]], object]
    ) -> Iterator[tuple[Path, os.stat_result]]:
        """Write and sync a temporary file in the lake, and make the folder to put it in."""
        with explain(self.root):
            self._make_folders(self._temporary)
            self._sweep()
        self._make_folders(path.parent)
        temporary = self._temporary / uuid4().hex
        try:
            with temporary.open("xb") as stream:
                write(stream)
                stream.flush()
                # The kernel's own stamps move every few ms: two writes could share a token.
                os.utime(stream.fileno(), ns=(now := time.time_ns(), now))
                os.fsync(stream.fileno())
                status = os.fstat(stream.fileno())
            self.meter.add(sent=status.st_size)
            yield temporary, status
        finally:
            temporary.unlink(missing_ok=True)

    def _make_folders(self, folder: Path) -> None:
        """Create `folder` durably, up to the root, whose parent must exist."""
        if folder.is_dir():
            return
        if folder != self.root:
            self._make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)

    def _sweep(self) -> None:
        """Once in a store's life: remove what killed writers left behind long ago."""
        if self._swept:
            return
        self._swept = True
        oldest = time.time() - LEFTOVER_SECONDS
        for leftover in self._temporary.iterdir():
            with suppress(FileNotFoundError):  # another writer sweeps too
                if leftover.lstat().st_mtime < oldest:
                    leftover.unlink()

    def _reach(self) -> None:
        """Raise if the lake could not be made, before any request to the publisher."""
        if not self.root.is_dir():
            with os.scandir(self.root if self.root.exists() else self.root.parent):
                pass

    def _children(self, folder: Path) -> Iterator[Path]:
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry)
                if not entry.is_symlink() and path != self._temporary:
                    yield path

    def _files(self, folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
        for path in self._children(folder):
            with suppress(FileNotFoundError):  # deleted since it was listed
                status = path.lstat()
                if stat.S_ISDIR(status.st_mode):
                    yield from self._files(path)
                elif stat.S_ISREG(status.st_mode):
                    yield path, status


def _token(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _sync(folder: Path) -> None:
    """Make the folder's entries survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
