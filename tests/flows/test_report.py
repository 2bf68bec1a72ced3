"""How runs of `report` end, and what they leave in the dashboard."""

import json
from datetime import UTC, datetime

import pytest

from tests.support.runs import Runs


@pytest.fixture
def mirrored(runs: Runs) -> Runs:
    """A lake that holds both sources."""
    runs.mirror()
    runs.population()
    return runs


def test_a_report_on_an_empty_lake_says_that_it_must_be_mirrored_first(runs: Runs) -> None:
    state = runs.report()

    assert state.name == "Failed"
    assert f"There is no lake at {runs.lake}" in str(state.message)
    assert "mirror something first" in str(state.message)


def test_a_report_leaves_its_answers_checks_best_years_and_where_its_files_are(
    mirrored: Runs,
) -> None:
    left = {str(a.key): str(a.data) for a in mirrored.all_artifacts(mirrored.report())}

    assert left.keys() == {"report-pr", "checks-pr", "best-years-pr"}
    text = left["report-pr"].replace("\\", "")
    assert text.startswith(f"From {mirrored.lake}: generation 1 of bls/pr, committed ")
    assert "generation 1 of census, committed " in text.splitlines()[0]
    assert "](data:image/svg+xml;base64," in text
    for words in ("US population, 2013-2018", "mean", "Best year", "PRS30006032, 1st quarter:"):
        assert words.lower() in text.lower()
    folder = f"analytics/{datetime.now(UTC):%Y-%m-%d}/"
    for name in ("report.html", "report.json", "best_year.parquet"):
        assert f"- {mirrored.lake}/{folder}{name}" in text
    checks = json.loads(left["checks-pr"])
    assert {row["kind"] for row in checks} == {"required", "advisory"}
    assert {row["result"] for row in checks} == {"passed", "skipped"}
    rows = json.loads(mirrored.tree()[f"{folder}report.json"])["answers"]["best_year"]["rows"]
    assert [
        (row["series"], row["best year"], row["in words"])
        for row in json.loads(left["best-years-pr"])
    ] == [(row["series_id"], row["year"], row["title"] or "") for row in rows]


def test_a_past_state_and_another_question_never_pass_for_todays_answer(mirrored: Runs) -> None:
    past = mirrored.report(as_of="1")
    keys = [
        {str(artifact.key) for artifact in mirrored.all_artifacts(state)}
        for state in (past, mirrored.report(ddof=0))
    ]

    assert mirrored.flow_run(past).name == "Report on pr, generation 1"
    assert keys == [
        {f"report-pr-{of}", f"checks-pr-{of}", f"best-years-pr-{of}"} for of in ("as-of", "asked")
    ]


def test_a_report_that_names_the_newest_generations_is_not_made_again(mirrored: Runs) -> None:
    mirrored.report()

    again = mirrored.report(survey=" PR ")

    assert again.name == "Unchanged"
    assert mirrored.all_artifacts(again) == []
