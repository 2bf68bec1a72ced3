"""Many surveys in one process: what is selected, what one's failure does to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from blsquest.sources.sample.pages import published
from tests.support.faults import Fault, html_page, status, truncate
from tests.support.lakes import LONG_AGO
from tests.support.prefect_server import eventually

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from flows.fleet import Fleet
    from flows.results import Result
    from tests.support.runs import Runs


@pytest.fixture
def bls(runs: Runs) -> Runs:
    """BLS with three small surveys beside `pr`, and a folder that holds none."""
    for code in ("ce", "cu", "la", "compressed"):
        bodies = {f"{code}.data.1.All": b"numbers of " + code.encode(), f"{code}.txt": b"words"}
        runs.server.surveys[code] = {
            name: published(body, LONG_AGO, generated=True) for name, body in bodies.items()
        }
    return runs


def fleet(state: State[Any]) -> Fleet:
    found = cast("Result", state.result(raise_on_failure=False)).fleet
    assert found is not None
    return found


def outcomes(state: State[Any]) -> dict[str, str]:
    return {row.survey: row.outcome for row in fleet(state).rows}


def test_patterns_select_the_surveys_that_are_mirrored(bls: Runs) -> None:
    state = bls.surveys(patterns=["c*", "la", "-cu"])

    assert (state.name, state.is_completed()) == ("Changed", True)
    assert outcomes(state) == {"ce": "Changed", "la": "Changed"}
    assert {key.split("/")[1] for key in bls.tree() if key.startswith("bls/")} == {"ce", "la"}


def test_a_second_run_asks_for_the_root_and_one_listing_a_survey(bls: Runs) -> None:
    bls.surveys(patterns=["all"])
    before = bls.asked()

    state = bls.surveys(patterns=["all"])

    assert state.name == "Unchanged"
    assert bls.asked() - before == 1 + 4
    assert {row.source_requests for row in fleet(state).rows} == {1}


def test_a_survey_that_fails_stops_no_other_and_is_named_to_run_again(bls: Runs) -> None:
    bls.server.faults = [
        Fault(status(404), path="*/cu/"),
        Fault(html_page(), path="*/la/"),
    ]

    state = bls.surveys(patterns=["all"])

    assert (state.name, state.is_failed()) == ("Incomplete", True)
    assert outcomes(state) == {"ce": "Changed", "cu": "Failed", "la": "Refused", "pr": "Changed"}
    said = str(state.message)
    assert "2 of 4 surveys are not up to date: cu (Failed), la (Refused)." in said
    assert "There is no survey 'cu'" in said
    assert "The others are up to date. Run the same again for these alone: " in said
    assert "alone: --survey cu --survey la (a refused one only after a look at why)." in said
    assert fleet(state).as_dict()["run_again"] == ["cu", "la"]


@pytest.mark.usefixtures("impatient")
def test_what_fails_for_a_while_beside_others_is_had_as_a_task_and_nothing_else_is_one(
    bls: Runs,
) -> None:
    """Four requests are one try; a task has three, as in a run of one survey."""
    bls.server.faults = [
        Fault(status(503), path="*/cu/", times=4),
        Fault(truncate(3), path="*/ce.txt", times=4),
    ]

    state = bls.surveys(patterns=["all"], tables=False)

    assert state.name == "Changed"
    eventually(lambda: bls.tasks(state) == ["ce.txt", "list bls/cu"], "those two tasks")


def test_the_dashboard_has_one_row_a_survey(bls: Runs) -> None:
    bls.server.faults = [Fault(status(404), path="*/cu/")]

    rows = {row["survey"]: row for row in bls.table(bls.surveys(patterns=["c*"]), "surveys")}

    assert set(rows) == {"ce", "cu"}
    assert (rows["ce"]["outcome"], rows["ce"]["files"], rows["ce"]["bytes"]) == ("Changed", 2, 18)
    assert rows["ce"]["source_requests"] == 1 + 2 + 1
    assert rows["cu"]["outcome"] == "Failed"
    assert "404" in rows["cu"]["what"]


def test_no_pattern_fails_and_tells_which_surveys_there_are(bls: Runs) -> None:
    state = bls.surveys()

    assert state.name == "Failed"
    assert "The surveys are: ce cu la pr." in str(state.message)
    assert not bls.lake.exists()


def test_a_dry_run_plans_for_each_survey_and_changes_nothing(bls: Runs) -> None:
    state = bls.surveys(patterns=["c*"], dry_run=True)

    assert state.message == "2 surveys: 2 planned. Nothing was changed: a dry run."
    assert all("would ask for 2 of its files" in row.what for row in fleet(state).rows)
    assert {row["outcome"] for row in bls.table(state, "surveys")} == {"planned"}
    assert (state.name, state.is_completed()) == ("planned", True)
    assert not bls.lake.exists()


def test_what_a_dry_run_could_not_plan_for_is_not_said_to_be_out_of_date(bls: Runs) -> None:
    bls.server.faults = [Fault(status(404), path="*/cu/")]

    state = bls.surveys(patterns=["c*"], dry_run=True)

    assert state.name == "Incomplete"
    assert "1 of 2 surveys is not planned for: cu (Failed)." in str(state.message)
    assert "others" not in str(state.message)


def test_when_all_fail_nothing_is_said_of_others(bls: Runs) -> None:
    bls.server.faults = [Fault(status(404), path="*/c?/")]

    said = str(bls.surveys(patterns=["c*"]).message)

    assert "2 of 2 surveys are not up to date: ce (Failed), cu (Failed)." in said
    assert "others" not in said


def test_a_survey_that_bls_no_longer_lists_is_named_and_kept_as_it_is(bls: Runs) -> None:
    bls.surveys(patterns=["all"])
    kept = {key: body for key, body in bls.tree().items() if "/ce/" in key}
    del bls.server.surveys["ce"]

    state = bls.surveys(patterns=["all", "-pr"])

    assert state.is_completed()
    assert "ce is no longer listed at BLS: kept as it is." in str(state.message)
    (table,) = [a for a in bls.all_artifacts(state) if a.key == "surveys"]
    assert "ce is no longer listed at BLS" in str(table.description)
    assert fleet(state).as_dict()["unlisted"] == ["ce"]
    assert outcomes(state) == {"cu": "Unchanged", "la": "Unchanged"}
    assert {key: body for key, body in bls.tree().items() if "/ce/" in key} == kept
    assert "listed" not in str(bls.surveys(patterns=["la"]).message)


def test_sub_directories_are_refused_by_name_and_the_files_mirrored_when_allowed(
    bls: Runs,
) -> None:
    bls.server.surveys["la/maps"] = {"la.map": published(b"a map", LONG_AGO, generated=True)}

    refused = bls.surveys(patterns=["la"])
    allowed = bls.surveys(patterns=["la"], allow=["subdirectories"])

    assert "maps/" in str(refused.message)
    assert outcomes(refused) == {"la": "Refused"}
    assert (allowed.name, fleet(allowed).rows[0].files) == ("Changed", 2)


def test_each_survey_that_changed_says_so_in_an_event_for_the_reports_trigger(bls: Runs) -> None:
    bls.surveys(patterns=["cu"])

    event = bls.event("bls.changed")

    assert event["payload"]["source"] == "bls/cu"
    assert event["resource"]["by"] == "itself"
