"""The population is the same run over a source of one file, shown in a folder a day."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.population import payload
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import Clock, assert_whole, contents, kinds, take_population
from tests.support.publishing import legacy_payload

LATE = datetime(2025, 8, 15, 23, 59, 59, tzinfo=UTC)


def counts(people: int) -> bytes:
    document = json.loads(payload())
    document["data"][-1].update(Population=float(people))
    return json.dumps(document).encode()


@pytest.mark.parametrize("body", [payload(), legacy_payload()], ids=["tesseract", "legacy"])
def test_the_bytes_lie_under_the_utc_day(
    server: SampleServer, lake: DirectoryStore, body: bytes
) -> None:
    server.population = body
    outcome = take_population(server, lake)
    assert (outcome.name, kinds(outcome)) == ("Changed", {"census.json": "added"})
    assert contents(lake, "census/") == {"census/2025-08-15/census.json": server.population}
    assert_whole(lake, "census")


def test_another_order_of_keys_is_no_change(server: SampleServer, lake: DirectoryStore) -> None:
    """The sample's service spells every answer another way, as the real one does."""
    assert payload(0) != payload(1)
    take_population(server, lake)
    before = contents(lake)
    for _ in range(3):
        outcome = take_population(server, lake)
        assert (outcome.name, outcome.uploaded) == ("Unchanged", 0)
    assert contents(lake) == before


def test_another_days_content_gets_its_own_folder(server: SampleServer, store: Store) -> None:
    clock = Clock(LATE)
    server.population = counts(330_000_001)
    take_population(server, store, clock)
    first = contents(store, "census/")
    clock.moment += timedelta(days=5)
    assert take_population(server, store, clock).name == "Unchanged"
    assert contents(store, "census/") == first
    server.population = counts(330_000_002)
    clock.moment += timedelta(seconds=1)
    outcome = take_population(server, store, clock)
    assert kinds(outcome) == {"census.json": "changed"}
    assert contents(store, "census/") == first | {
        "census/2025-08-21/census.json": server.population
    }
    assert_whole(store, "census")


def test_a_day_shows_its_last_content(server: SampleServer, lake: DirectoryStore) -> None:
    for people in (330_000_001, 330_000_002):
        server.population = counts(people)
        take_population(server, lake)
    assert contents(lake, "census/") == {"census/2025-08-15/census.json": server.population}
    assert len(lake.list("vintages/census/")) == 2


def test_a_repair_keeps_what_others_put_there(server: SampleServer, lake: DirectoryStore) -> None:
    take_population(server, lake)
    right = lake.read("census/2025-08-15/census.json")
    lake.put("census/2025-08-15/census.json", b"{}")
    lake.put("census/2025-08-15/notes", b"mine")
    lake.put("census/2025-08-01/census.json", b"older")
    assert take_population(server, lake).name == "Repaired"
    assert contents(lake, "census/") == {
        "census/2025-08-01/census.json": b"older",
        "census/2025-08-15/census.json": right,
        "census/2025-08-15/notes": b"mine",
    }
