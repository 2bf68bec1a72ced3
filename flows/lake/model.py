"""The values a lake is made of, and the publisher that a run talks to.

Everything here is a frozen dataclass or a protocol: no I/O. All times are aware datetimes in UTC;
all sizes are bytes. The storage is in `store.py`, what may go wrong in `errors.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from datetime import datetime

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

    @property
    def surely_real(self) -> bool:
        """Whether it is known, before anything is asked, to serve no generated sample."""

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
