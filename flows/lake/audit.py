"""Fixity: is the lake what its manifests say? Reads everything, changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.lake.errors import Corrupt, Missing, Misuse
from flows.lake.fixity import (
    PUT_BACK,
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
    from collections.abc import Iterator, Mapping, Sequence

    from flows.lake.manifest import Generation
    from flows.lake.store import Store

ABANDONED = timedelta(hours=24)
"""A write that began longer ago than this was left by a run that was killed."""

COPY_ANEW = "Delete it when its vintage is sound, and run the mirror, which copies it anew."


def sources_of(store: Store) -> list[str]:
    """The keys of all sources that have a log in this lake."""
    top = store.folders("manifests/")
    surveys = [f"bls/{s}" for s in store.folders("manifests/bls/")] if "bls" in top else []
    return sorted([*surveys, *(t for t in top if t != "bls")])


def audit(store: Store, *, share: float = 1.0, now: datetime | None = None) -> Audited:
    """Check every log, vintage and view of a lake.

    Args:
        store: The lake.
        share: Which part of the vintages, and of their copies in the view, to re-hash, from 0 to
            1; the same part each time, so that a smaller share is quick and a whole one complete.
            Presence and size are always checked.
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
        listed = store.list(f"vintages/{source}/")
        present = {s.key: s.size for s in listed}
        findings += compare(named, present)
        # What is missing or of another size is told already.
        for key, _ in sorted(named.items() & present.items()):
            if in_share(key, share):
                hashed += 1
                hashed_bytes += present[key]
                findings += check_bytes(store, key, key.rpartition("/")[2], PUT_BACK)
        wrong = {f.key for f in findings}
        sound = {s.key: s.token for s in listed if s.key not in wrong}
        findings += check_view(store, log, sound, share)
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


def check_bytes(store: Store, key: str, sha256: str, remedy: str) -> Iterator[Finding]:
    """Whether an object's bytes still have their hash."""
    try:
        digest = hash_of(store, key)
    except Missing:
        digest = "missing"
    if digest != sha256:
        yield Finding("damage", key, f"was altered: its SHA-256 is {digest}", remedy)


def check_view(
    store: Store, log: Sequence[Generation], sound: Mapping[str, str], share: float
) -> Iterator[Finding]:
    """Where the public view differs from the newest readable manifest.

    The next run sees most of it, by one LIST and the record. What it can't see is a copy that was
    made while its vintage was damaged: copies are re-hashed, unless they have the token of a
    vintage that is sound (on S3 the ETag, which only the same bytes have).

    Args:
        store: The lake.
        log: The readable generations of one source.
        sound: The token of each vintage that nothing was found wrong with.
        share: As for `audit`.
    """
    if not log:
        return
    manifest = log[-1].manifest
    listed = store.list(view_folder(manifest))
    todo = repair(manifest, listed, read_record(store, view_record_key(manifest.source)))
    tokens = {s.key: s.token for s in listed}
    for _, key in todo.copies:
        what = "is not as the last run left it" if key in tokens else "is missing"
        yield Finding("repairable", key, what, "Run the mirror.")
    for key in todo.deletes:
        yield Finding("repairable", key, "is not in the newest manifest", "Run the mirror.")
    copies = view_of(manifest).items() - {(key, vintage) for vintage, key in todo.copies}
    for key, vintage in sorted(copies):
        if tokens[key] != sound.get(vintage) and in_share(vintage, share):
            yield from check_bytes(store, key, vintage.rpartition("/")[2], COPY_ANEW)


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
