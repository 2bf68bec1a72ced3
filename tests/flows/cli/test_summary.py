"""What a person reads of a report's checks when a command ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from blsquest.products.report import Reported
from flows.cli.summary import answers_text

if TYPE_CHECKING:
    from collections.abc import Sequence


def last_part(checks: Sequence[bool | None]) -> str:
    """Return the last part of what is said of a report with these checks."""
    made = [{"name": "n", "subject": "s", "passed": p, "detail": "d"} for p in checks]
    population: dict[str, Any] = {"first_year": 2013, "last_year": 2018, "estimate": "ACS"}
    population |= {"mean": 1.0, "std_sample": 1.0, "std_population": 1.0, "ddof": 1}
    answers = {
        "population_statistics": population,
        "best_year": {"by_basis": {}, "series": 0, "tied": 0, "rows": []},
        "series_population": [],
    }
    committed = "2025-08-15T00:00:00Z"
    survey = {"file": "pr.data.0.Current", "generation": 1, "committed": committed}
    inputs = {"survey": survey, "population": {"generation": 1}}
    report = {"answers": answers, "inputs": inputs, "changes": None, "checks": made}
    *_, last = answers_text(Reported("Changed", "analytics/2025-08-15/", report), "./lake")
    return last


@pytest.mark.parametrize(
    ("checks", "first"),
    [
        ([True, True], "Checks: 2 passed"),
        ([True, False], "Checks: 1 passed, 1 failed"),
        ([True, True, None], "Checks: 2 passed, 1 skipped"),
        ([True, False, None, None], "Checks: 1 passed, 1 failed, 2 skipped"),
    ],
)
def test_checks_are_counted_by_their_result_and_those_that_did_not_pass_are_named(
    checks: list[bool | None], first: str
) -> None:
    head, *rest = last_part(checks).splitlines()

    assert head == first
    assert len(rest) == sum(1 for passed in checks if not passed)
