"""How fresh a lake is: each source's newest generation, its last change, and its report."""

from dataclasses import dataclass
from typing import Any

from blsquest.core.clock import time_text
from blsquest.core.errors import Misuse
from blsquest.core.source import POPULATION, survey_of
from blsquest.lake.audit import sources_in, sources_of
from blsquest.lake.keys import vintage_folder
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Manifest, diff
from blsquest.lake.outcome import CONTENT_CHANGES
from blsquest.lake.record import read_record
from blsquest.lake.rollback import trusted_newest
from blsquest.lake.stores.base import Store
from blsquest.products.question import Request
from blsquest.products.report import current_report
from blsquest.products.report_folders import newest_report


@dataclass(frozen=True, slots=True)
class Status:
    """The newest generation of one source, and the newest that changed content.

    `report` is the folder of the survey's newest report, with ` (due)` where a newer one is to be
    made; "" for the population. `vintages` is the number of contents that the lake keeps of the
    source, and `vintage_bytes` their size.
    """

    newest: Manifest
    changed: Manifest
    report: str
    vintages: int
    vintage_bytes: int

    @property
    def bytes(self) -> int:
        """The size of the newest generation's files."""
        return sum(entry.size for entry in self.newest.files)

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready; sizes in bytes."""
        return {
            "source": self.newest.source,
            "generation": self.newest.generation,
            "committed": time_text(self.newest.committed),
            "files": len(self.newest.files),
            "bytes": self.bytes,
            "vintages": self.vintages,
            "vintage_bytes": self.vintage_bytes,
            "sample": self.newest.sample,
            "changed": time_text(self.changed.committed),
            "changed_in": self.changed.generation,
            "report": self.report,
        }


def status_of(store: Store) -> list[Status]:
    """Look at the newest generations of a lake, without reading any data.

    Costs four LISTs of the sources; for each a LIST, two GETs, a GET more for each generation since
    its last change, and a LIST for each 1,000 vintages; for each survey what `current_report`
    costs.

    Raises:
        Refused: A log lost its end, or is lost.
        StoreError: The storage failed, or a newest generation does not follow from its parent.
    """
    found = []
    for source in sorted({*sources_of(store), *sources_in(store, "state/")[0]}):
        log = ManifestLog(store, source)
        if latest := trusted_newest(log, log.latest(), read_record(store, source)):
            report = "" if source == POPULATION else _report(store, survey_of(source))
            sizes = [vintage.size for vintage in store.list(vintage_folder(source))]
            changed = latest
            while changed.manifest.generation > 1:
                earlier = log.parent_of(changed)
                steps = diff(earlier.manifest, changed.manifest)
                if any(step.change in CONTENT_CHANGES for step in steps):
                    break
                changed = earlier
            found.append(Status(latest.manifest, changed.manifest, report, len(sizes), sum(sizes)))
    return found


def _report(store: Store, survey: str) -> str:
    try:
        current = current_report(store, Request(survey))
    except Misuse:  # no population yet
        return "none"
    if current is not None:
        return current.folder
    newest = newest_report(store, Request(survey).root())
    return f"{newest['folder']} (due)" if newest else "due"
