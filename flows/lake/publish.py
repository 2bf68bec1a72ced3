"""Make the public view equal to the newest manifest: copy first, delete last, look again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.lake.errors import Corrupt, Missing, StoreError
from flows.lake.keys import view_record_key
from flows.lake.stop import Workers, raise_if_stopped
from flows.lake.view import (
    Copied,
    damaged,
    decode_record,
    encode_record,
    repair,
    view_folder,
    view_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.lake.log import ManifestLog
    from flows.lake.manifest import Generation
    from flows.lake.store import Store

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
