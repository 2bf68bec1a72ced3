"""Lakes with a past: a survey's releases, mirrored one after the other at known times."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from blsquest.lake.outcome import Outcome
from blsquest.lake.stores.base import Store
from blsquest.sources.sample.server import SampleServer
from tests.support.data_files import text
from tests.support.lakes import Clock, mirror, release, take_population
from tests.support.publishing import publish_folder

CURRENT = "pr.data.0.Current"
SERIES = (
    "series_id\tsector_code\tclass_code\tmeasure_code\tduration_code\tseasonal\r\n"
    "PRS1\t3000\t6\t03\t3\tS\r\n"
)
TABLES = {
    "pr.series": SERIES,
    "pr.sector": "sector_code\tsector_name\r\n3000\tManufacturing\r\n",
    "pr.class": "class_code\tclass_text\r\n6\tAll workers\r\n",
    "pr.measure": "measure_code\tmeasure_text\r\n03\tHours worked\r\n",
    "pr.duration": "duration_code\tduration_text\r\n3\tIndex (2017=100)\r\n",
    "pr.seasonal": "Seasonal_code\tSeasonal_text\r\nS\tSeasonal Adjusted\r\n\r\n",
}
TITLE = "Manufacturing, all workers: Hours worked, index (2017=100), seasonally adjusted"

Observation = tuple[str, int, str, str, str]
"""Series, year, period, value and footnotes, as the publisher writes them."""


def data(*rows: Observation) -> str:
    return text(rows)


@dataclass
class Past:
    """A lake in which releases come out on the first days of 2025's months."""

    server: SampleServer
    store: Store
    months: int = 0
    _clock: Clock = field(default_factory=Clock)

    def release(self, **files: str | bytes) -> Outcome:
        """Publish the code tables and these files (`Current` for the data file), and mirror."""
        named = {CURRENT if name == "Current" else f"pr.{name}": t for name, t in files.items()}
        self.server.surveys["pr"] = release({**TABLES, **named}, self._next())
        return mirror(self.server, self.store, self._clock, allow=frozenset({"removals"}))

    def folder(self, folder: Path) -> Outcome:
        """Publish a folder of real files, and mirror."""
        publish_folder(self.server, folder, modified=self._next())
        return mirror(self.server, self.store, self._clock)

    def take_population(self) -> None:
        """Take in the population, before any release."""
        take_population(self.server, self.store, Clock(datetime(2025, 1, 1, tzinfo=UTC)))

    def _next(self) -> datetime:
        self.months += 1
        self._clock.moment = datetime(2025, self.months, 1, 12, tzinfo=UTC)
        return self._clock.moment.replace(hour=11)
