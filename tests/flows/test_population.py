"""How runs of `population` end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.faults import Fault, html_page

if TYPE_CHECKING:
    from tests.support.runs import Runs


def test_the_population_is_filed_under_its_day_and_then_unchanged(runs: Runs) -> None:
    states = [runs.population(), runs.population()]

    assert [s.name for s in states] == ["Changed", "Unchanged"]
    (key,) = [k for k in runs.tree() if k.startswith("census/")]
    assert key.endswith("/census.json")


def test_a_population_that_is_a_web_page_is_refused_and_the_last_good_one_stays(
    runs: Runs,
) -> None:
    runs.population()
    before = runs.tree()
    runs.server.faults = [Fault(html_page())]

    state = runs.population()

    assert state.name == "Refused"
    assert "web page" in str(state.message)
    assert runs.tree() == before
