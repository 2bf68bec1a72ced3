"""The audit: is the lake what its manifests say? It reads everything and changes nothing.

Findings are data. `damage` is what makes the lake less than its log promises and what a person
must mend; `repairable` is what the next run mends; `note` is harmless.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from blsquest.core.clock import utcnow
from blsquest.core.errors import Corrupt, Damaged, Missing, Misuse
from blsquest.core.source import SURVEYS, source_of
from blsquest.lake.keys import (
    MANIFESTS,
    generation_of,
    manifest_folder,
    sha256_of,
    vintage_folder,
    vintage_key,
)
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import hash_of
from blsquest.lake.record import read_record
from blsquest.lake.view import folder_of, repair, view_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from blsquest.lake.manifest import Generation
    from blsquest.lake.stores.base import Store


Severity = Literal["damage", "repairable", "note"]

RESTORE = "Restore it from the bucket's versions or a backup."
PUT_BACK = (
    "Restore it from the bucket's versions or a backup. Or, if the publisher still serves these "
    "bytes, delete what is left of it and run the mirror with --recheck, which puts it back."
)
COPY_ANEW = "Delete it when its vintage is sound, and run the mirror, which copies it anew."

ABANDONED = timedelta(hours=24)
"""A write that began longer ago than this was left by a run that was killed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: the object, what is wrong, and what to do."""

    severity: Severity
    key: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit read, and found; `vintages` are those that the manifests name."""

    sources: tuple[str, ...]
    generations: int
    hashed: int
    hashed_bytes: int
    vintages: int
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        """`Sound` or `Damaged`."""
        return "Damaged" if as_error(self) else "Sound"

    def sentence(self) -> str:
        """Return the result in one line."""
        found = Counter(f.severity for f in self.findings)
        counts = [f"{found[s]} {s}" for s in ("damage", "repairable", "note") if s in found]
        return (
            f"{self.name}: {len(self.sources)} sources, {self.generations} generations, "
            f"{self.hashed} of {self.vintages} vintages re-hashed ({self.hashed_bytes:,} bytes); "
            f"{', '.join(counts) or 'nothing found'}."
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return the findings as a table: one dict each."""
        return [
            {"severity": f.severity, "object": f.key, "what": f.what, "what to do": f.remedy}
            for f in self.findings
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, for `--json`."""
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
    """Return the error that an audit of a damaged lake ends with; None for a sound one."""
    damage = [f for f in audited.findings if f.severity == "damage"]
    if not damage:
        return None
    more = f" and {len(damage) - 1} more" if len(damage) > 1 else ""
    return Damaged(f"{damage[0].key} {damage[0].what}{more}.", damage[0].remedy)


def sources_of(store: Store) -> list[str]:
    """Return the keys of all sources that have a log in this lake."""
    top = store.folders(MANIFESTS)
    surveys = store.folders(manifest_folder(SURVEYS)) if SURVEYS in top else []
    return sorted([*map(source_of, surveys), *(t for t in top if t != SURVEYS)])


def audit(store: Store, *, share: float = 1.0, now: datetime | None = None) -> Audited:
    """Check every log, vintage and view of a lake.

    The share, from 0 to 1, is the part of the vintages, and of their copies in the view, to
    re-hash: the same part each time, so that a small share is quick and a whole one complete.
    Presence and size are always checked.

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
        listed = store.list(vintage_folder(source))
        present = {s.key: s.size for s in listed}
        findings += compare(named, present)
        # What is missing or of another size is found already.
        for key, size in sorted(named.items() & present.items()):
            if in_share(key, share):
                hashed += 1
                hashed_bytes += size
                findings += check_bytes(store, key, sha256_of(key), PUT_BACK)
        wrong = {f.key for f in findings}
        sound = {s.key: s.token for s in listed if s.key not in wrong}
        findings += check_view(store, log, sound, share)
    findings += abandoned(store, now or utcnow())
    return Audited(tuple(sources), generations, hashed, hashed_bytes, vintages, tuple(findings))


def read_log(store: Store, source: str) -> tuple[list[Generation], list[Finding]]:
    """Return all readable generations of one source, and what is wrong with their chain."""
    log = ManifestLog(store, source)
    found: list[Generation] = []
    findings: list[Finding] = []
    for key in (stored.key for stored in store.list(manifest_folder(source))):
        number = generation_of(key)
        if number is None:
            findings.append(Finding("note", key, "is no manifest", "Move it away."))
            continue
        try:
            generation = log.read(number)
        except (Corrupt, Missing) as error:
            findings.append(Finding("damage", key, error.what, error.remedy))
            continue
        if what := _breaks_the_chain(found[-1] if found else None, generation):
            findings.append(Finding("damage", key, what, RESTORE))
        found.append(generation)
    return found, findings


def _breaks_the_chain(previous: Generation | None, generation: Generation) -> str:
    manifest = generation.manifest
    last = previous.manifest.generation if previous else 0
    if manifest.generation != last + 1:
        return f"does not follow generation {last}"
    if previous is not None and manifest.parent != previous.sha256:
        return f"does not name the bytes of generation {last}"
    if previous is not None and manifest.committed <= previous.manifest.committed:
        return "is not later than its parent"
    return ""


def named_vintages(log: Iterable[Generation]) -> dict[str, int]:
    """Return vintage key → size, of everything that any generation names. Pure."""
    return {
        vintage_key(g.manifest.source, e.name, e.sha256): e.size
        for g in log
        for e in (*g.manifest.files, *(t.last for t in g.manifest.tombstones))
    }


def compare(named: Mapping[str, int], present: Mapping[str, int]) -> Iterator[Finding]:
    """Find what is missing, of another size, or named by no manifest. Pure."""
    for key, size in sorted(named.items()):
        if key not in present:
            yield Finding("damage", key, "is named by a manifest and missing", PUT_BACK)
        elif present[key] != size:
            what = f"has {present[key]:,} bytes and not {size:,}"
            yield Finding("damage", key, what, PUT_BACK)
    for key in sorted(present.keys() - named.keys()):
        yield Finding("note", key, "is named by no manifest (a run ended before its commit)", "")


def in_share(key: str, share: float) -> bool:
    """Return whether a share of the vintages includes this one; a larger includes a smaller. Pure.

    The digest in the key is the file's own and could be chosen by a publisher: it is hashed again.
    """
    place = int.from_bytes(sha256(key.encode()).digest()[:8])
    return place < share * 2**64


def check_bytes(store: Store, key: str, expected: str, remedy: str) -> Iterator[Finding]:
    """Check that an object's bytes still have their SHA-256."""
    try:
        digest = hash_of(store, key)
    except Missing:
        digest = "missing"
    if digest != expected:
        yield Finding("damage", key, f"was altered: its SHA-256 is {digest}", remedy)


def check_view(
    store: Store, log: Sequence[Generation], sound: Mapping[str, str], share: float
) -> Iterator[Finding]:
    """Find where the public view differs from the newest readable manifest.

    The next run sees most of it, by one LIST and the record. What it can't see is a copy that was
    made while its vintage was damaged: copies are re-hashed, unless they have the token of a
    sound vintage (on S3 the ETag, which only the same bytes have).
    """
    if not log:
        return
    manifest = log[-1].manifest
    listed = store.list(folder_of(manifest))
    todo = repair(manifest, listed, read_record(store, manifest.source).copied)
    tokens = {s.key: s.token for s in listed}
    for _, key in todo.copies:
        what = "is not as the last run left it" if key in tokens else "is missing"
        yield Finding("repairable", key, what, "Run the mirror.")
    for key in todo.deletes:
        yield Finding("repairable", key, "is not in the newest manifest", "Run the mirror.")
    copies = view_of(manifest).items() - {(key, vintage) for vintage, key in todo.copies}
    for key, vintage in sorted(copies):
        if tokens[key] != sound.get(vintage) and in_share(vintage, share):
            yield from check_bytes(store, key, sha256_of(vintage), COPY_ANEW)


def abandoned(store: Store, now: datetime) -> Iterator[Finding]:
    """Find writes that a killed run left, older than a day."""
    for each in store.unfinished():
        if now - each.started > ABANDONED:
            yield Finding(
                "note",
                each.name,
                f"was begun {each.started:%Y-%m-%d %H:%M} UTC and never ended",
                "On S3 the bucket's lifecycle rule should abort it; a directory's next run does.",
            )


def checksums(store: Store) -> Iterator[str]:
    """Yield lines for `sha256sum -c` at the lake's root: the view first, then every vintage."""
    for source in sources_of(store):
        log, _ = read_log(store, source)
        if log:
            for key, vintage in sorted(view_of(log[-1].manifest).items()):
                yield f"{sha256_of(vintage)}  {key}\n"
        for key in sorted(named_vintages(log)):
            yield f"{sha256_of(key)}  {key}\n"
