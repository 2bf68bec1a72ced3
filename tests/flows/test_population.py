"""How runs of `population` end."""

from tests.support.runs import Runs


def test_the_population_is_filed_under_its_day_and_then_unchanged(runs: Runs) -> None:
    states = [runs.population(), runs.population()]

    assert [s.name for s in states] == ["Changed", "Unchanged"]
    (key,) = [k for k in runs.tree() if k.startswith("census/")]
    assert key.endswith("/census.json")
