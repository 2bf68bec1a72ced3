"""The storage that a run talks to: one protocol, kept by a directory and by S3."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from flows.lake.meter import Meter


@dataclass(frozen=True, slots=True)
class Stored:
    """One object in a store.

    Attributes:
        token: Opaque: differs whenever the object was written again with other bytes (S3: the
            ETag without quotes; a directory: size, mtime in ns and inode).
    """

    key: str
    size: int
    token: str = field(default="")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A write that began and did not end: a multipart upload, or a temporary file.

    Attributes:
        name: The key it was meant for, or the temporary file's name.
        started: When it began.
    """

    name: str
    started: datetime


class Store(Protocol):
    """Where a lake is kept. Keys are relative, `/`-separated, without a leading slash.

    Every verb raises StoreError (with cause and remedy) when the storage fails, and Missing
    where an object that it needs is absent.
    """

    @property
    def url(self) -> str:
        """The lake's address as a person would write it; never holds a secret."""

    @property
    def meter(self) -> Meter:
        """Counts what was asked of the storage."""

    def list(self, prefix: str) -> Sequence[Stored]:
        """All objects whose key begins with `prefix` (which ends in `/`), sorted by key."""

    def folders(self, prefix: str) -> Sequence[str]:
        """Names (no slashes) of the folders directly under `prefix`, sorted."""

    def size(self, key: str) -> int | None:
        """Bytes of the object, or None where there is none."""

    def read(self, key: str) -> bytes:
        """A small object, whole."""

    def open(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """A readable stream over one object that never holds it whole."""

    def put_new(self, key: str, body: bytes) -> bool:
        """Put-if-absent, atomic: one winner among any number of racing writers.

        True if the object at `key` is now this body, False if another body stands there.
        """

    def put(self, key: str, body: bytes) -> None:
        """Create or replace a derived object; a reader sees the old or the new, never a part."""

    def upload(self, path: Path, key: str) -> None:
        """Put-if-absent of a file of any size under a content-addressed key, in bounded memory.

        Another writer's object at `key` is taken to be the same content.
        """

    def copy(self, source: str, target: str) -> str:
        """Copy within the store, replacing `target`; a token that there only these bytes have."""

    def delete(self, key: str) -> None:
        """Remove a derived object; absent is fine."""

    def unfinished(self) -> Sequence[Unfinished]:
        """Writes that began and did not end, those of runs under way included."""
