"""The values a lake is made of, its errors, and the two things a run talks to.

Everything here is a frozen dataclass, an exception or a protocol: no I/O. All times are
aware datetimes in UTC; all sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from flows.lake.meter import Meter

Layout = Literal["flat", "daily"]
"""How a source's public view is laid out: `flat` keeps the source's own names under its key;
`daily` writes each new content into a folder named by the UTC day it was first seen."""

Allowance = Literal["foreign-files", "no-data", "removals", "shrink", "subdirectories"]
"""A guard that a person may lift for one run, by name."""

Change = Literal["added", "changed", "restamped", "removed", "settled"]
"""What a run recorded about one file."""

OutcomeName = Literal["Changed", "Restamped", "Unchanged", "Repaired"]
"""How a run ended well. `Refused` and `Failed` are the other two, and are exceptions."""

Progress = Callable[[int], None]
"""Called with the number of bytes that just arrived."""


# -- Errors ------------------------------------------------------------------------------------


class QuestError(Exception):
    """Anything that ends a run badly: what happened, to what, and what to do next.

    Attributes:
        what: One sentence that names the thing (file, key, URL) and the cause.
        remedy: What the person who reads it can do next.
        exit_code: What the command line exits with.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class Misuse(QuestError):
    """A parameter or a setting is missing or impossible. Nothing was asked of anyone."""

    exit_code = 2


class Refused(QuestError):
    """A guard refused what a publisher sent. Nothing was changed; running again won't help."""

    exit_code = 3


class SourceError(QuestError):
    """A publisher did not deliver. `transient` says whether trying again later may help."""

    def __init__(self, what: str, remedy: str = "", *, transient: bool = False) -> None:
        super().__init__(what, remedy)
        self.transient = transient


class StoreError(QuestError):
    """The lake's storage did not do as asked. `transient` as for `SourceError`."""

    def __init__(self, what: str, remedy: str = "", *, transient: bool = False) -> None:
        super().__init__(what, remedy)
        self.transient = transient


class Damaged(QuestError):
    """An audit found that the lake is less than its log promises."""


class Missing(StoreError):
    """There is no object at that key."""


class Corrupt(StoreError):
    """An object is not what the manifest, or its own name, says it is."""


# -- What a publisher shows --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One row of a publisher's listing.

    Attributes:
        name: The file's name, decoded once and checked.
        size: As the listing says; None where a publisher announces none.
        stamp: The listing's own time text, opaque (BLS: minute resolution, no zone); "" for none.
    """

    name: str
    size: int | None
    stamp: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a publisher offers at one moment.

    Attributes:
        files: Sorted by name, names unique (also when case is ignored).
        directories: Names of sub-directories, which are not mirrored.
        sample: Whether the server calls its data a generated sample.
    """

    files: tuple[RemoteFile, ...]
    directories: tuple[str, ...] = ()
    sample: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body that arrived whole.

    Attributes:
        size: Bytes received.
        sha256: Of the bytes, in lower-case hex.
        identity: What decides whether content changed: the SHA-256 of the bytes, or of a
            canonical form where a publisher's bytes are not stable.
        last_modified: The `Last-Modified` header, verbatim.
        age: Seconds between the response's `Last-Modified` and its `Date`; None if unknown.
    """

    size: int
    sha256: str
    identity: str
    last_modified: str | None = None
    age: float | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The publisher says that its file has not changed since the stored `Last-Modified`.

    Attributes:
        age: Seconds between the stored `Last-Modified` and this response's `Date`.
    """

    age: float | None = None


class Source(Protocol):
    """A publisher's folder of files."""

    @property
    def key(self) -> str:
        """Where this source lives in a lake, for example `bls/pr` or `census`."""

    @property
    def layout(self) -> Layout:
        """How its public view is laid out."""

    @property
    def meter(self) -> Meter:
        """Counts what was asked of the publisher."""

    @property
    def data_prefix(self) -> str:
        """What the names of the files that matter begin with, for example `pr.data.`."""

    def list(self) -> Listing:
        """Ask what there is. Raises SourceError or Refused."""

    def fetch(
        self,
        file: RemoteFile,
        into: IO[bytes],
        *,
        if_modified_since: str | None = None,
        progress: Progress | None = None,
    ) -> Fetched | NotModified:
        """Stream one file into `into`. Raises SourceError or Refused; then `into` is rubbish."""


# -- What a lake keeps -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a manifest.

    Attributes:
        name: The publisher's name.
        size: Bytes.
        sha256: Of the stored bytes: the vintage's name.
        identity: See `Fetched.identity`.
        stamp: The listing's stamp when last recorded, opaque.
        last_modified: The `Last-Modified` header, verbatim, for the next conditional request.
        first_seen: When a run first recorded this state (these bytes under this stamp).
        last_seen: When a run that committed last saw it in a listing.
        settled: Whether stamp and size alone may be trusted from now on (see `plan.is_settled`).
    """

    name: str
    size: int
    sha256: str
    identity: str
    stamp: str
    last_modified: str | None
    first_seen: datetime
    last_seen: datetime
    settled: bool


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A file that the publisher removed; its last entry, and so its vintage, stay."""

    last: Entry
    removed: datetime


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation: the whole state of one source, immutable.

    Attributes:
        source: The source's key, for example `bls/pr`.
        layout: See `Layout`.
        sample: Whether the bytes came from a server of generated sample data.
        generation: 1, 2, 3 …
        parent: SHA-256 of the previous generation's bytes; None for the first.
        committed: The later of now and the parent's time + 1 µs.
        run: The id of the run that committed it.
        files: Sorted by name.
        tombstones: Sorted by name; never a name that is also in `files`.
    """

    source: str
    layout: Layout
    sample: bool
    generation: int
    parent: str | None
    committed: datetime
    run: str
    files: tuple[Entry, ...]
    tombstones: tuple[Tombstone, ...] = ()


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
