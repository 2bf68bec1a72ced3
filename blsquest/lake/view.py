"""The public view: copy first, delete last, look again, until it equals the newest manifest.

The view is derived: files under their publisher's names, copied from vintages, made equal to the
newest manifest by every run. What makes one LIST enough to see that it is equal is the record of
which vintage each key was copied from, and a token that only these bytes can have there: the one
that *that copy's own response* gave. With a token from a later LIST or HEAD of the copy, another
writer's copy in between would be taken for ours.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blsquest.core.errors import Corrupt, Missing, StoreError
from blsquest.core.stop import Workers, raise_if_stopped
from blsquest.lake.keys import view_record_key, vintage_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blsquest.lake.log import ManifestLog
    from blsquest.lake.manifest import Generation
    from blsquest.lake.model import Manifest
    from blsquest.lake.stores.base import Store, Stored


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


ROUNDS = 8
"""Eight publishers of one generation in a directory at once, on a busy machine, did not always
come to agree in five."""
LONGEST_PAUSE = 32
"""Times what a round took: with a window that wide, one of many publishers is soon alone."""
COPIES_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did.

    Attributes:
        generation: The generation that the view now equals (another run may have moved it on).
        copied: View keys written.
        deleted: View keys removed.
    """

    generation: int
    copied: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


def publish(log: ManifestLog, generation: Generation) -> Published:
    """Repair the view until one look at it finds nothing to do.

    A view that is right costs one GET (the record) and one LIST. Before anything is written, and
    after, the log is asked for a newer generation: a slow publisher of an older one must not have
    the last word. A publisher that dies here leaves a view that the next run sees to be wrong.
    Publishers of one generation at once overwrite each other's copies and record: where tokens
    differ from copy to copy (a directory), each takes the other's for damage. So who finds its
    work undone waits a random while, longer from round to round, and looks again.

    Raises:
        StoreError: The view still differs after `ROUNDS` rounds (something else keeps writing).
        Corrupt: A vintage that the manifest names is gone, or has another size.
    """
    store = log.store
    current = generation
    record_key = view_record_key(log.source)
    copied: list[str] = []
    deleted: list[str] = []
    made: dict[str, Copied] = {}
    rounds = paused = 0
    took = 0.0
    while rounds < ROUNDS:
        record = read_record(store, record_key)
        listed = store.list(view_folder(current.manifest))
        todo = repair(current.manifest, listed, record)
        for vintage, key in damaged(current.manifest, listed, made):
            raise Corrupt(
                f"{store.url}/{vintage} has another size than the manifest says.",
                "Restore it from the bucket's versions or a backup, then run again: that mends "
                f"{key}, which was copied from it.",
            )
        newer = log.newer_than(current) if todo or rounds else None
        if newer is not None:
            current = newer
            continue
        if not todo:
            return Published(
                current.manifest.generation, tuple(dict.fromkeys(copied)), tuple(deleted)
            )
        if rounds > paused:
            window = took * min(2**rounds, LONGEST_PAUSE)
            time.sleep(random.uniform(0, window))  # noqa: S311 - spreads writers out
            paused = rounds
            continue
        started = time.perf_counter()
        tokens = _copy_all(store, todo.copies)
        for key in todo.deletes:
            store.delete(key)
        want = view_of(current.manifest)
        kept = {k: c for k, c in record.items() if k in want}
        made = {key: Copied(vintage, tokens[key]) for vintage, key in todo.copies}
        store.put(record_key, encode_record(kept | made))
        took = time.perf_counter() - started
        copied += [key for _, key in todo.copies]
        deleted += todo.deletes
        rounds += 1
    raise StoreError(
        f"The view {store.url}/{log.source}/ still differs from its manifest after {ROUNDS} "
        "rounds of copies: something else keeps writing there.",
        "Find the other writer; the vintages and the manifests are whole, and the next run "
        "repairs the view.",
        transient=True,
    )


def read_record(store: Store, key: str) -> dict[str, Copied]:
    """What each view key was copied from; empty where that is not known."""
    try:
        return decode_record(store.read(key))
    except Missing:
        return {}


def _copy_all(store: Store, copies: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Token of each view key just copied."""

    def copy(pair: tuple[str, str]) -> tuple[str, str]:
        raise_if_stopped()
        vintage, key = pair
        try:
            return key, store.copy(vintage, key)
        except Missing as error:
            raise Corrupt(
                f"{store.url}/{vintage} is named by a manifest and does not exist.",
                "Restore it from the bucket's versions or a backup.",
            ) from error

    if len(copies) <= 1:
        return dict(map(copy, copies))
    with Workers(COPIES_IN_FLIGHT, "publish") as pool:
        return dict(pool.map(copy, copies))
