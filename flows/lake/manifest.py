"""Generations: how the next manifest follows from the last, and what differs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.lake.clock import TICK
from flows.lake.model import Change, Entry, Manifest, Tombstone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.lake.model import Layout, Listing


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
