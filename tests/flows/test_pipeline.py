"""The pipeline: both ingests one after the other, and a report where one is due."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.support.faults import Fault, html_page, status
from tests.support.runs import Runs, result_of


def _report(runs: Runs) -> dict[str, Any]:
    (key,) = [k for k in runs.tree() if k.endswith("report.json")]
    report: dict[str, Any] = json.loads(runs.tree()[key])
    return report


def test_a_first_pipeline_mirrors_both_sources_and_reports_on_them(runs: Runs) -> None:
    state = runs.tagged_pipeline("bls-data-quest", "ingest")

    day = f"{datetime.now(UTC):%Y-%m-%d}"
    assert (state.name, state.is_completed()) == ("Changed", True)
    assert runs.flow_run(state).name == f"Mirror and report pr, {day}"
    parts = runs.children(state)
    assert [p.name for p in parts] == [
        f"{what}, {day}" for what in ("Mirror pr", "Report on pr", "US population")
    ]
    # The parts carry its tags, by which automations know them; their tasks ask for no slots.
    assert [set(part.tags) for part in parts] == [{"bls-data-quest", "ingest"}] * 3
    tasks = [task for part in parts for task in runs._tasks(part.id)]
    assert {len(task.tags) for task in tasks} == {0}
    (page,) = runs.all_artifacts(state)
    shown = str(page.data).replace("\\", "")
    for said in ("bls/pr (sample) Changed", "census (sample) Changed", "Report (generated"):
        assert f"\n- {said}" in shown
    assert "mean and standard deviation" in shown
    assert "(../key/report-pr)" in shown
    mirrored, reported, people = parts
    times = [t for p in (mirrored, people, reported) for t in (p.start_time, p.end_time) if t]
    assert times == sorted(times)
    result = result_of(state)
    assert [o.source for o in result.ingests] == ["bls/pr", "census"]
    assert result.report is not None
    inputs = _report(runs)["inputs"]
    assert {role: i["generation"] for role, i in inputs.items()} == {"survey": 1, "population": 1}
    outputs = {k.rpartition("/")[2] for k in runs.tree() if k.startswith("analytics/")}
    tables = ("best_year", "bls_census_stats", "catalogue", "latest", "population_statistics")
    assert outputs == {
        *(f"{n}.{e}" for n in (*tables, "series_population") for e in ("csv", "parquet")),
        "report.html",
        "report.json",
    }


def test_a_second_pipeline_starts_no_report_unless_the_first_one_s_was_altered(runs: Runs) -> None:
    runs.pipeline()
    before = runs.tree()

    state = runs.pipeline()

    assert state.name == "Unchanged"
    assert [run.name.partition(",")[0] for run in runs.children(state)] == [
        "Mirror pr",
        "US population",
    ]
    assert runs.tree() == before

    # A report beside another one's file is made again without a change at the source.
    (page,) = (key for key in before if key.endswith("report.html"))
    (runs.lake / page).write_bytes(b"another report's")
    again = runs.pipeline()
    report = result_of(again).report
    assert report is not None
    assert (again.name, report.name) == ("Repaired", "Repaired")
    assert runs.tree() == before


def test_a_report_lost_between_commit_and_event_is_made_by_the_next_pipeline(runs: Runs) -> None:
    runs.mirror()
    runs.population()

    state = runs.pipeline()

    result = result_of(state)
    assert [o.name for o in result.ingests] == ["Unchanged", "Unchanged"]
    assert result.report is not None
    assert result.report.name == "Changed"


def test_a_failed_population_stops_neither_the_survey_nor_the_report_on_the_last_good_state(
    runs: Runs,
) -> None:
    runs.pipeline()
    runs.server.publish(2)
    runs.server.faults = [Fault(html_page(), path="*data.jsonrecords")]

    state = runs.pipeline()

    assert (state.name, state.is_failed()) == ("Refused", True)
    assert "web page" in str(state.message)
    result = result_of(state)
    assert [(o.source, o.name) for o in result.ingests] == [("bls/pr", "Changed")]
    inputs = _report(runs)["inputs"]
    assert {role: i["generation"] for role, i in inputs.items()} == {"survey": 2, "population": 1}


def test_a_failed_survey_stops_neither_the_population_nor_the_report(runs: Runs) -> None:
    runs.mirror()
    runs.server.faults = [Fault(status(403), path="*/pr/")]

    state = runs.pipeline()

    assert (state.name, state.is_failed()) == ("Failed", True)
    assert "403" in str(state.message)
    result = result_of(state)
    assert [(o.source, o.name) for o in result.ingests] == [("census", "Changed")]
    assert result.report is not None
    assert result.report.name == "Changed"


def test_when_both_ingests_fail_on_an_empty_lake_only_their_errors_are_shown_the_worst_first(
    runs: Runs,
) -> None:
    runs.server.faults = [
        Fault(html_page(), path="*data.jsonrecords"),
        Fault(status(403), path="*/pr/"),
    ]

    state = runs.pipeline()

    result = result_of(state)
    assert (state.name, result.ingests, result.report) == ("Failed", (), None)
    assert [type(e).__name__ for e in result.errors] == ["SourceError", "Refused"]
    (page,) = runs.all_artifacts(state)
    said = [line.partition(":")[0] for line in str(page.data).splitlines() if line[:2] == "- "]
    assert said == ["- **Failed**", "- **Refused**"]
    assert not runs.lake.exists()


def test_a_survey_that_is_refused_keeps_no_other_from_its_report(runs: Runs) -> None:
    runs.server.surveys["cu"] = {"cu.area": runs.server.surveys["pr"]["pr.txt"]}

    state = runs.pipeline(surveys=["PR", "cu"])

    assert state.name == "Incomplete"
    assert "cu (Refused)" in str(state.message)
    reports = {row.survey: (row.outcome, row.what) for row in result_of(state).reports}
    assert reports["pr"] == ("Changed", "")
    assert reports["cu"][0] == "Skipped"
    assert "has no generation of bls/cu yet" in reports["cu"][1]


def test_a_past_state_is_reported_on_without_asking_any_publisher(runs: Runs) -> None:
    runs.pipeline()
    runs.server.publish(2)
    runs.pipeline()
    asked = runs.asked()

    state = runs.pipeline(as_of="2")

    assert state.is_completed()
    assert runs.asked() == asked
    assert [run.name for run in runs.children(state)] == ["Report on pr, generation 2"]


def test_a_lake_of_the_other_kind_is_refused_without_its_answers(runs: Runs) -> None:
    runs.pipeline()
    for source in ("bls/pr", "census"):
        manifest = runs.lake / "manifests" / source / "00000001.json"
        text = manifest.read_text()
        assert '"sample": true' in text
        manifest.write_text(text.replace('"sample": true', '"sample": false'))
        (runs.lake / "state" / source / "view.json").unlink()

    state = runs.pipeline()

    assert state.name == "Refused"
    assert {type(e).__name__ for e in result_of(state).errors} == {"Mixed"}
    assert result_of(state).report is None
    assert not [run for run in runs.children(state) if run.name.startswith("Report")]


def test_a_dry_pipeline_plans_both_ingests_and_changes_nothing(runs: Runs) -> None:
    state = runs.pipeline(dry_run=True)

    assert state.is_completed()
    assert {state.name, *(run.state_name for run in runs.children(state))} == {"planned"}
    assert "would ask for 12 of its files" in str(state.message)
    assert "would ask for 1 of its files" in str(state.message)
    assert not runs.lake.exists()
