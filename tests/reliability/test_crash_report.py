"""A report that dies at any storage call: the old one stays, or the next run makes it whole."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.sources.sample.population import payload
from blsquest.sources.sample.server import SampleServer
from tests.reliability.figures import sampled, tell
from tests.support.lakes import (
    Clock,
    Fails,
    Killed,
    contents,
    mirror,
    take_population,
    twin,
    watched,
)
from tests.support.publishing import legacy_payload

QUEST, OTHER = Request(), Request(first_year=2014)


@pytest.fixture
def base(server: SampleServer, tmp_path: Path) -> DirectoryStore:
    """A lake with a report, and newer generations of both sources that no report names yet."""
    lake = DirectoryStore(tmp_path / "base")
    server.population = legacy_payload()
    mirror(server, lake)
    take_population(server, lake)
    report(lake)
    server.publish(2)
    server.population = payload()
    mirror(server, lake)
    take_population(server, lake)
    return lake


def report(lake: Store, request: Request = QUEST, as_of: str | None = None) -> None:
    """Make the report on a fixed day."""
    make_report(lake, request, as_of, now=Clock())


def whole_reports(lake: Store) -> dict[str, bytes]:
    """Every report; each `report.json` must name the outputs beside it, as they are."""
    found = contents(lake, "analytics/")
    for key, body in found.items():
        if key.endswith("/report.json"):
            for name, output in json.loads(body)["outputs"].items():
                beside = found[key.replace("report.json", name)]
                assert sha256(beside).hexdigest() == output["sha256"]
    return found


@pytest.mark.parametrize(
    ("before", "request_", "as_of"),
    [
        pytest.param("none", QUEST, None, id="first report"),
        pytest.param("old", QUEST, None, id="next report"),
        pytest.param("old", QUEST, "2", id="as of a generation"),
        pytest.param("new", OTHER, None, id="another question"),
    ],
)
def test_a_report_killed_at_any_storage_call_is_made_good_by_the_next(
    base: DirectoryStore, tmp_path: Path, before: str, request_: Request, as_of: str | None
) -> None:
    """A report to another question than the current one leaves that one untouched."""
    if before == "none":
        for stored in base.list("analytics/"):
            base.delete(stored.key)
    if before == "new":
        report(base)
    reference, counted = twin(base, tmp_path / "reference"), Fails(0, "after")
    report(watched(reference, counted), request_, as_of)
    current, wanted = contents(base, "analytics/"), whole_reports(reference)
    changed = 0
    points = sampled(counted.calls, 8)
    for point in points:
        lake = twin(base, tmp_path / f"{point}")
        with pytest.raises(Killed):  # before one call is after another
            report(watched(lake, Fails(point, "after")), request_, as_of)
        left = whole_reports(lake)
        assert before != "new" or current.items() <= left.items()
        # Where nothing was written yet, the next report is the reference over again.
        if left != current:
            changed += 1
            report(lake, request_, as_of)
            assert whole_reports(lake) == wanted
    assert changed > 0
    tell(f"report, {before}, {as_of}: killed at {len(points)} of {counted.calls} calls")
