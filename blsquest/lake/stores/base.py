"""The storage protocol, the keys that a store can hold, and the proof of put-if-absent."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import IO, Protocol
from uuid import uuid4

from blsquest.core.errors import Misuse, Refused
from blsquest.core.usage import Meter
from blsquest.lake.keys import PROOF

RESERVED = ".tmp"
"""A folder at the lake's root that only `DirectoryStore` writes to, and that no verb shows."""

LONGEST_KEY = 1_024
"""Bytes of UTF-8 that S3 takes as a key, the lake's prefix included."""

LONGEST_SEGMENT = 255
"""Bytes of UTF-8 that Linux and macOS take as one file name."""

_FORBIDDEN = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")


def checked_key(key: str, under: str = "") -> str:
    """Return `key` if every backend can hold it and it stays inside the lake.

    Args:
        key: Relative and `/`-separated.
        under: The lake's own prefix in its bucket, which counts towards the length.

    Raises:
        Misuse: It is empty or absolute, has an empty, `.` or `..` segment, a backslash, a
            control character or a lone surrogate, is too long, or lies in the reserved folder.
    """
    segments = key.split("/")
    lengths = [len(segment.encode(errors="surrogatepass")) for segment in segments]
    whole = len(under.encode()) + sum(lengths) + len(segments) - 1
    problems = {
        "is empty": not key,
        "has an empty segment": "" in segments,
        "has a segment that leads elsewhere": {".", ".."} & set(segments),
        "has a backslash, a control character or a lone surrogate": _FORBIDDEN.search(key),
        "lies in the folder for temporary files": segments[0] == RESERVED,
        f"is longer than {LONGEST_KEY} bytes": whole > LONGEST_KEY,
        f"has a segment longer than {LONGEST_SEGMENT} bytes": max(lengths) > LONGEST_SEGMENT,
    }
    for problem, found in problems.items():
        if found:
            what = f"The storage key {key[:120]!r} {problem}."
            raise Misuse(what, "Keys are relative paths such as bls/pr/pr.class.")
    return key


def checked_prefix(prefix: str) -> str:
    """Return `prefix` if it is a folder: it ends in `/`, or is empty for the whole lake."""
    if prefix and not prefix.endswith("/"):
        raise Misuse(f"The storage prefix {prefix[:120]!r} does not end in '/'.", "Add the slash.")
    return prefix and checked_key(prefix[:-1]) + "/"


@dataclass(frozen=True, slots=True)
class Stored:
    """One object in a store.

    Attributes:
        token: Opaque; differs whenever other bytes were written (S3: the ETag without quotes;
            a directory: size, mtime in ns and inode).
    """

    key: str
    size: int
    token: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A write that began and did not end: a multipart upload, or a temporary file.

    Attributes:
        name: The key it was meant for, or the temporary file's name.
    """

    name: str
    started: datetime


class Store(Protocol):
    """Where a lake is kept. Keys are relative, `/`-separated, without a leading slash.

    Every verb raises StoreError (with cause and remedy) when the storage fails, and Missing
    where an object that it needs is absent.

    Attributes:
        url: The lake's address as a person would write it; never holds a secret.
        address: The url; for a bucket outside AWS, with its server.
        meter: Counts the requests to the storage.
    """

    url: str
    address: str
    meter: Meter

    def list(self, prefix: str) -> Sequence[Stored]:
        """List all objects whose key begins with `prefix` (which ends in `/`), sorted by key."""

    def folders(self, prefix: str) -> Sequence[str]:
        """List the names (no slashes) of the folders directly under `prefix`, sorted."""

    def size(self, key: str) -> int | None:
        """Return the object's bytes, or None where there is none."""

    def read(self, key: str) -> bytes:
        """Return a small object, whole."""

    def open(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """Open a readable stream over one object; it never holds it whole."""

    def put_new(self, key: str, body: bytes) -> bool:
        """Put if absent, atomically: one winner among any number of racing writers.

        True if the object at `key` is now this body, False if it is another.
        """

    def put(self, key: str, body: bytes) -> None:
        """Create or replace a derived object; a reader sees the old or the new, never a part."""

    def upload(self, path: Path, key: str) -> None:
        """Put a file of any size under a content-addressed key if absent, in bounded memory.

        Another writer's object at `key` is taken to be the same content.
        """

    def copy(self, source: str, target: str) -> str:
        """Copy within the store over `target`; return the token of the copy's own response."""

    def delete(self, key: str) -> None:
        """Remove a derived object; absent is fine."""

    def unfinished(self) -> Sequence[Unfinished]:
        """List writes that began and did not end, those of runs under way included."""


_proven: set[str] = set()
"""Addresses of lakes, in this process."""
_proving = Lock()
"""Surveys side by side need one proof: the others wait for it."""


def prove_put_if_absent(store: Store) -> None:
    """Put different bytes twice at a test key: the second must be refused, the first kept.

    Costs six to eight small requests, once per process; none for a directory: there the operating
    system's `link` refuses.

    Raises:
        Refused: The server lets the second put win.
        StoreError: The storage failed.
    """
    if not store.url.startswith("s3://"):
        return
    with _proving:
        if store.address not in _proven:
            _prove(store)
            _proven.add(store.address)


def _prove(store: Store) -> None:
    store.put_new(PROOF, uuid4().bytes)  # or one of an earlier proof is there
    first = store.read(PROOF)
    if store.put_new(PROOF, uuid4().bytes) or store.read(PROOF) != first:
        raise Refused(
            f"The S3 server of {store.address} ignores If-None-Match: of two runs at once, "
            "one would lose its commit and both would report success.",
            "Nothing was mirrored. Keep the lake in S3 itself, at a server that honours "
            "conditional writes, or in a directory.",
        )
