"""Release dd47f93 and this one on one lake: each finds nothing to do after the other."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blsquest.lake.stores.base import Store, Stored
from blsquest.lake.stores.s3 import S3Store
from blsquest.products.audit import audit
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.products.revisions import revise
from blsquest.products.tables import make_tables, tables_current
from blsquest.sources.sample.server import SampleServer
from tests.conftest import FreshStore
from tests.support.lakes import (
    BACK_TO_RELEASE_1,
    PR,
    TO_RELEASE_2,
    Clock,
    assert_whole,
    history,
    kinds,
    mirror,
    recorded,
    take_population,
)

BEFORE = "dd47f93"
PROJECT = Path(__file__).resolve().parents[2]
SERIES = "PRS84006112"
"""A series of the sample."""
NOTHING_TO_DO = {"mirror": {}, "population": {}, "report": "Unchanged"}

OF_BEFORE = """
import json, sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

from flows.lake.audit import audit
from flows.lake.log import ManifestLog
from flows.lake.s3_client import S3Options
from flows.lake.store_directory import DirectoryStore
from flows.lake.store_s3 import S3Store
from flows.report_request import Request
from flows.reporting import make_report
from flows.tabling import make_tables, tables_stand
from tests.lakes import PR, kinds, mirror, take_population

given = json.load(sys.stdin)
moment = datetime.fromisoformat(given["moment"])
server = SimpleNamespace(bls_url=given["bls_url"], population_url=given["population_url"])
s3, now = given["s3"], lambda: moment
if s3:
    store = S3Store(*s3["where"], S3Options(**s3["options"]))
else:
    store = DirectoryStore(Path(given["folder"]))
said = {"mirror": kinds(mirror(server, store, now, allow=frozenset({"removals"})))}
said["population"] = kinds(take_population(server, store, now))
if not tables_stand(store, PR, ManifestLog(store, PR).latest().manifest.generation):
    make_tables(store, PR)
said["report"] = make_report(store, Request(series=given["series"]), now=now).name
audited = audit(store)
said["audit"] = [audited.name, audited.rows()]
print(json.dumps(said))
"""
"""A run of everything by the code of that release, which prints what it found to do."""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of release dd47f93, from the repository's own history."""
    git = ["git", "-C", str(PROJECT)]
    known = subprocess.run([*git, "cat-file", "-e", BEFORE], check=False, capture_output=True)
    if known.returncode:
        pytest.skip(f"needs {BEFORE} in the repository's history: git fetch --unshallow")
    folder = tmp_path_factory.mktemp("before")
    wanted = ["flows", "tests/__init__.py", "tests/lakes.py"]
    archive = subprocess.run([*git, "archive", BEFORE, *wanted], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


@dataclass
class Lake:
    """One lake, brought up to date by either release, each time an hour later."""

    code: Path  # of the release before
    server: SampleServer
    store: Store
    clock: Clock

    def by_before(self) -> dict[str, Any]:
        """What the release before found to do, its audit included."""
        self.clock.moment += timedelta(hours=1)
        where, store = {}, self.store
        if isinstance(store, S3Store):
            bucket, _, prefix = store.url.removeprefix("s3://").partition("/")
            # The release before knows none of the options that have come since.
            options = {k: v for k, v in asdict(store._client.options).items() if v is not None}
            where = {"where": [bucket, prefix], "options": options}
        given = {
            "moment": self.clock.moment.isoformat(),
            "bls_url": self.server.bls_url,
            "population_url": self.server.population_url,
            "s3": where,
            "folder": str(getattr(store, "root", "")),
            "series": SERIES,
        }
        done = subprocess.run(
            [sys.executable, "-c", OF_BEFORE],
            cwd=self.code,
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        assert said.pop("audit") == ["Sound", []]
        return said

    def by_this(self) -> tuple[dict[str, Any], list[str]]:
        """What this release found to do, and the keys that it wrote or deleted."""
        self.clock.moment += timedelta(hours=1)
        store, calls = recorded(self.store, "put", "put_new", "upload", "copy", "delete")
        outcome = mirror(self.server, store, self.clock, allow=frozenset({"removals"}))
        population = take_population(self.server, store, self.clock)
        if not tables_current(store, outcome.tables):
            make_tables(store, PR)
        report = make_report(store, Request(series=SERIES), now=self.clock)
        if kinds(outcome):
            revise(store, PR, outcome.generation)
        audited = audit(store)
        assert audited.name == "Sound"
        assert {f.key for f in audited.findings} <= {"analytics/"}  # reports without a seal
        said = {"mirror": kinds(outcome), "population": kinds(population)}
        return said | {"report": report.name}, [key for _, key in calls]

    def objects(self) -> set[Stored]:
        """Every object with its token, which differs once it is written again.

        But the records, what the releases keep about Parquet files, each in its own way, and the
        report, which has another form.
        """
        return {each for each in self.store.list("") if not own(each.key)}


def own(key: str) -> bool:
    """Whether the releases differ about what lies there."""
    about_tables = key.startswith("tables/") and "/pr.data." not in key
    return about_tables or key.startswith(("state/", "analytics/"))


@pytest.fixture(params=["directory", "seaweed"])
def lake(
    request: pytest.FixtureRequest, before: Path, server: SampleServer, fresh_store: FreshStore
) -> Lake:
    """A lake that the release before has made, with tables and a report."""
    made = Lake(before, server, fresh_store(request.param), Clock())
    said = made.by_before()
    assert set(said["mirror"].values()) == {"added"}
    assert said["report"] == "Changed"
    return made


def test_either_release_goes_on_from_the_other_and_leaves_its_objects(lake: Lake) -> None:
    objects = lake.objects()

    said, written = lake.by_this()

    assert said == NOTHING_TO_DO | {"report": "Changed"}  # it is of an earlier form
    assert [key for key in written if not own(key)] == []
    assert not lake.store.list("tables/athena/")
    assert lake.objects() == objects
    assert lake.by_before() == NOTHING_TO_DO
    assert lake.objects() == objects

    for publish, by, changes in (
        (2, "this", TO_RELEASE_2),
        (1, "before", BACK_TO_RELEASE_1 | {"pr.contacts": "added"}),  # "returned" by now
    ):
        lake.server.publish(publish)
        said = lake.by_this()[0] if by == "this" else lake.by_before()
        assert said == {"mirror": changes, "population": {}, "report": "Changed"}
        objects = lake.objects()

        assert lake.by_before() == NOTHING_TO_DO
        report = "Changed" if by == "before" else "Unchanged"  # one of an earlier form is due
        assert lake.by_this()[0] == NOTHING_TO_DO | {"report": report}
        assert lake.by_this()[0] == NOTHING_TO_DO
        # The release before reads no table with a column that it does not know, and makes its own.
        added = lake.objects() - objects
        assert lake.objects() - added == objects
        assert all(stored.key.startswith("tables/bls/pr/pr.data.") for stored in added)
        lake.by_before()
        assert lake.objects() - objects == added

    assert_whole(lake.store)
    assert len(history(lake.store)) == 3
