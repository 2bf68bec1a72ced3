"""How fresh a lake is: each source's newest generation, its last change, and its report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from blsquest.core.clock import time_text
from blsquest.core.errors import Misuse
from blsquest.core.source import POPULATION, survey_of
from blsquest.lake.audit import sources_of
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import diff
from blsquest.lake.outcome import CONTENT_CHANGES
from blsquest.products.question import Request
from blsquest.products.report import standing_report
from blsquest.products.report_folders import newest_report

if TYPE_CHECKING:
    from datetime import datetime

    from blsquest.lake.manifest import Generation
    from blsquest.lake.stores.base import Store


@dataclass(frozen=True, slots=True)
class Status:
    """One source of a lake.

    Attributes:
        source: Its key.
        generation: The newest.
        committed: When that was committed.
        files: How many files it has.
        bytes: Of these files.
        sample: Whether it is a generated sample.
        changed: When the newest generation with other content was committed …
        changed_in: … and which one that is.
        report: Where the survey's newest report is, with ` (due)` where a newer one is to be made;
            "" for what has no report.
    """

    source: str
    generation: int
    committed: datetime
    files: int
    bytes: int
    sample: bool
    changed: datetime
    changed_in: int
    report: str

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        times = {"committed": time_text(self.committed), "changed": time_text(self.changed)}
        return asdict(self) | times


def status_of(store: Store) -> list[Status]:
    """Look at the newest generations of a lake, without reading any data.

    Costs a LIST of the sources, for each source a LIST, a GET and one GET more for each generation
    since its last change, and for each survey with a report what `standing_report` costs.

    Raises:
        StoreError: The storage failed.
    """
    found = []
    for source in sources_of(store):
        log = ManifestLog(store, source)
        latest = log.latest()
        if latest is None:
            continue
        newest, changed = latest.manifest, _last_change(log, latest)
        found.append(
            Status(
                source,
                newest.generation,
                newest.committed,
                len(newest.files),
                sum(entry.size for entry in newest.files),
                newest.sample,
                changed.manifest.committed,
                changed.manifest.generation,
                "" if source == POPULATION else _report(store, source),
            )
        )
    return found


def _last_change(log: ManifestLog, newest: Generation) -> Generation:
    at = newest
    while at.manifest.generation > 1:
        earlier = log.read(at.manifest.generation - 1)
        if any(c.change in CONTENT_CHANGES for c in diff(earlier.manifest, at.manifest)):
            break
        at = earlier
    return at


def _report(store: Store, source: str) -> str:
    request = Request(survey_of(source))
    try:
        standing = standing_report(store, request)
    except Misuse:  # no population yet
        return "none"
    if standing is not None:
        return standing.folder
    newest = newest_report(store, request.root())
    return f"{newest['folder']} (due)" if newest else "due"
