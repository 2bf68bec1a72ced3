"""What an audit looks for in a lake, and what it says. Pure.

Findings are data. `damage` is what makes the lake less than its log promises and what a person
must mend; `repairable` is what the next run mends; `note` is harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from flows.lake.errors import Damaged
from flows.lake.keys import manifest_key, vintage_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flows.lake.manifest import Generation

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
