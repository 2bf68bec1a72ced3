"""An audit's findings, how they are gathered, and how an audit ends.

Findings are data. `damage`: the lake falls short of its log, and a person must mend it; `unseen`:
an object could not be read; `repairable`: a derived object is wrong, and `--repair` makes it
again; `repaired`: that was done; `note`: harmless.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from blsquest.core.errors import Damaged, QuestError, Repairable, StoreError
from blsquest.core.text import counted

Severity = Literal["damage", "unseen", "repairable", "repaired", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

REPAIR = "Run the audit with --repair, which makes it again from the log."
MADE = "Made again from the log."
RESTORE = "Restore it from the bucket's versions or a backup."

_ENDS: dict[Severity, type[QuestError]] = {
    "damage": Damaged,
    "unseen": StoreError,
    "repairable": Repairable,
}
"""How an audit ends that found this, the worst first."""

IN_A_ROW = 3
"""This many unreadable objects in a row end the audit of their folder: if the storage is down, each
would cost a wait."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: the object, what is wrong, and what to do."""

    severity: Severity
    key: str
    what: str
    remedy: str


@dataclass
class Findings:
    """The findings so far; with `repair`, derived objects are made again at once."""

    repair: bool = False
    all: list[Finding] = field(default_factory=list)
    _failed: int = 0

    def sorted(self) -> tuple[Finding, ...]:
        """Return all, the worst first."""
        return tuple(sorted(self.all, key=lambda f: SEVERITIES.index(f.severity)))

    def add(self, severity: Severity, key: str, what: str, remedy: str = "") -> None:
        """Record one."""
        self.all.append(Finding(severity, key, what.rstrip("."), remedy))

    @contextmanager
    def seen(
        self, key: str, *, of_many: bool = False, ends: bool = False, severity: Severity = "unseen"
    ) -> Iterator[None]:
        """Record that `key` could not be read if the storage fails in the block.

        Raises:
            StoreError: It was one `of_many`, and the third in a row; or, with `ends`, the audit
                ends without it.
        """
        try:
            yield
        except StoreError as error:
            self._failed += 1
            if ends or (of_many and self._failed >= IN_A_ROW):
                raise
            whole = " whole" if key.endswith("/") else ""
            self.add(severity, key, f"was not looked at{whole}: {error.what}", error.remedy)
        else:
            self._failed = 0

    def mend(
        self,
        wrong: Sequence[Finding],
        make: Callable[[], str | None],
        *,
        trusted: bool,
        done: str = MADE,
    ) -> None:
        """Record wrong derived objects; with `repair`, call `make` and record them as repaired.

        `make` may return a text to add; nothing is made from a log that is not trusted.
        """
        if not trusted:
            wrong = [replace(f, remedy=f"Mend the log first. {f.remedy}") for f in wrong]
        elif wrong and self.repair:
            try:
                remedy = f"{done} {make() or ''}".strip()
                wrong = [replace(f, severity="repaired", remedy=remedy) for f in wrong]
            except QuestError as error:
                wrong = [replace(f, remedy=f"It could not be made again: {error}") for f in wrong]
        self.all += wrong


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit read, and found.

    `vintages` counts those that manifests name; `reports` includes generations compared.
    """

    sources: tuple[str, ...]
    generations: int
    vintages: int
    hashed: int
    hashed_bytes: int
    findings: tuple[Finding, ...]
    reports: int = 0
    tables: int = 0

    @property
    def name(self) -> str:
        """`Sound`, `Repaired`, `Repairable`, `Failed` or `Damaged`."""
        if error := as_error(self):
            return error.outcome
        return "Repaired" if any(f.severity == "repaired" for f in self.findings) else "Sound"

    def sentence(self) -> str:
        """Return the result in one line."""
        found = Counter(f.severity for f in self.findings)
        names = {"unseen": "not looked at"}
        counts = [f"{found[s]} {names.get(s, s)}" for s in SEVERITIES if s in found]
        return (
            f"{self.name}: {counted(len(self.sources), 'source')}, "
            f"{counted(self.generations, 'generation')}, "
            f"{self.hashed} of {counted(self.vintages, 'vintage')} re-hashed "
            f"({self.hashed_bytes:,} bytes), {counted(self.reports, 'report')}, "
            f"{counted(self.tables, 'table')}; "
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
        document = {"outcome": self.name} | {f.name: getattr(self, f.name) for f in fields(self)}
        return document | {"sources": list(self.sources), "findings": self.rows()}


def as_error(audited: Audited) -> QuestError | None:
    """Return the error that an audit's worst finding calls for, else None."""
    for severity, kind in _ENDS.items():
        found = [f for f in audited.findings if f.severity == severity]
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            return kind(f"{found[0].key} {found[0].what}{more}.", found[0].remedy)
    return None
