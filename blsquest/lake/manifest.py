"""Generations: how the next manifest follows from the last, and its JSON. Pure.

Format (`version` 1), documented in docs/lake.md: plain UTF-8 JSON with sorted keys, two-space
indents and a final newline, so that `git diff`, `jq` and people can read it. Times are ISO 8601
in UTC with microseconds and `Z`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

from blsquest.core.clock import TICK, time_text
from blsquest.core.errors import Corrupt
from blsquest.core.source import Layout
from blsquest.lake.model import Change, Entry, Manifest, Tombstone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blsquest.core.source import Listing


@dataclass(frozen=True, slots=True)
class Generation:
    """A manifest and the SHA-256 of the bytes it is stored as (its child's `parent`)."""

    manifest: Manifest
    sha256: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """What one generation says about one file that its parent does not.

    Attributes:
        name: The file.
        change: added, changed (other content), restamped (the same bytes under another stamp),
            removed, or settled (only the trust in its stamp).
        old: The parent's entry, if it had one.
        new: The entry now; for a removed file None.
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
    """The generation after `parent` that holds `entries`, or None if nothing but times differs.

    Args:
        parent: The last generation; None for the first.
        listing: The listing that `entries` answer, whole.
        entries: One for each listed file.
        source: The source's key.
        layout: How its view is laid out.
        now: UTC.
        run: The committing run's id.
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
    """What `new` says that `old` does not, times and run ids aside; sorted by name."""
    before = {e.name: e for e in old.files} if old else {}
    after = {e.name: e for e in new.files}
    changes = [
        FileChange(name, change, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if (change := _change(before.get(name), after.get(name))) is not None
    ]
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


FORMAT = "bls-data-quest/manifest"
VERSION = 1

_RESTORE = "Restore the object from the bucket's versions or a backup."

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_YEAR_1000 = datetime(1000, 1, 1, tzinfo=UTC)
"""Earlier years have fewer than four digits in `strftime` on some systems."""


def encode(manifest: Manifest) -> bytes:
    """The bytes that a manifest is stored as; the same value always gives the same bytes."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "source": manifest.source,
        "layout": manifest.layout,
        "sample": manifest.sample,
        "generation": manifest.generation,
        "parent": manifest.parent,
        "committed": time_text(manifest.committed),
        "run": manifest.run,
        "files": [_encode_entry(e) for e in manifest.files],
        "tombstones": [
            {"last": _encode_entry(t.last), "removed": time_text(t.removed)}
            for t in manifest.tombstones
        ],
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _encode_entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "bytes": entry.size,
        "sha256": entry.sha256,
        "identity": entry.identity,
        "stamp": entry.stamp,
        "last_modified": entry.last_modified,
        "first_seen": time_text(entry.first_seen),
        "last_seen": time_text(entry.last_seen),
        "settled": entry.settled,
    }


def decode(body: bytes) -> Generation:
    """Read a stored manifest, strictly.

    Raises:
        Corrupt: It is not a manifest, a field is missing or of another type, or its version is
            newer than this code.
    """
    try:
        document = json.loads(body)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise Corrupt("The object is not a manifest of this project.", _RESTORE)
        if document.get("version") != VERSION:
            raise Corrupt(
                f"The manifest has version {document.get('version')!r}; this code reads {VERSION}.",
                "Upgrade bls-data-quest.",
            )
        manifest = _decode_document(document)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise Corrupt(
            f"The manifest cannot be read: {type(error).__name__}: {error}.", _RESTORE
        ) from error
    return Generation(manifest, sha256(body).hexdigest())


def _decode_document(document: Mapping[str, Any]) -> Manifest:
    layout: Layout = document["layout"]
    if layout not in get_args(Layout):
        raise ValueError(f"layout {layout!r}")
    manifest = Manifest(
        source=_text(document["source"]),
        layout=layout,
        sample=_flag(document["sample"]),
        generation=_count(document["generation"]),
        parent=None if document["parent"] is None else _digest(document["parent"]),
        committed=_time(document["committed"]),
        run=_text(document["run"]),
        files=tuple(_decode_entry(e) for e in _list(document["files"])),
        tombstones=tuple(
            Tombstone(_decode_entry(t["last"]), _time(t["removed"]))
            for t in _list(document["tombstones"])
        ),
    )
    names = [e.name for e in manifest.files] + [t.last.name for t in manifest.tombstones]
    if len(set(names)) != len(names):
        raise ValueError("a file is named twice")
    if (manifest.generation == 1) != (manifest.parent is None):
        raise ValueError("only generation 1 has no parent")
    return manifest


def _decode_entry(raw: Mapping[str, Any]) -> Entry:
    last_modified = raw["last_modified"]
    return Entry(
        name=_name(raw["name"]),
        size=_count(raw["bytes"]),
        sha256=_digest(raw["sha256"]),
        identity=_digest(raw["identity"]),
        stamp=_text(raw["stamp"]),
        last_modified=None if last_modified is None else _text(last_modified),
        first_seen=_time(raw["first_seen"]),
        last_seen=_time(raw["last_seen"]),
        settled=_flag(raw["settled"]),
    )


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _name(value: object) -> str:
    name = _text(value)
    if not name or name.startswith(".") or "/" in name or "\\" in name or not name.isprintable():
        raise ValueError(f"{name!r} is not a file name")
    return name


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r} is not a count")
    return value


def _digest(value: object) -> str:
    text = _text(value)
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{text!r} is not a SHA-256")
    return text


def _time(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    moment = moment.astimezone(UTC)
    if moment + TICK < _YEAR_1000:  # at the end of time this overflows: no commit could follow
        raise ValueError(f"{value!r} is no time of this project")
    return moment
