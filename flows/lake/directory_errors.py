"""What a failure of the file system means for a lake, and what to do about it."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.lake.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


@contextmanager
def explain_link(path: Path) -> Iterator[None]:
    """The same around making a hard link, where "not permitted" means "not supported"."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_LINK_ERRORS:
            raise
        raise StoreError(
            f"{path} lies on a file system without hard links, which are how two runs at once "
            "are kept apart.",
            "Put the lake on one that has them (ext4, XFS, btrfs, ZFS, APFS and NFS do; FAT, exFAT "
            "and many mounted cloud drives do not), or into a bucket (s3://bucket/prefix).",
        ) from error
