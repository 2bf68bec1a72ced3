"""The outcome of a run: what changed, what it cost, and its one name."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from blsquest.core.clock import time_text
from blsquest.core.text import counted
from blsquest.core.usage import Spent
from blsquest.lake.keys import vintage_key
from blsquest.lake.manifest import Change, FileChange
from blsquest.lake.plan import Plan
from blsquest.lake.record import Made

OutcomeName = Literal["Changed", "Restamped", "Unchanged", "Repaired"]
"""How a run ended well. `Refused` and `Failed` are the other two, and are exceptions."""

REASONS: dict[Change, str] = {
    "added": "new at the source",
    "returned": "back at the source, after its removal",
    "changed": "content changed",
    "restamped": "date changed, content identical: no new vintage",
    "removed": "gone from the source: its vintages stay",
    "settled": "confirmed a day later: its date can be trusted",
}

PLANNED = "planned"
"""How a dry run ends: whether anything changed is not known."""

CONTENT_CHANGES: frozenset[Change] = frozenset({"added", "returned", "changed", "removed"})
"""What a reader of the files would notice."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one source, summed up.

    Attributes:
        generation: The newest generation of the source after the run; 0 where there is none
            (only a dry run).
        uploaded: Vintages put into the lake.
        received: Bytes of bodies that came from the publisher.
        repaired: View keys that this run wrote or removed without a change at the source.
        restored: Vintages that were gone, and that this run put back from the publisher's bytes.
        plan: Only for a dry run: what would have been done.
        tables: The record of the tables, if they are of this generation and this lake; None if
            they must be made.
        front_page: The same for the front page and the feed.
    """

    source: str
    name: OutcomeName
    generation: int
    committed: datetime | None
    files: int
    size: int
    changes: tuple[FileChange, ...] = ()
    uploaded: int = 0
    received: int = 0
    repaired: int = 0
    restored: int = 0
    notes: tuple[str, ...] = ()
    sample: bool = False
    asked: Spent = field(default_factory=Spent)
    stored: Spent = field(default_factory=Spent)
    plan: Plan | None = None
    tables: Made | None = None
    front_page: Made | None = None

    @property
    def ended(self) -> str:
        """How the run ended: its name, or `planned` for a dry run."""
        return self.name if self.plan is None else PLANNED

    @property
    def content_changed(self) -> bool:
        """Whether a reader would see other content than before."""
        return any(c.change in CONTENT_CHANGES for c in self.changes)

    def sentence(self) -> str:
        """Return the outcome in one line, for a state message or a terminal."""
        if self.plan is not None:
            return (
                f"{self.source}: would ask for {len(self.plan.ask)} of its files, keep "
                f"{len(self.plan.keep)} and remove {len(self.plan.remove)}. Nothing was changed."
            )
        kinds = [c.change for c in self.changes]
        parts = [f"{n} {kind}" for kind in REASONS if (n := kinds.count(kind))]
        if self.repaired:
            parts.append(f"{self.repaired} repaired in the view")
        if self.restored:
            parts.append(f"{counted(self.restored, 'lost vintage')} put back")
        return (
            f"{self.source}{' (sample)' if self.sample else ''} {self.name}: "
            f"{', '.join(parts) or 'nothing to do'}; "
            f"{counted(self.files, 'file')}, {self.size:,} bytes, "
            f"generation {self.generation}.{''.join(f' {note}' for note in self.notes)}"
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return the changes as a table: one dict a file (also the dashboard's artifact)."""
        return [
            {
                "file": c.name,
                "change": c.change,
                "why": REASONS[c.change],
                "bytes before": c.old.size if c.old else None,
                "bytes now": c.new.size if c.new else None,
                "source date": entry.stamp,
                "vintage": vintage_key(self.source, c.name, entry.sha256),
            }
            for c in self.changes
            if (entry := c.new or c.old) is not None
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, for `--json`."""
        document: dict[str, Any] = {
            "source": self.source,
            "outcome": self.ended,
            "generation": self.generation,
            "committed": time_text(self.committed) if self.committed else None,
            "files": self.files,
            "bytes": self.size,
            "changes": self.rows(),
            "uploaded": self.uploaded,
            "received_bytes": self.received,
            "repaired": self.repaired,
            "restored": self.restored,
            "notes": list(self.notes),
            "sample": self.sample,
            "source_cost": self.asked.as_dict(),
            "storage_cost": self.stored.as_dict(),
        }
        if self.plan is not None:
            document["dry_run"] = {
                "ask": [{"file": a.file.name, "why": a.why} for a in self.plan.ask],
                "keep": [e.name for e in self.plan.keep],
                "remove": [e.name for e in self.plan.remove],
            }
        return document
