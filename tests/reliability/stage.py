"""A publisher with a release in the lake and the next one out, and how a run meets it there."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from blsquest.core.source import Source
from blsquest.lake.keys import manifest_folder
from blsquest.lake.manifest import decode
from blsquest.lake.outcome import Outcome
from blsquest.lake.run import run
from blsquest.lake.stores.base import Store
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.datausa import PopulationSource
from blsquest.sources.http import Client, Retries, Timeouts
from blsquest.sources.pacer import Pacer
from blsquest.sources.sample.pages import PublishedFile, published
from blsquest.sources.sample.population import payload
from blsquest.sources.sample.server import SampleServer
from tests.support.data_files import HEADER
from tests.support.lakes import LONG_AGO, PR, Clock, contents

CENSUS = "census"
LISTING, CURRENT, PAYLOAD = "*/pr/", "*/pr.data.0.Current", "/tesseract/*"
"""The requests that a fault can strike: the listing, one changed file, the population."""
PATIENT = Timeouts(5, 5, 10)


def data_file(years: int) -> bytes:
    """Return a data file with four quarters a year from 2013 on."""
    rows = [
        b"PRS30006032      \t%d\tQ%02d\t%12.3f\t\r\n" % (year, quarter, (year * quarter) % 97 / 7)
        for year in range(2013, 2013 + years)
        for quarter in range(1, 5)
    ]
    return f"{HEADER}\r\n".encode() + b"".join(rows)


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
    """Both publishers and one run's circumstances; a fault makes them sick.

    Then BLS may be at another root, or refer to another host, which must never be asked; `closing`
    ends what was started for that.
    """

    server: SampleServer
    source: str
    closing: ExitStack
    patience: Timeouts = PATIENT
    root: str | None = None
    other: SampleServer | None = None

    def run(self, store: Store) -> Outcome:
        """Run once, as the project does; waits take no time."""
        slept: list[float] = []
        client = Client(
            Pacer(None, clock=lambda: sum(slept), sleep=slept.append),
            contact="tests@localhost",
            timeouts=self.patience,
            retries=Retries(attempts=3, first_wait=0.0),
        )
        source: Source = BlsSurvey("pr", client, self.root or self.server.bls_url)
        if self.source == CENSUS:
            source = PopulationSource(client, url=self.server.population_url)
        return run(source, store, now=self.server.now)


@contextmanager
def staged(source: str = PR, number: int = 2) -> Iterator[Stage]:
    """Set up a healthy stage on the day of release 1 or 2."""
    clock = Clock(datetime(2025, 8, 13 + number, 12, tzinfo=UTC))
    with SampleServer(now=clock) as server, ExitStack() as closing:
        server.surveys["pr"] = release(number)
        server.population = census_payload(number)
        yield Stage(server, source, closing)


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
