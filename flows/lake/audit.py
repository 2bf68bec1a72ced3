"""Fixity: is the lake what its manifests say? Reads everything, changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.lake.errors import Corrupt, Missing, Misuse
from flows.lake.fixity import (
    RESTORE,
    Audited,
    Finding,
    check_chain,
    compare,
    in_share,
    named_vintages,
)
from flows.lake.keys import generation_of, manifest_folder, view_record_key
from flows.lake.log import ManifestLog
from flows.lake.publish import read_record
from flows.lake.reader import hash_of
from flows.lake.view import repair, view_folder, view_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.lake.manifest import Generation
    from flows.lake.store import Store

ABANDONED = timedelta(hours=24)
"""A write that began longer ago than this was left by a run that was killed."""


def sources_of(store: Store) -> list[str]:
    """The keys of all sources that have a log in this lake."""
    top = store.folders("manifests/")
    surveys = [f"bls/{s}" for s in store.folders("manifests/bls/")] if "bls" in top else []
    return sorted([*surveys, *(t for t in top if t != "bls")])


def audit(store: Store, *, share: float = 1.0, now: datetime | None = None) -> Audited:
    """Check every log, vintage and view of a lake.

    Args:
        store: The lake.
        share: Which part of the vintages to re-hash, from 0 to 1; the same part each time, so
            that a smaller share is quick and a whole one complete. Presence and size are always
            checked.
        now: For the age of unfinished writes.

    Raises:
        Misuse: There is no lake.
    """
    findings: list[Finding] = []
    sources = sources_of(store)
    if not sources:
        raise Misuse(f"There is no lake at {store.url}: it holds no manifest.", "Check --lake.")
    generations = hashed = hashed_bytes = vintages = 0
    for source in sources:
        log, broken = read_log(store, source)
        generations += len(log)
        findings += broken
        named = named_vintages(log)
        vintages += len(named)
        present = {s.key: s.size for s in store.list(f"vintages/{source}/")}
        findings += compare(named, present)
        # What is missing or of another size is told already.
        for key, _ in sorted(named.items() & present.items()):
            if in_share(key, share):
                hashed += 1
                hashed_bytes += present[key]
                findings += check_vintage(store, key)
        findings += check_view(store, source, log)
    findings += abandoned(store, now or datetime.now(UTC))
    return Audited(tuple(sources), generations, hashed, hashed_bytes, vintages, tuple(findings))


def read_log(store: Store, source: str) -> tuple[list[Generation], list[Finding]]:
    """All readable generations of one source, and what is wrong with their chain."""
    log = ManifestLog(store, source)
    found: list[Generation] = []
    findings: list[Finding] = []
    for stored in store.list(manifest_folder(source)):
        number = generation_of(stored.key)
        if number is None:
            findings.append(Finding("note", stored.key, "is no manifest", "Move it away."))
            continue
        try:
            found.append(log.read(number))
        except (Corrupt, Missing) as error:
            findings.append(Finding("damage", stored.key, error.what, error.remedy))
    return found, findings + list(check_chain(source, found))


def check_vintage(store: Store, key: str) -> list[Finding]:
    """Whether a vintage's bytes still have the hash that is its name."""
    try:
        digest = hash_of(store, key)
    except Missing:
        digest = "missing"
    if digest == key.rpartition("/")[2]:
        return []
    return [Finding("damage", key, f"was altered: its SHA-256 is {digest}", RESTORE)]


def check_view(store: Store, source: str, log: Sequence[Generation]) -> Iterator[Finding]:
    """Where the public view differs from the newest readable manifest."""
    if not log:
        return
    manifest = log[-1].manifest
    todo = repair(
        manifest,
        store.list(view_folder(manifest)),
        read_record(store, view_record_key(source)),
    )
    for _, key in todo.copies:
        yield Finding("repairable", key, "is missing or not the newest copy", "Run the mirror.")
    for key in todo.deletes:
        yield Finding("repairable", key, "is not in the newest manifest", "Run the mirror.")


def abandoned(store: Store, now: datetime) -> Iterator[Finding]:
    """Writes that a killed run left, older than a day."""
    for each in store.unfinished():
        if now - each.started > ABANDONED:
            yield Finding(
                "note",
                each.name,
                f"was begun {each.started:%Y-%m-%d %H:%M} UTC and never ended",
                "On S3 the bucket's lifecycle rule should abort it; a directory's next run does.",
            )


def checksums(store: Store) -> Iterator[str]:
    """Lines for `sha256sum -c`, run at the lake's root: the view first, then every vintage."""
    for source in sources_of(store):
        log, _ = read_log(store, source)
        if log:
            for key, vintage in sorted(view_of(log[-1].manifest).items()):
                yield f"{vintage.rpartition('/')[2]}  {key}\n"
        for key in sorted(named_vintages(log)):
            yield f"{key.rpartition('/')[2]}  {key}\n"
