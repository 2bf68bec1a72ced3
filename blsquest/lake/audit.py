"""Is the lake what its manifests say? Read everything, change nothing.

Findings are data. `damage` is what makes the lake less than its log promises and what a person
must mend; `repairable` is what the next run mends; `note` is harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from blsquest.core.errors import Corrupt, Damaged, Missing, Misuse
from blsquest.lake.keys import (
    generation_of,
    manifest_folder,
    manifest_key,
    view_record_key,
    vintage_key,
)
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import hash_of
from blsquest.lake.view import read_record, repair, view_folder, view_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from blsquest.lake.manifest import Generation
    from blsquest.lake.stores.base import Store


Severity = Literal["damage", "repairable", "note"]

RESTORE = "Restore it from the bucket's versions or a backup."
PUT_BACK = (
    "Restore it from the bucket's versions or a backup. Or, if the publisher still serves these "
    "bytes, delete what is left of it and run the mirror with --recheck, which puts it back."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        severity: See the module.
        key: The object concerned.
        what: What is wrong with it.
        remedy: What to do.
    """

    severity: Severity
    key: str
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit came to.

    Attributes:
        sources: The sources that were looked at.
        generations: Manifests read.
        hashed: Vintages re-hashed.
        hashed_bytes: Their bytes.
        vintages: Vintages that the manifests name.
        findings: What is not as it should be.
    """

    sources: tuple[str, ...]
    generations: int
    hashed: int
    hashed_bytes: int
    vintages: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is damaged."""
        return not any(f.severity == "damage" for f in self.findings)

    @property
    def name(self) -> str:
        """`Sound` or `Damaged`."""
        return "Sound" if self.sound else "Damaged"

    def sentence(self) -> str:
        """One line for people."""
        counts = [
            f"{n} {severity}"
            for severity in ("damage", "repairable", "note")
            if (n := sum(f.severity == severity for f in self.findings))
        ]
        return (
            f"{self.name}: {len(self.sources)} sources, {self.generations} generations, "
            f"{self.hashed} of {self.vintages} vintages re-hashed ({self.hashed_bytes:,} bytes); "
            f"{', '.join(counts) or 'nothing found'}."
        )

    def rows(self) -> list[dict[str, Any]]:
        """The findings as a table: one dict each."""
        return [
            {"severity": f.severity, "object": f.key, "what": f.what, "what to do": f.remedy}
            for f in self.findings
        ]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, for `--json`."""
        return {
            "outcome": self.name,
            "sources": list(self.sources),
            "generations": self.generations,
            "vintages": self.vintages,
            "hashed": self.hashed,
            "hashed_bytes": self.hashed_bytes,
            "findings": self.rows(),
        }


def as_error(audited: Audited) -> Damaged | None:
    """The error that an audit of a damaged lake ends with; None for a sound one."""
    damage = [f for f in audited.findings if f.severity == "damage"]
    if not damage:
        return None
    more = f" and {len(damage) - 1} more" if len(damage) > 1 else ""
    return Damaged(f"{damage[0].key} {damage[0].what}{more}.", damage[0].remedy)


def check_chain(source: str, log: Sequence[Generation]) -> Iterator[Finding]:
    """Each generation's parent must be the bytes before it, and its time later. Pure."""
    previous: Generation | None = None
    for generation in log:
        manifest = generation.manifest
        key = manifest_key(source, manifest.generation)
        number = previous.manifest.generation if previous else 0
        if manifest.generation != number + 1:
            yield Finding("damage", key, f"does not follow generation {number}", RESTORE)
        elif previous is not None and manifest.parent != previous.sha256:
            yield Finding("damage", key, f"does not name the bytes of generation {number}", RESTORE)
        elif previous is not None and manifest.committed <= previous.manifest.committed:
            yield Finding("damage", key, "is not later than its parent", RESTORE)
        previous = generation


def named_vintages(log: Iterable[Generation]) -> dict[str, int]:
    """Vintage key → size, of everything that any generation names. Pure."""
    return {
        vintage_key(g.manifest.source, e.name, e.sha256): e.size
        for g in log
        for e in (*g.manifest.files, *(t.last for t in g.manifest.tombstones))
    }


def compare(named: Mapping[str, int], present: Mapping[str, int]) -> Iterator[Finding]:
    """What is missing, of another size, or named by no manifest. Pure."""
    for key, size in sorted(named.items()):
        if key not in present:
            yield Finding("damage", key, "is named by a manifest and missing", PUT_BACK)
        elif present[key] != size:
            what = f"has {present[key]:,} bytes and not {size:,}"
            yield Finding("damage", key, what, PUT_BACK)
    for key in sorted(present.keys() - named.keys()):
        yield Finding("note", key, "is named by no manifest (a run ended before its commit)")


def in_share(key: str, share: float) -> bool:
    """Whether a share of the vintages includes this one; a larger share includes a smaller. Pure.

    The digest in the key is the file's own and could be chosen by a publisher: it is hashed again.
    """
    place = int.from_bytes(sha256(key.encode()).digest()[:8])
    return place < share * 2**64


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
