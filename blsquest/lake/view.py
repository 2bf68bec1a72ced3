"""The public view: copy first, delete last, look again, until it equals the newest manifest.

The view is derived: files under their publisher's names, copied from vintages, made equal to the
newest manifest by every run. One LIST is enough to see that it is equal, because the record has
the vintage that each key was copied from, and a token that only these bytes can have there: the one
from *that copy's own response*. With a token from a later LIST or HEAD of the copy, another
writer's copy in between would be taken for ours.
"""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from blsquest.core.errors import Corrupt, Missing, StoreError
from blsquest.core.stop import Workers, raise_if_stopped
from blsquest.lake.keys import sha256_of, view_folder, vintage_folder, vintage_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Generation, Manifest
from blsquest.lake.reader import hash_of
from blsquest.lake.record import Copied, Record, publication, read_record, write_record
from blsquest.lake.stores.base import Store, Stored


def folder_of(manifest: Manifest) -> str:
    """Return the folder that one LIST must cover; a `daily` view owns only its newest day's."""
    if manifest.layout == "flat" or not manifest.files:
        return view_folder(manifest.source)
    return view_folder(manifest.source, max(e.first_seen for e in manifest.files))


def view_of(manifest: Manifest) -> dict[str, str]:
    """Return view key → vintage key, for every file of the manifest."""
    folder = folder_of(manifest)
    return {folder + e.name: vintage_key(manifest.source, e.name, e.sha256) for e in manifest.files}


def sizes_of(manifest: Manifest) -> dict[str, int]:
    """Return view key → bytes, likewise."""
    return dict(zip(view_of(manifest), (e.size for e in manifest.files), strict=True))


@dataclass(frozen=True, slots=True)
class Repair:
    """The steps to equal a manifest: (vintage, view key) to copy, then keys to delete."""

    copies: tuple[tuple[str, str], ...]
    deletes: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.copies or self.deletes)


def repair(manifest: Manifest, listed: Iterable[Stored], copied: Mapping[str, Copied]) -> Repair:
    """Return the copies and deletes that make the listed view equal to the manifest.

    A copy of a damaged vintage has the right token; its size gives it away.
    """
    there = {s.key: s for s in listed}
    want, sizes = view_of(manifest), sizes_of(manifest)
    copies = tuple(
        (vintage, key)
        for key, vintage in want.items()
        if key not in there
        or copied.get(key) != Copied(vintage, there[key].token)
        or there[key].size != sizes[key]
    )
    # A daily view keeps its earlier days, and a day's folder may hold a person's notes.
    extra = sorted(there.keys() - want.keys()) if manifest.layout == "flat" else []
    return Repair(copies, tuple(extra))


def damaged(
    manifest: Manifest, listed: Iterable[Stored], made: Mapping[str, Copied]
) -> list[tuple[str, str]]:
    """Return the vintages, with view keys, whose copies just made have another size."""
    want, sizes = view_of(manifest), sizes_of(manifest)
    return [
        (want[s.key], s.key)
        for s in listed
        if made.get(s.key) == Copied(want.get(s.key, ""), s.token) and s.size != sizes[s.key]
    ]


ROUNDS = 8
"""Eight publishers of one generation in a directory at once, on a busy machine, did not always
agree within five."""
LONGEST_PAUSE = 32
"""Times what a round took: with a window that wide, one of many publishers is soon alone."""
COPIES_IN_FLIGHT = 8


@dataclass(frozen=True, slots=True)
class Published:
    """The generation that the view now equals (another run may have moved it on), and how."""

    generation: int
    copied: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


def publish(log: ManifestLog, generation: Generation, record: Record | None = None) -> Published:
    """Copy and delete view objects until one look at the view finds nothing to do.

    A correct view costs one GET (the record) and one LIST; only the LIST if `record`, which the
    run has read, names the generation: it is read again before any repair. Before
    anything is written, and after, the log is read for a newer generation: a slow publisher of an
    older one must not have the last word. (Killed before that, it leaves a record that is behind,
    which is harmless.) A publisher that dies here leaves a view that the next run sees to be wrong.
    Publishers of one generation at once overwrite each other's copies and record: where tokens
    differ from copy to copy (a directory), each takes the other's for damage. So a publisher whose
    work was undone waits a random time, longer each round, and looks again.

    Raises:
        StoreError: The view still differs after `ROUNDS` rounds (something else keeps writing).
        Corrupt: A vintage that the manifest names is gone or has another size; or it is not what
            its name says, and the file of the view may be.
    """
    store, current = log.store, generation
    copied: dict[str, None] = {}
    deleted: list[str] = []
    made: dict[str, Copied] = {}
    rounds = paused = 0
    took = 0.0
    known = record if record and record.own(store) == publication(store, current) else None
    while rounds < ROUNDS:
        record = known or read_record(store, log.source)
        listed = store.list(folder_of(current.manifest))
        todo = repair(current.manifest, listed, record.copied)
        if todo and known:  # another run may have published since
            known = None
            continue
        noted = publication(store, current)
        for vintage, key in damaged(current.manifest, listed, made):
            raise Corrupt(
                f"{store.url}/{vintage} has another size than the manifest says.",
                "Restore it from the bucket's versions or a backup, then run again: that mends "
                f"{key}, which was copied from it.",
            )
        unsaid = record.published != noted
        newer = log.newer_than(current) if todo or unsaid or rounds else None
        if newer is not None:
            current = newer
            continue
        if not todo and not unsaid:
            return Published(current.manifest.generation, tuple(copied), tuple(deleted))
        if rounds > paused:
            window = took * min(2**rounds, LONGEST_PAUSE)
            time.sleep(random.uniform(0, window))  # noqa: S311 - spreads writers out
            paused = rounds
            continue
        started = time.perf_counter()
        _keep_last_whole(store, current.manifest, todo.copies, listed, record.copied)
        made = _copy_all(store, todo.copies)
        for key in todo.deletes:
            store.delete(key)
        want = view_of(current.manifest)
        kept = {k: c for k, c in record.copied.items() if k in want}
        record.copied = dict(sorted((kept | made).items()))
        record.published = noted
        write_record(store, log.source, record)
        took = time.perf_counter() - started
        copied |= dict.fromkeys(made)
        deleted += todo.deletes
        rounds += 1
    raise StoreError(
        f"The view {store.url}/{log.source}/ still differs from its manifest after {ROUNDS} "
        "rounds of copies: something else keeps writing there.",
        "Find the other writer; the vintages and the manifests are whole, and the next run "
        "repairs the view.",
        transient=True,
    )


def _keep_last_whole(
    store: Store,
    manifest: Manifest,
    copies: Sequence[tuple[str, str]],
    listed: Iterable[Stored],
    copied: Mapping[str, Copied],
) -> None:
    """Copy no damaged vintage over a file that may be the last one with the right bytes.

    Such a file has the right size, and a token that the record lacks: the lake was moved, or the
    record lost. Only then are the vintages listed, and those read whose token differs from the
    file's: on S3 mostly none, in a directory all.
    """
    sizes, there = sizes_of(manifest), {s.key: s for s in listed}
    odd = [
        (vintage, key)
        for vintage, key in copies
        if key in there and there[key].size == sizes[key]
        if key not in copied or copied[key].token != there[key].token
    ]
    tokens = {s.key: s.token for s in store.list(vintage_folder(manifest.source))} if odd else {}
    for vintage, key in odd:
        if tokens.get(vintage) == there[key].token:
            continue
        raise_if_stopped()
        wanted = sha256_of(vintage)
        with suppress(Missing):  # the copy will say so
            if hash_of(store, vintage) != wanted:
                right = hash_of(store, key) == wanted
                raise Corrupt(
                    f"{store.url}/{vintage} is not what its name says.",
                    f"{key} has the right bytes: put them in its place, then run again."
                    if right
                    else "Restore it from the bucket's versions or a backup, then run again.",
                )


def _copy_all(store: Store, copies: Sequence[tuple[str, str]]) -> dict[str, Copied]:
    def copy(pair: tuple[str, str]) -> tuple[str, Copied]:
        raise_if_stopped()
        vintage, key = pair
        try:
            return key, Copied(vintage, store.copy(vintage, key))
        except Missing as error:
            what = f"{store.url}/{vintage} is named by a manifest and does not exist."
            raise Corrupt(what, "Restore it from the bucket's versions or a backup.") from error

    if len(copies) <= 1:
        return dict(map(copy, copies))
    with Workers(COPIES_IN_FLIGHT, "publish") as pool:
        return dict(pool.map(copy, copies))
