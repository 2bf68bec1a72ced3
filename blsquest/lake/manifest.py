"""Manifests: one generation of a source, how the next one follows, and their JSON. Pure.

Format (`version` 1), documented in docs/lake.md: plain UTF-8 JSON with sorted keys, two-space
indents and a final newline, so that `git diff`, `jq` and people can read it. Times are ISO 8601
in UTC with microseconds and `Z`. Keys that this code does not know are ignored.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, TypeAdapter, ValidationError

from blsquest.core.clock import TICK, time_text
from blsquest.core.errors import Corrupt
from blsquest.core.source import Layout, Listing

FORMAT = "bls-data-quest/manifest"
VERSION = 1

Change = Literal["added", "returned", "changed", "restamped", "removed", "settled"]
"""What a run recorded about one file; see `FileChange`."""

RESTORE = "Restore the object from the bucket's versions or a backup."

# The last year would leave no later commit, and `strftime` writes early ones in fewer digits.
_TIME = re.compile(r"(?!9999)[1-9]\d{3}(-\d\d){2}T(\d\d:){2}\d\d\.\d{6}Z", re.ASCII)


def _parse_time(value: object) -> datetime:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError(f"{value!r} is not a time in UTC")
    return datetime.fromisoformat(value)


def _check_name(name: str) -> str:
    if not name or name.startswith(".") or "/" in name or "\\" in name or not name.isprintable():
        raise ValueError(f"{name!r} is not a file name")
    return name


Time = Annotated[datetime, PlainValidator(_parse_time)]
"""Aware, in UTC."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


# Plain dataclasses: a run makes thousands of them, and only what is read is validated.
@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a manifest.

    Attributes:
        sha256: Of the stored bytes: the vintage's name.
        identity: See `Fetched.identity`.
        stamp: The listing's stamp when last recorded, opaque.
        last_modified: The `Last-Modified` header, verbatim, for the next conditional request.
        first_seen: When a run first recorded this state (these bytes under this stamp).
        last_seen: When a run that committed last saw it in a listing.
        settled: Whether stamp and size alone may be trusted from now on (see `is_settled`).
    """

    name: Annotated[str, AfterValidator(_check_name)]
    size: Annotated[Count, Field(alias="bytes")]
    sha256: Sha256
    identity: Sha256
    stamp: str
    last_modified: str | None
    first_seen: Time
    last_seen: Time
    settled: bool


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A file that the publisher removed; its last entry, and so its vintage, stay."""

    last: Entry
    removed: Time


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation: the whole state of one source, immutable.

    Attributes:
        sample: Whether the bytes came from a server of generated sample data.
        parent: SHA-256 of the previous generation's bytes; None for the first.
        committed: The later of now and the parent's time + 1 µs.
        files: Sorted by name.
        tombstones: Sorted by name; never a name that is also in `files`.
    """

    source: str
    layout: Layout
    sample: bool
    generation: Count
    parent: Sha256 | None
    committed: Time
    run: str
    files: tuple[Entry, ...]
    tombstones: tuple[Tombstone, ...]


@dataclass(frozen=True, slots=True)
class Generation:
    """A manifest and the SHA-256 of the bytes it is stored as (its child's `parent`)."""

    manifest: Manifest
    sha256: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """The change of one file between a parent and its child generation.

    Attributes:
        change: added, returned (listed again after its removal), changed (other content),
            restamped (the same bytes under another stamp), removed, or settled (only the trust in
            its stamp).
    """

    name: str
    change: Change
    old: Entry | None
    new: Entry | None


def advance(
    parent: Generation | None,
    listing: Listing,
    entries: Sequence[Entry],
    *,
    source: str,
    layout: Layout,
    now: datetime,
    run: str,
) -> Manifest | None:
    """Return the generation after `parent`, or None if nothing but times differs.

    The entries are one for each file that the mirror holds now; `run` is the committing run's id.
    """
    last = parent.manifest if parent else None
    files = tuple(sorted(entries, key=lambda e: e.name))
    live = {e.name for e in files}
    graves = {t.last.name: t for t in last.tombstones if t.last.name not in live} if last else {}
    if last:
        graves |= {e.name: Tombstone(e, now) for e in last.files if e.name not in live}
    successor = Manifest(
        source=source,
        layout=layout,
        sample=listing.sample,
        generation=last.generation + 1 if last else 1,
        parent=parent.sha256 if parent else None,
        committed=max(now, last.committed + TICK) if last else now,
        run=run,
        files=files,
        tombstones=tuple(graves[name] for name in sorted(graves)),
    )
    return successor if last is None or diff(last, successor) else None


def diff(old: Manifest | None, new: Manifest) -> tuple[FileChange, ...]:
    """Return what `new` says that `old` does not, times and run ids aside; sorted by name."""
    before = {e.name: e for e in old.files} if old else {}
    after = {e.name: e for e in new.files}
    buried = {t.last.name: t.last for t in old.tombstones} if old else {}
    changes = []
    for name in sorted(before.keys() | after.keys()):
        change = _change(before.get(name), after.get(name))
        if change == "added" and name in buried:
            changes.append(FileChange(name, "returned", buried[name], after[name]))
        elif change is not None:
            changes.append(FileChange(name, change, before.get(name), after.get(name)))
    return tuple(changes)


def _change(old: Entry | None, new: Entry | None) -> Change | None:
    if old is None:
        return "added"
    if new is None:
        return "removed"
    if old.identity != new.identity:
        return "changed"
    if old.stamp != new.stamp:
        return "restamped"
    return "settled" if old.settled != new.settled else None


@dataclass(frozen=True, slots=True)
class _Head:
    format: object = None
    version: object = None


def _check_whole(manifest: Manifest) -> Manifest:
    names = [e.name for e in (*manifest.files, *(t.last for t in manifest.tombstones))]
    if len(set(names)) != len(names):
        raise ValueError("a file is named twice")
    if (manifest.generation == 1) != (manifest.parent is None):
        raise ValueError("only generation 1 has no parent")
    return manifest


_HEAD = TypeAdapter(_Head)
_MANIFEST = TypeAdapter(Annotated[Manifest, AfterValidator(_check_whole)])


def encode(manifest: Manifest) -> bytes:
    """Return the bytes that a manifest is stored as; the same value gives the same bytes."""
    document = {"format": FORMAT, "version": VERSION}
    document |= _MANIFEST.dump_python(manifest, by_alias=True)
    return (json.dumps(document, indent=2, sort_keys=True, default=time_text) + "\n").encode()


def decode(body: bytes) -> Generation:
    """Read a stored manifest, strictly.

    Corrupt where a field is missing or of another type, or the version newer than this code.
    """
    try:
        head = _HEAD.validate_json(body, strict=True)
        if head.format != FORMAT:
            raise Corrupt("The object is not a manifest of this project.", RESTORE)
        if head.version != VERSION:
            raise Corrupt(
                f"The manifest has version {head.version!r}; this code reads {VERSION}.",
                "Upgrade bls-data-quest.",
            )
        manifest = _MANIFEST.validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        why = f"{where}: {what}" if where else what
        raise Corrupt(f"The manifest cannot be read: {why}.", RESTORE) from error
    return Generation(manifest, sha256(body).hexdigest())
