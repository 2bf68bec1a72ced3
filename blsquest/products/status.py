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

    from blsquest.lake.manifest import Manifest
    from blsquest.lake.stores.base import Store


@dataclass(frozen=True, slots=True)
class Status:
    """The newest generation of one source.

    Attributes:
        source: Its key; for example `bls/pr`.
        generation: Its number, then when it was committed, how many files of how many bytes it
            has, and whether it is a generated sample.
        changed: When the newest generation with other content was committed …
        changed_in: … and which one that is.
        report: The folder of the survey's newest report, with ` (due)` where a newer one is to be
            made; "" for the population.
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

    Costs a LIST of the sources; for each a LIST, a GET, and a GET more for each generation since
    its last change; for each survey what `standing_report` costs.

    Raises:
        StoreError: The storage failed.
    """
    logs = (ManifestLog(store, source) for source in sources_of(store))
    return [_status(log, latest.manifest) for log in logs if (latest := log.latest())]


def _status(log: ManifestLog, newest: Manifest) -> Status:
    changed = _last_change(log, newest)
    return Status(
        log.source,
        newest.generation,
        newest.committed,
        len(newest.files),
        sum(entry.size for entry in newest.files),
        newest.sample,
        changed.committed,
        changed.generation,
        "" if log.source == POPULATION else _report(log.store, survey_of(log.source)),
    )


def _last_change(log: ManifestLog, at: Manifest) -> Manifest:
    while at.generation > 1:
        earlier = log.read(at.generation - 1).manifest
        if any(c.change in CONTENT_CHANGES for c in diff(earlier, at)):
            break
        at = earlier
    return at


def _report(store: Store, survey: str) -> str:
    try:
        standing = standing_report(store, Request(survey))
    except Misuse:  # no population yet
        return "none"
    if standing is not None:
        return standing.folder
    newest = newest_report(store, Request(survey).root())
    return f"{newest['folder']} (due)" if newest else "due"
