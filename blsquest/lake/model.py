"""What a lake keeps: the values of its manifests. All times are aware datetimes in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from blsquest.core.source import Layout

Allowance = Literal["foreign-files", "no-data", "removals", "shrink", "subdirectories"]
"""A guard that a person may lift for one run, by name."""

Change = Literal["added", "changed", "restamped", "removed", "settled"]
"""What a run recorded about one file."""

OutcomeName = Literal["Changed", "Restamped", "Unchanged", "Repaired"]
"""How a run ended well. `Refused` and `Failed` are the other two, and are exceptions."""


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
