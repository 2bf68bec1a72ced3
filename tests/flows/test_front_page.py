"""Who makes the front page: the run that nobody else started, at its end, if anything changed."""

from typing import Any

import pytest
from prefect.client.schemas.objects import State

from blsquest.lake.record import read_record, write_record
from blsquest.lake.stores.directory import DirectoryStore
from tests.support.lakes import PR
from tests.support.runs import Runs

TASK = "front page"


def page(runs: Runs) -> str:
    return (runs.lake / "index.html").read_text()


def made_by(runs: Runs, state: State[Any]) -> bool:
    return TASK in runs.tasks(state)


def test_a_pipeline_makes_it_once_after_its_report_and_its_parts_do_not(runs: Runs) -> None:
    state = runs.pipeline()

    assert made_by(runs, state)
    assert "analytics/" in page(runs)
    assert "/report.html" in page(runs)
    assert (runs.lake / "feed.xml").exists()
    before = runs.tree()
    again = runs.pipeline()
    assert again.name == "Unchanged"
    assert not made_by(runs, again)
    assert runs.tree() == before


def test_each_flow_alone_makes_it_where_it_changed_something(runs: Runs) -> None:
    assert made_by(runs, runs.mirror())
    assert "No report was made yet" in page(runs)
    assert not made_by(runs, runs.mirror())
    assert made_by(runs, runs.population())
    assert "census/" in page(runs)
    assert made_by(runs, runs.report())
    assert "/report.html" in page(runs)
    assert not made_by(runs, runs.report())
    assert not made_by(runs, runs.pipeline())


def breaks(*_: object) -> None:
    raise MemoryError("no room for it")


def test_a_page_that_fails_is_a_warning_and_is_made_by_the_next_run_though_nothing_changed(
    runs: Runs, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.mirror(dry_run=True)
    assert not runs.lake.exists()
    with monkeypatch.context() as patched:
        patched.setattr("flows.tasks.make_front_page", breaks)
        state = runs.mirror()
    assert (state.name, state.is_completed()) == ("Changed", True)
    assert any("The front page was not made: no room for it" in line for line in said)
    assert not (runs.lake / "index.html").exists()

    assert runs.mirror().name == "Unchanged"

    assert (runs.lake / "index.html").exists()

    # A pipeline makes the page that a report alone could not.
    runs.population()
    with monkeypatch.context() as patched:
        patched.setattr("flows.tasks.make_front_page", breaks)
        runs.report()
    assert "/report.html" not in page(runs)

    assert runs.pipeline().name == "Unchanged"

    assert "/report.html" in page(runs)


def test_an_unchanged_run_of_a_lake_of_an_earlier_release_makes_it(runs: Runs) -> None:
    runs.mirror()
    store = DirectoryStore(runs.lake)
    record = read_record(store, PR)
    record.made = {name: made for name, made in record.made.items() if name == "tables"}
    write_record(store, PR, record)
    for name in ("index.html", "feed.xml"):
        (runs.lake / name).unlink()

    assert runs.mirror().name == "Unchanged"

    assert "US productivity" in page(runs)


def test_somebodys_own_page_is_left_and_reported_once(runs: Runs, said: list[str]) -> None:
    runs.lake.mkdir(parents=True, exist_ok=True)
    (runs.lake / "index.html").write_text("<h1>Our bucket</h1>")

    runs.mirror()
    runs.mirror()

    assert page(runs) == "<h1>Our bucket</h1>"
    assert sum("left alone" in line for line in said) == 1
