"""What a run leaves in the dashboard: its name, tables, answers, progress and events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from flows.dashboard import as_text, from_text

if TYPE_CHECKING:
    import pytest
    from prefect.client.schemas.objects import State

    from tests.support.runs import Runs


def test_a_mirror_leaves_a_row_for_each_file_with_its_reason_and_the_link_to_its_vintage(
    runs: Runs,
) -> None:
    state = runs.mirror()

    rows = runs.table(state)
    assert [row["file"] for row in rows] == sorted(runs.server.surveys["pr"])
    assert {row["change"] for row in rows} == {"added"}
    assert {row["why"] for row in rows} == {"new at the source"}
    tree = runs.tree()
    for row in rows:
        key = row["vintage"].removeprefix(f"{runs.lake}/")
        assert tree[key] == runs.server.surveys["pr"][row["file"]].body
    assert runs.artifacts(state)["table"].description == state.message


def test_an_unchanged_mirror_leaves_one_row_that_says_so(runs: Runs) -> None:
    runs.mirror()

    (row,) = runs.table(runs.mirror())

    assert (row["outcome"], row["files"], row["generation"]) == ("Unchanged", 12, 1)


def word_on_tables(runs: Runs, state: State[Any]) -> str:
    (told,) = [a for a in runs.all_artifacts(state) if a.key == "tables-bls-pr"]
    return str(told.data)


def test_tables_of_a_vintage_that_is_gone_are_promised_only_once_it_is_restored(
    runs: Runs, caplog: pytest.LogCaptureFixture
) -> None:
    runs.mirror(tables=False)
    (vintage,) = (runs.lake / "vintages/bls/pr/pr.data.0.Current").iterdir()
    vintage.unlink()

    state = runs.mirror()

    assert state.name == "Unchanged"
    for said in (word_on_tables(runs, state), caplog.text):
        assert "or a backup. No run makes them before that." in " ".join(said.split())
        assert "next run" not in said
    runs.mirror(recheck=True)
    assert (runs.lake / "tables/bls/pr/tables.json").exists()


def test_tables_that_could_not_be_written_are_tried_again_by_the_next_run(runs: Runs) -> None:
    runs.mirror(tables=False)
    (runs.lake / "tables").write_bytes(b"somebody's")

    assert "the next run tries again" in word_on_tables(runs, runs.mirror())

    (runs.lake / "tables").unlink()
    runs.mirror()
    assert (runs.lake / "tables/bls/pr/tables.json").exists()


@given(st.text(st.characters(exclude_characters="\N{WORD JOINER}", exclude_categories=["Cs"])))
@example(r"\[a](https://x) www.y & <b> \\<")
def test_a_tables_text_is_read_again_as_it_was(text: str) -> None:
    rows = [{"cell": text, "number": 1}]
    assert from_text(as_text(rows)) == rows


def test_a_transfer_leaves_its_progress_at_the_end(runs: Runs) -> None:
    progress = runs.artifacts(runs.mirror())["progress"]

    assert progress.key == "transfer-bls-pr"
    assert progress.data == 100.0


def test_a_report_leaves_the_three_answers_as_markdown(runs: Runs) -> None:
    runs.mirror()
    runs.population()

    text = str(runs.artifacts(runs.report())["markdown"].data)

    for words in ("US population, 2013-2018", "mean", "Best year", "PRS30006032", "| Q01 |"):
        assert words.lower() in text.lower()


def test_a_pipeline_leaves_a_row_for_each_part(runs: Runs) -> None:
    rows = runs.table(runs.pipeline())

    assert [(row["part"], row["outcome"]) for row in rows] == [
        ("bls/pr", "Changed"),
        ("census", "Changed"),
        ("report", "Changed"),
    ]


def test_a_pipeline_with_a_part_that_failed_says_which_and_what_to_do(runs: Runs) -> None:
    runs.server.surveys["pr"].clear()

    rows = runs.table(runs.pipeline())

    assert [(row["part"], row["outcome"]) for row in rows] == [
        ("census", "Changed"),
        ("error", "Refused"),
    ]
    assert "listing" in rows[1]["what"]


def test_runs_are_named_by_what_they_did_and_for_which_day(runs: Runs) -> None:
    day = f"{datetime.now(UTC):%Y-%m-%d}"

    pipeline = runs.pipeline()
    past = runs.report(as_of="1")

    assert runs.flow_run(pipeline).name == f"pipeline pr {day}"
    children = [run.name for run in runs.children(pipeline)]
    assert children == [f"mirror pr {day}", f"population {day}", f"report pr {day}"]
    assert runs.flow_run(past).name == "report pr generation 1"


def test_a_change_is_an_event_that_says_who_ran_it(runs: Runs) -> None:
    runs.mirror()
    itself = runs.event("bls.changed")
    runs.server.publish(2)
    runs.pipeline()
    of_population = runs.event("population.changed")
    by_pipeline = runs.events("bls.changed")[-1]

    assert itself["resource"]["by"] == "itself"
    assert itself["resource"]["prefect.resource.id"] == "bls-data-quest.bls.pr"
    assert itself["payload"]["generation"] == 1
    assert {c["change"] for c in itself["payload"]["changes"]} == {"added"}
    assert by_pipeline["resource"]["by"] == "pipeline"
    assert by_pipeline["payload"]["generation"] == 2
    assert of_population["resource"]["by"] == "pipeline"
    assert of_population["resource"]["prefect.resource.id"] == "bls-data-quest.census"


def test_a_run_without_a_change_emits_no_event(runs: Runs) -> None:
    runs.mirror()
    runs.event("bls.changed")
    runs.mirror()
    runs.restamp("pr.class")
    restamped = runs.mirror()
    runs.population()
    runs.event("population.changed")  # events arrive in order: an earlier one would be here

    assert restamped.name == "Restamped"
    assert len(runs.events("bls.changed")) == 1


def test_a_report_leaves_a_chart_its_checks_the_best_years_and_where_its_files_are(
    runs: Runs,
) -> None:
    runs.mirror()
    runs.population()

    left = {str(artifact.key): str(artifact.data) for artifact in runs.all_artifacts(runs.report())}

    assert left.keys() == {"report-pr", "checks-pr", "best-years-pr"}
    text = left["report-pr"].replace("\\", "")
    assert text.startswith(f"From {runs.lake}: generation 1 of bls/pr, committed ")
    assert "generation 1 of census, committed " in text.splitlines()[0]
    assert "](data:image/svg+xml;base64," in text
    folder = f"{runs.lake}/analytics/{datetime.now(UTC):%Y-%m-%d}/"
    for name in ("report.html", "report.json", "best_year.parquet"):
        assert f"- {folder}{name}" in text
    checks = json.loads(left["checks-pr"])
    assert {row["kind"] for row in checks} == {"required", "advisory"}
    assert {row["result"] for row in checks} <= {"passed", "skipped"}
    best = json.loads(left["best-years-pr"])
    report = json.loads(runs.tree()[f"analytics/{datetime.now(UTC):%Y-%m-%d}/report.json"])
    rows = report["answers"]["best_year"]["rows"]
    assert [(row["series"], row["best year"], row["in words"]) for row in best] == [
        (row["series_id"], row["year"], row["title"] or "") for row in rows
    ]


def test_what_was_asked_of_the_past_or_otherwise_never_passes_for_todays_answer(
    runs: Runs,
) -> None:
    runs.mirror()
    runs.population()
    keys = {
        given: {str(a.key) for a in runs.all_artifacts(runs.report(**dict([given])))}
        for given in (("as_of", "1"), ("ddof", 0))
    }

    assert keys["as_of", "1"] == {"report-pr-as-of", "checks-pr-as-of", "best-years-pr-as-of"}
    assert keys["ddof", 0] == {"report-pr-asked", "checks-pr-asked", "best-years-pr-asked"}


def test_a_report_that_stands_leaves_nothing_new(runs: Runs) -> None:
    runs.mirror()
    runs.population()
    runs.report()

    again = runs.report()

    assert again.name == "Unchanged"
    assert runs.all_artifacts(again) == []
