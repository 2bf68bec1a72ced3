"""Where reports lie, which one is the newest, and which state a report is of."""

import json
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from blsquest.core.errors import Misuse, StoreError
from blsquest.lake.as_of import AsOf
from blsquest.lake.manifest import Generation
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products import report_folders
from blsquest.products.question import Request
from blsquest.products.report import current_report, make_report
from blsquest.products.report_folders import (
    VERSION,
    Pinned,
    is_current,
    newest_report,
    pin,
    put_report,
)
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import Clock, When, contents, mirror, recorded, take_population, watched

NOON = datetime(2025, 8, 15, 12, tzinfo=UTC)


def report(folder: str, **more: Any) -> dict[str, bytes]:
    """A folder's files."""
    return {"report.json": json.dumps({"folder": folder, **more}).encode(), "a.parquet": b"PAR1"}


def test_the_newest_days_report_is_found_with_one_list_and_one_get(store: Store) -> None:
    for folder in ("2025-08-15/", "2025-08-16/", "as-of/2026-01-01T00-00-00.000000Z/"):
        put_report(store, f"analytics/{folder}", report(f"analytics/{folder}"))
    store.put("analytics/surveys/cu/2025-09-01/report.json", b"{}")
    watched, calls = recorded(store)
    found = newest_report(watched, "analytics/")
    assert found is not None
    assert found["folder"] == "analytics/2025-08-16/"
    assert [verb for verb, _ in calls] == ["folders", "read"]


def test_a_day_whose_report_is_not_finished_or_makes_no_sense_is_passed_over(store: Store) -> None:
    put_report(store, "analytics/2025-08-15/", report("analytics/2025-08-15/"))
    store.put("analytics/2025-08-16/a.parquet", b"PAR1")
    bodies = (b"", b"7", b"[]", b"{", b"not json", b"\xff", b"[" * 100_000, b'{"folder": "else/"}')
    for day, body in enumerate(bodies, 17):
        store.put(f"analytics/2025-08-{day}/report.json", body)
    found = newest_report(store, "analytics/")
    assert found is not None
    assert found["folder"] == "analytics/2025-08-15/"


def test_report_json_is_put_last_whatever_the_names(lake: DirectoryStore) -> None:
    watched, calls = recorded(lake, "put")
    put_report(watched, "analytics/x/", {"report.json": b"{}", "z.html": b"z", "a.parquet": b"a"})
    assert [key for _, key in calls] == [
        "analytics/x/a.parquet",
        "analytics/x/z.html",
        "analytics/x/report.json",
    ]


@pytest.mark.parametrize("at", range(1, 4))
def test_of_two_reports_put_at_once_one_lies_there_whole(lake: DirectoryStore, at: int) -> None:
    mine, theirs = (
        {name: f"{name} of {whose}".encode() for name in ("a.parquet", "b.html", "report.json")}
        for whose in ("mine", "theirs")
    )
    puts = 0

    def another(when: When, verb: str, _key: str) -> None:
        nonlocal puts
        puts += (when, verb) == ("before", "put")
        if puts == at:
            puts = 99
            put_report(lake, "analytics/x/", theirs)

    put_report(watched(lake, another), "analytics/x/", mine)
    there = {k.rpartition("/")[2]: body for k, body in contents(lake, "analytics/x/").items()}
    assert there in (mine, theirs)


def test_a_report_that_others_always_come_between_fails_and_says_to_wait(
    lake: DirectoryStore,
) -> None:
    def another(when: When, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "put", "analytics/x/report.json"):
            lake.put("analytics/x/a.parquet", b"theirs")

    with pytest.raises(StoreError, match="again and again") as caught:
        put_report(watched(lake, another), "analytics/x/", report("analytics/x/"))
    assert caught.value.transient


# -- Which state -------------------------------------------------------------------------------


@pytest.fixture
def state(server: SampleServer, lake: DirectoryStore) -> DirectoryStore:
    """Survey generation 1 and the population at noon, survey generation 2 a day later."""
    clock = Clock(NOON)
    take_population(server, lake, clock)
    mirror(server, lake, clock)
    clock.moment += timedelta(days=1)
    server.publish(2)
    mirror(server, lake, clock)
    return lake


def pinned(lake: Store, as_of: AsOf | None = None, *, days: int = 5) -> Pinned:
    """The state of a report that is made `days` after the first commit."""
    now = NOON + timedelta(days=days)
    return pin(lake, Request().spelled_out(), as_of, now=now)


def generation_of(found: Generation | None) -> int | None:
    return found.manifest.generation if found else None


@pytest.mark.parametrize(
    ("as_of", "generation", "folder"),
    [
        (None, 2, "2025-08-20/"),
        (AsOf(day=date(2025, 8, 20)), 2, "2025-08-20/"),
        (AsOf(day=date(2025, 8, 16)), 2, "2025-08-16/"),
        (AsOf(day=date(2025, 8, 15)), 1, "2025-08-15/"),
        (AsOf(moment=NOON), 1, "as-of/2025-08-15T12-00-00.000000Z/"),
        (AsOf(generation=1), 1, "as-of/2025-08-15T12-00-00.000000Z/"),
        (AsOf(generation=2), 2, "as-of/2025-08-16T12-00-00.000000Z/"),
    ],
)
def test_a_report_is_pinned_to_the_generations_of_its_moment(
    state: DirectoryStore, as_of: AsOf | None, generation: int, folder: str
) -> None:
    found = pinned(state, as_of)
    assert found.survey.manifest.generation == generation
    assert generation_of(found.population) == 1
    assert found.folder == f"analytics/{folder}"


def test_a_report_is_current_if_it_answers_the_question_from_these_generations(
    state: DirectoryStore,
) -> None:
    now, before = pinned(state), pinned(state, AsOf(generation=1))
    question = {"survey": "pr"}
    state.put(f"{now.folder}a.parquet", b"")
    outputs = {"a.parquet": {"bytes": 0, "sha256": sha256().hexdigest()}}
    report = {
        "version": VERSION,
        "folder": now.folder,
        "question": question,
        "inputs": now.inputs(),
        "outputs": outputs,
    }
    assert is_current(state, report, now, question)
    assert not is_current(state, report, before, question)
    assert not is_current(state, report, now, {"survey": "cu"})
    for inputs in (None, 7, {}, {"survey": now.inputs()["survey"]}, {"survey": 1}):
        assert not is_current(state, report | {"inputs": inputs}, now, question)
    assert not is_current(state, report | {"outputs": {}}, now, question)
    assert not is_current(state, report | {"version": VERSION - 1}, now, question)
    state.put(f"{now.folder}a.parquet", b"another report's")
    assert not is_current(state, report, now, question)


def test_an_unchanged_report_is_found_current_with_few_requests(
    server: SampleServer, lake: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror(server, lake)
    take_population(server, lake)
    made = make_report(lake, Request())
    watched, calls = recorded(lake)

    assert current_report(watched, Request()) is not None

    # Of either log a LIST and a GET (two, where there is a parent); of the report a LIST and a GET.
    assert len([verb for verb, _ in calls if verb != "open"]) == 6
    assert len([verb for verb, _ in calls if verb == "open"]) == len(made.report["outputs"])
    calls.clear()
    monkeypatch.setattr(report_folders, "HASHED", 0)  # large outputs: by their sizes in one LIST
    assert current_report(watched, Request()) is not None
    assert ("list", made.folder) in calls
    assert [verb for verb, _ in calls if verb == "open"] == []
    lake.put(f"{made.folder}report.html", b"another's")
    assert current_report(lake, Request()) is None


@pytest.mark.parametrize(("seconds", "paired"), [(60, True), (3601, False)])
def test_the_first_generation_is_paired_with_a_first_population_of_within_an_hour(
    server: SampleServer, lake: DirectoryStore, seconds: int, *, paired: bool
) -> None:
    clock = Clock(NOON)
    mirror(server, lake, clock)
    clock.moment += timedelta(seconds=seconds)
    take_population(server, lake, clock)
    if paired:
        found = pinned(lake, AsOf(generation=1))
        assert generation_of(found.population) == found.survey.manifest.generation == 1
    for as_of in (AsOf(moment=NOON), *([] if paired else [AsOf(generation=1)])):
        with pytest.raises(Misuse, match="before the first generation of census"):
            pinned(lake, as_of)
