"""A publisher with a release in the lake and the next one out, and how a run meets it there."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from blsquest.core.errors import StoreError
from blsquest.lake.keys import manifest_folder
from blsquest.lake.manifest import decode
from blsquest.lake.run import run
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.datausa import PopulationSource
from blsquest.sources.http import Client, Retries, Timeouts
from blsquest.sources.pacer import Pacer
from blsquest.sources.sample.pages import Row, published
from blsquest.sources.sample.population import payload
from blsquest.sources.sample.server import SampleServer
from tests.support.faults import Act, Fault
from tests.support.lakes import LONG_AGO, PR, Clock, contents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from blsquest.core.source import Source
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.pages import PublishedFile

CENSUS = "census"
LISTING, CURRENT, PAYLOAD = "*/pr/", "*/pr.data.0.Current", "/tesseract/*"
"""The requests that a fault can strike: the listing, one changed file, the population."""

FIRST_DAY = datetime(2025, 8, 14, 12, tzinfo=UTC)
HEADER = b"series_id        \tyear\tperiod\t       value\tfootnote_codes\r\n"


def data_file(years: int) -> bytes:
    """Return a data file with four quarters a year from 2013 on."""
    rows = [
        b"PRS30006032      \t%d\tQ%02d\t%12.3f\t\r\n" % (year, quarter, (year * quarter) % 97 / 7)
        for year in range(2013, 2013 + years)
        for quarter in range(1, 5)
    ]
    return HEADER + b"".join(rows)


def release(number: int) -> dict[str, PublishedFile]:
    """Return release 1; or 2, with one file restamped, one gone, one new and two changed."""
    moment = LONG_AGO + timedelta(days=90 * number)
    same = {"pr.series": b"series\r\n", "pr.txt": b"about\r\n"}
    files = {name: published(body, LONG_AGO) for name, body in same.items()}
    files["pr.class"] = published(b"class_code\tclass_text\r\n", moment)
    files["pr.data.0.Current"] = published(data_file(5 + number), moment)
    files["pr.data.1.AllData"] = published(data_file(9 + number), moment)
    name = {1: "pr.contacts", 2: "pr.notice"}[number]
    return files | {name: published(b"only in %d\r\n" % number, moment)}


def census_payload(number: int) -> bytes:
    """Return the population without its newest year; or, as release 2, with it."""
    document = json.loads(payload())
    rows = document["data"] = document["data"][: len(document["data"]) - 2 + number]
    document["page"]["total"] = len(rows)
    return json.dumps(document).encode()


@dataclass
class Stage:
    """The publisher and one run's circumstances; a row of the table makes them sick.

    Attributes:
        server: Both publishers, release 2 being out.
        source: `bls/pr` or `census`.
        patience: The client's timeouts.
        root: BLS's address where it is not the server's.
        clock: The run's.
        other: Another host, which must never be asked.
        closing: Ends what a row started.
    """

    server: SampleServer
    source: str = PR
    patience: Timeouts = field(default_factory=lambda: Timeouts(5, 5, 10))
    root: str | None = None
    clock: Clock = field(default_factory=lambda: Clock(FIRST_DAY + timedelta(days=1)))
    other: SampleServer | None = None
    closing: ExitStack = field(default_factory=ExitStack)

    def publish(self, number: int) -> None:
        """Bring out release 1 or 2 of both publishers."""
        self.server.surveys["pr"] = release(number)
        self.server.population = census_payload(number)

    def strike(self, act: Act, path: str, *, times: int | None = None) -> None:
        """Make replies sick; see `Fault`."""
        self.server.faults.append(Fault(act, path, times))

    def heal(self) -> None:
        """Make the publisher well again, with release 2 out."""
        self.server.faults.clear()
        self.server.on_request = lambda _: None
        self.server.listing_rows = lambda _, rows: rows
        self.root = None
        self.patience = Timeouts(5, 5, 10)
        self.clock = Clock(FIRST_DAY + timedelta(days=1))
        self.publish(2)

    def shows(self, change: Callable[[list[Row]], list[Row]]) -> None:
        """Change the rows that the listing shows."""
        self.server.listing_rows = lambda _, rows: change(rows)

    def opened(self) -> Source:
        """Open the source as a run does; its waits take no time."""
        slept: list[float] = []
        client = Client(
            Pacer(None, clock=lambda: sum(slept), sleep=slept.append),
            contact="tests@localhost",
            timeouts=self.patience,
            retries=Retries(attempts=3, first_wait=0.0),
        )
        if self.source == CENSUS:
            return PopulationSource(client, url=self.server.population_url)
        return BlsSurvey("pr", client, self.root or self.server.bls_url)

    def run(self, store: Store) -> Outcome:
        """Run once."""
        return run(self.opened(), store, now=self.clock)

    def mirror_release_1(self, store: Store) -> None:
        """Run once on the day before; then release 2 is out."""
        now, self.clock.moment = self.clock.moment, FIRST_DAY
        self.server.now = Clock(FIRST_DAY)
        self.publish(1)
        self.run(store)
        self.clock.moment = now
        self.server.now = Clock(now)
        self.publish(2)

    def storage_error(self, store: Store) -> StoreError | None:
        """Run once; return how the storage made it fail, or None where it ended well."""
        try:
            self.run(store)
        except StoreError as error:
            return error
        return None


@contextmanager
def staged(source: str = PR) -> Iterator[Stage]:
    """Set up a healthy stage with release 1 out."""
    today = Clock(FIRST_DAY + timedelta(days=1))
    with SampleServer(now=today) as server, ExitStack() as closing:
        stage = Stage(server, source, closing=closing)
        stage.publish(1)
        yield stage


def mirrored(store: Store, source: str) -> dict[str, Any]:
    """Return what a lake says of a source, times aside: its newest manifest and its view."""
    newest = max(contents(store, manifest_folder(source)).items())[1]
    manifest = decode(newest).manifest
    return {
        "files": {e.name: (e.sha256, e.stamp) for e in manifest.files},
        "removed": [t.last.name for t in manifest.tombstones],
        "view": contents(store, f"{source}/"),
        "vintages": set(contents(store, f"vintages/{source}/")),
    }
