"""The public view: what it should be, and what differs from that. Pure.

The view is derived: files under their publisher's names, copied from vintages, made equal to the
newest manifest by every run. What makes one LIST enough to see that it is equal is the record of
which vintage each key was copied from, and a token that only these bytes can have there: the one
that *that copy's own response* gave, or, on S3, the vintage's own ETag. With a token from a later
LIST or HEAD of the copy, another writer's copy in between would be taken for ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.lake.keys import vintage_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.lake.model import Manifest
    from flows.lake.store import Stored


@dataclass(frozen=True, slots=True)
class Copied:
    """What a view key was last copied from, and the token that `Store.copy` told."""

    vintage: str
    token: str


@dataclass(frozen=True, slots=True)
class Repair:
    """What makes the view equal to a manifest: copies first, deletes last.

    Attributes:
        copies: (vintage key, view key) pairs.
        deletes: View keys of files that the manifest does not have.
    """

    copies: tuple[tuple[str, str], ...]
    deletes: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.copies or self.deletes)


def view_folder(manifest: Manifest) -> str:
    """The folder that one LIST must cover; a `daily` view owns only its newest day's."""
    if manifest.layout == "flat" or not manifest.files:
        return f"{manifest.source}/"
    newest = max(e.first_seen for e in manifest.files)
    return f"{manifest.source}/{newest:%Y-%m-%d}/"


def view_of(manifest: Manifest) -> dict[str, str]:
    """View key → vintage key, for every file of the manifest."""
    folder = view_folder(manifest)
    return {folder + e.name: vintage_key(manifest.source, e.name, e.sha256) for e in manifest.files}


def repair(manifest: Manifest, listed: Iterable[Stored], record: Mapping[str, Copied]) -> Repair:
    """What differs between the view that `listed` shows and the one that `manifest` wants.

    The size tells a copy of a vintage that was damaged, whose token is right.
    """
    there = {s.key: s for s in listed}
    want, sizes = view_of(manifest), _sizes(manifest)
    copies = tuple(
        (vintage, key)
        for key, vintage in want.items()
        if key not in there
        or record.get(key) != Copied(vintage, there[key].token)
        or there[key].size != sizes[key]
    )
    # A daily view keeps its earlier days, and a day's folder may hold a person's notes.
    extra = sorted(there.keys() - want.keys()) if manifest.layout == "flat" else []
    return Repair(copies, tuple(extra))


def damaged(
    manifest: Manifest, listed: Iterable[Stored], made: Mapping[str, Copied]
) -> list[tuple[str, str]]:
    """The vintages of which even the copies that we just made have another size, with those."""
    want, sizes = view_of(manifest), _sizes(manifest)
    ours = want.keys() & made.keys()
    return [
        (want[each.key], each.key)
        for each in listed
        if each.key in ours
        and made[each.key] == Copied(want[each.key], each.token)
        and each.size != sizes[each.key]
    ]


def _sizes(manifest: Manifest) -> dict[str, int]:
    return {view_folder(manifest) + e.name: e.size for e in manifest.files}


def encode_record(record: Mapping[str, Copied]) -> bytes:
    """The record as JSON."""
    document = {k: {"vintage": c.vintage, "token": c.token} for k, c in sorted(record.items())}
    return (json.dumps({"version": 1, "copied": document}, indent=1) + "\n").encode()


def decode_record(body: bytes) -> dict[str, Copied]:
    """The record, or an empty one when the bytes make no sense: it only saves copies."""
    try:
        document = json.loads(body)["copied"]
        return {str(k): Copied(str(c["vintage"]), str(c["token"])) for k, c in document.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
