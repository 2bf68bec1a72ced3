"""What a run of `mirror` says of the values that a release revised."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.support.runs import Runs

FOLDER = "analytics/revisions/pr/00000002/"


def test_a_changed_run_keeps_and_shows_what_was_revised(runs: Runs) -> None:
    first = runs.mirror()
    runs.server.publish(2)

    state = runs.mirror()

    assert "markdown" not in runs.artifacts(first)
    shown = runs.artifacts(state)["markdown"]
    assert shown.key == "revisions-pr"
    assert "Generated sample" in str(shown.data)
    assert "all workers: " in str(shown.data)
    assert "generations 1 to 2" in str(shown.description)
    assert {k.removeprefix(FOLDER) for k in runs.tree() if k.startswith(FOLDER)} == {
        "revisions.json",
        "revisions.parquet",
        "by_series.parquet",
        "catalogue.parquet",
    }


def test_it_can_be_switched_off(runs: Runs) -> None:
    runs.mirror()
    runs.server.publish(2)

    state = runs.mirror(revisions=False)

    assert state.name == "Changed"
    assert "markdown" not in runs.artifacts(state)
    assert not any(key.startswith("analytics/") for key in runs.tree())


def test_a_comparison_that_breaks_is_a_note_and_the_mirror_stands(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise MemoryError("no room for *all* of it")

    monkeypatch.setattr("flows.revised.revise_generation", breaks)
    runs.mirror()
    runs.server.publish(2)

    state = runs.mirror()

    assert (state.name, state.is_completed()) == ("Changed", True)
    assert runs.generations() == 2
    note = str(runs.artifacts(state)["markdown"].data)
    assert "no room for \\*all\\* of it" in note
    assert "The mirror itself is up to date" in note
