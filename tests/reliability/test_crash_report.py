"""A report that dies at any storage call: the old one stands, or the next run makes it whole."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.sources.sample.population import payload
from tests.reliability.figures import tell
from tests.support.lakes import (
    Clock,
    Fails,
    Killed,
    Watched,
    contents,
    mirror,
    take_population,
    twin,
)
from tests.support.publishing import legacy_payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.server import SampleServer
    from tests.support.lakes import When


QUEST = Request()


class HalfRead:
    """A stream that dies in the middle of its object."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._begun = False

    def read(self, size: int = -1) -> bytes:
        """Something at first, and then the end of the process."""
        if self._begun:
            raise Killed
        self._begun = True
        return self._stream.read(min(size, 1_000))


class DiesReading(Watched):
    """A store whose k-th stream dies half-way."""

    def __init__(self, store: Store, at: int) -> None:
        super().__init__(store, lambda *_: None)
        self._left = at

    @contextmanager
    def open(self, key: str) -> Iterator[Any]:
        """See the class."""
        self._left -= 1
        with super().open(key) as stream:
            yield HalfRead(stream) if self._left == 0 else stream


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


def report(lake: Store, request: Request = QUEST, as_of: str | None = None) -> str:
    """Make the report on a fixed day; its outcome."""
    return make_report(lake, request, as_of, now=Clock()).name


def assert_whole_reports(lake: Store) -> dict[str, bytes]:
    """Every `report.json` names the outputs beside it, and they are what it says."""
    found = contents(lake, "analytics/")
    for key, body in found.items():
        if key.endswith("/report.json"):
            for name, output in json.loads(body)["outputs"].items():
                beside = found[key.replace("report.json", name)]
                assert sha256(beside).hexdigest() == output["sha256"]
    return found


def broken(lake: DirectoryStore, at: int, when: When) -> tuple[Watched, Fails]:
    """The lake as a process sees it that dies at its k-th call."""
    fails = Fails(at, when)
    return Watched(lake, fails), fails


@pytest.mark.parametrize("first", [True, False], ids=["first report", "next report"])
@pytest.mark.parametrize("as_of", [None, "2"])
def test_a_report_killed_at_any_storage_call_is_made_good_by_the_next(
    base: DirectoryStore, tmp_path: Path, first: bool, as_of: str | None
) -> None:
    if first:
        for stored in base.list("analytics/"):
            base.delete(stored.key)
    reference = twin(base, tmp_path / "reference")
    watched, counted = broken(reference, 0, "before")
    report(watched, as_of=as_of)
    before, wanted = contents(base, "analytics/"), assert_whole_reports(reference)
    points = changed = 0
    for at in range(1, counted.calls + 1):
        for when in ("before", "after"):
            lake = twin(base, tmp_path / f"{at}-{when}")
            dying, fails = broken(lake, at, when)
            with pytest.raises(Killed):
                report(dying, as_of=as_of)
            assert fails.struck
            points += 1
            # Where nothing was written yet, the next report is the reference over again.
            if assert_whole_reports(lake) != before:
                changed += 1
                report(lake, as_of=as_of)
                assert assert_whole_reports(lake) == wanted
    assert changed >= len({key.rpartition("/")[2] for key in wanted})
    for at in (1, 2):  # the data file, and the population
        lake = twin(base, tmp_path / f"stream-{at}")
        with pytest.raises(Killed):
            report(DiesReading(lake, at), as_of=as_of)
        report(lake, as_of=as_of)
        assert assert_whole_reports(lake) == wanted
        points += 1
    tell(f"report, {'first' if first else 'next'}, as of {as_of}: killed at {points} points")


def test_a_report_to_another_question_that_dies_half_way_leaves_the_standing_one_untouched(
    base: DirectoryStore, tmp_path: Path
) -> None:
    report(base)
    standing = contents(base, "analytics/")
    other = Request(first_year=2014)
    watched, counted = broken(twin(base, tmp_path / "reference"), 0, "before")
    report(watched, other)
    wanted = assert_whole_reports(watched)
    for at in range(1, counted.calls + 1):
        lake = twin(base, tmp_path / f"{at}")
        with suppress(Killed):
            report(broken(lake, at, "after")[0], other)
        assert standing.items() <= contents(lake, "analytics/").items()
        report(lake, other)
        assert assert_whole_reports(lake) == wanted
