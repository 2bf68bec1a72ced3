"""What an ingest shows of its changes, and what it makes of new data files beside the mirror."""

from typing import Any

import pytest
from prefect.client.schemas.objects import State

from tests.infra.aws import Aws
from tests.support.runs import Runs
from tests.support.s3_servers import S3Server

REVISIONS = "analytics/revisions/pr/00000002/"
TABLES = "tables/bls/pr/observations/metadata/v1.metadata.json"


def test_a_mirror_leaves_a_row_for_each_file_with_its_reason_and_its_vintage(runs: Runs) -> None:
    state = runs.mirror()

    rows = {row["file"]: row for row in runs.table(state, "changes-bls-pr")}
    assert list(rows) == sorted(runs.server.surveys["pr"])
    assert {(row["change"], row["why"]) for row in rows.values()} == {
        ("added", "new at the source")
    }
    tree = runs.tree()
    for name, row in rows.items():
        key = row["vintage"].removeprefix(f"{runs.lake}/")
        assert tree[key] == runs.server.surveys["pr"][name].body
    progress = runs.artifacts(state)["progress"]
    assert (progress.key, progress.data) == ("transfer-bls-pr", 100.0)

    (row,) = runs.table(runs.mirror(), "changes-bls-pr")
    assert (row["outcome"], row["files"], row["generation"]) == ("Unchanged", 12, 1)


def test_a_second_release_shows_and_keeps_what_it_changed_and_revised(runs: Runs) -> None:
    first = runs.mirror()
    runs.server.publish(2)

    state = runs.mirror()

    kinds = {row["file"]: row["change"] for row in runs.table(state, "changes-bls-pr")}
    assert set(kinds.values()) == {"added", "changed", "restamped", "removed"}
    assert "markdown" not in runs.artifacts(first)
    shown = runs.artifacts(state)["markdown"]
    assert shown.key == "revisions-pr"
    assert "Generated sample" in str(shown.data)
    assert "all workers: " in str(shown.data)
    assert "generations 1 to 2" in str(shown.description)
    assert {k.removeprefix(REVISIONS) for k in runs.tree() if k.startswith(REVISIONS)} == {
        "revisions.json",
        "revisions.parquet",
        "by_series.parquet",
        "catalogue.parquet",
    }


def test_a_comparison_that_breaks_is_a_note_and_the_mirror_is_up_to_date(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise MemoryError("no room for *all* of it")

    monkeypatch.setattr("flows.tasks.revise", breaks)
    runs.mirror()
    runs.server.publish(2)

    state = runs.mirror()

    assert (state.name, state.is_completed()) == ("Changed", True)
    assert runs.generations() == 2
    note = str(runs.artifacts(state)["markdown"].data)
    assert "no room for \\*all\\* of it" in note
    assert "The mirror itself is up to date" in note

    runs.server.publish(1)
    unasked = runs.mirror(revisions=False)
    assert unasked.name == "Changed"
    assert "markdown" not in runs.artifacts(unasked)


def note_on_tables(runs: Runs, state: State[Any]) -> str:
    (left,) = [a for a in runs.all_artifacts(state) if a.key == "tables-bls-pr"]
    return str(left.data)


def test_tables_of_a_vintage_that_is_gone_are_promised_only_once_it_is_restored(
    runs: Runs, said: list[str]
) -> None:
    runs.mirror(tables=False)
    (vintage,) = (runs.lake / "vintages/bls/pr/pr.data.0.Current").iterdir()
    vintage.unlink()

    state = runs.mirror()

    assert state.name == "Unchanged"
    for text in (note_on_tables(runs, state), " ".join(said)):
        assert "or a backup. No run makes them before that." in " ".join(text.split())
        assert "next run" not in text
    runs.mirror(recheck=True)
    assert (runs.lake / TABLES).exists()


def test_tables_that_could_not_be_written_are_tried_again_by_the_next_run(runs: Runs) -> None:
    runs.mirror(tables=False)
    (runs.lake / "tables").write_bytes(b"somebody's")

    assert "the next run tries again" in note_on_tables(runs, runs.mirror())

    (runs.lake / "tables").unlink()
    runs.mirror()
    assert (runs.lake / TABLES).exists()


def test_an_unchanged_run_sets_the_table_in_glue_that_an_earlier_one_could_not(
    runs: Runs, moto_s3: S3Server, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_s3.environment.items():
        monkeypatch.setenv(name, value)
    lake = f"s3://{moto_s3.fresh_bucket()}"
    database = lake.removeprefix("s3://")
    monkeypatch.setenv("GLUE_DATABASE", database)

    state = runs.mirror(lake=lake)

    assert (state.name, state.is_completed()) == ("Changed", True)
    assert f"There is no Glue database {database}" in note_on_tables(runs, state)
    assert any("the next run sets Glue's again" in line for line in said)
    glue = Aws(moto_s3.endpoint).client("glue")
    glue.create_database(DatabaseInput={"Name": database})
    assert runs.mirror(lake=lake).name == "Unchanged"
    table = glue.get_table(DatabaseName=database, Name="pr")["Table"]
    assert (
        table["Parameters"]["metadata_location"]
        == f"{lake}/tables/bls/pr/observations/metadata/v1.metadata.json"
    )

    said.clear()
    runs.mirror(lake=lake)
    assert not any("tables" in line for line in said)
