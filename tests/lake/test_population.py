"""The population is the same run over a source of one file, shown in a folder a day."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from blsquest.core.errors import Refused
from blsquest.sources.sample.population import payload
from tests.support.lakes import Clock, assert_whole, contents, kinds, mirror, take_population
from tests.support.publishing import legacy_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from blsquest.lake.stores.base import Store
    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.server import SampleServer

LATE = datetime(2025, 8, 15, 23, 59, 59, tzinfo=UTC)


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A payload with one thing changed."""
    document = json.loads(payload())
    change(document)
    return json.dumps(document).encode()


def counts(people: int) -> bytes:
    """A payload whose newest year has that many people."""
    return edited(lambda d: d["data"][-1].update(Population=float(people)))


@pytest.mark.parametrize("body", [payload(), legacy_payload()], ids=["tesseract", "legacy"])
def test_the_publishers_bytes_are_kept_under_the_utc_day(
    server: SampleServer, store: Store, body: bytes
) -> None:
    server.population = body
    outcome = take_population(server, store)
    assert (outcome.name, kinds(outcome)) == ("Changed", {"census.json": "added"})
    assert contents(store, "census/") == {"census/2025-08-15/census.json": server.population}
    assert_whole(store, "census")


def test_another_order_of_keys_is_no_change(server: SampleServer, store: Store) -> None:
    """The sample's service spells every answer another way, as the real one does."""
    assert payload(0) != payload(1)
    take_population(server, store)
    before = contents(store)
    for _ in range(3):
        outcome = take_population(server, store)
        assert (outcome.name, outcome.uploaded) == ("Unchanged", 0)
    assert contents(store) == before


def test_content_that_changed_on_another_day_gets_its_own_folder_and_the_old_one_stays(
    server: SampleServer, store: Store
) -> None:
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


def test_content_that_changed_twice_on_one_day_shows_the_last_and_keeps_both_vintages(
    server: SampleServer, lake: DirectoryStore
) -> None:
    for people in (330_000_001, 330_000_002):
        server.population = counts(people)
        take_population(server, lake)
    assert contents(lake, "census/") == {"census/2025-08-15/census.json": server.population}
    assert len(lake.list("vintages/census/")) == 2


def test_a_days_folder_is_repaired_and_what_a_person_put_beside_it_stays(
    server: SampleServer, lake: DirectoryStore
) -> None:
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


@pytest.mark.parametrize(
    "wrong",
    [
        edited(lambda d: d["annotations"].update(table_id="B19013")),
        edited(lambda d: d["data"].pop(0) and d["page"].update(total=9)),
        payload()[:-40],
        b"",
    ],
    ids=["another cube", "a year gone", "cut", "empty"],
)
def test_a_wrong_payload_is_refused_and_the_last_good_one_stays(
    server: SampleServer, lake: DirectoryStore, wrong: bytes
) -> None:
    """Which payloads are wrong is `read_population`'s to say, and tested there."""
    take_population(server, lake)
    before = contents(lake)
    server.population = wrong
    with pytest.raises(Refused, match="The population"):
        take_population(server, lake)
    assert contents(lake) == before


def test_survey_and_population_share_a_lake_without_meeting(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    take_population(server, lake)
    assert mirror(server, lake).name == take_population(server, lake).name == "Unchanged"
    assert_whole(lake)
    assert_whole(lake, "census")
