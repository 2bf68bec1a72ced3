"""An ingest that ran alone and found something new lets one report follow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.runs import Run, runs_of, soon, start

if TYPE_CHECKING:
    from tests.e2e.conftest import Interrupted
    from tests.e2e.stage import Stage


@pytest.fixture(scope="module")
def reports(interrupted: Interrupted) -> tuple[Run, Run]:
    """The report that follows the mirror's change, and one that is asked for meanwhile."""
    assert interrupted.spot.state.name == "Changed"
    assert interrupted.killed.state.name == "Unchanged"
    soon(lambda: runs_of("report/on-change"), "report after a change")
    asked_for = start("report/on-change")
    (first,) = (run for run in runs_of("report/on-change") if run != asked_for)
    return first, asked_for


def test_one_report_follows_and_it_is_on_the_new_generation(
    stage: Stage, reports: tuple[Run, Run]
) -> None:
    first, asked_for = reports

    assert first.ends().name == "Changed"
    newest = max(s.key for s in stage.lake.list("analytics/") if s.key.endswith("/report.json"))
    assert json.loads(stage.lake.read(newest))["inputs"]["survey"]["generation"] == 2
    asked_for.ends()
    assert runs_of("report/on-change") == [first, asked_for]


def test_a_second_report_waits_for_the_first_and_then_has_nothing_to_do(
    reports: tuple[Run, Run],
) -> None:
    first, asked_for = reports

    assert asked_for.ends().name == "Unchanged"
    assert "AwaitingConcurrencySlot" in asked_for.names
    began, ended = asked_for.now.start_time, first.now.end_time
    assert began is not None
    assert ended is not None
    assert began >= ended
