"""What one generation of a lake revised of another, as it is kept and shown."""

import json
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from blsquest.core.errors import Corrupt, Misuse
from blsquest.products.revisions import revise
from tests.support.lakes import PR, contents
from tests.support.pasts import CURRENT, TITLE, Past, data

FOLDER = "analytics/revisions/pr/00000002/"
OLD = data(("PRS1", 2024, "Q01", "1.5", ""), ("PRS1", 2024, "Q02", "2", ""))
NEW = data(("PRS1", 2024, "Q01", "1.75", "R"), ("PRS1", 2024, "Q02", "2", ""))


@pytest.fixture
def two(past: Past) -> Past:
    """A release, and the next."""
    past.release(Current=OLD)
    past.release(Current=NEW)
    return past


def parquet(past: Past, key: str) -> pl.DataFrame:
    return pl.read_parquet(BytesIO(past.store.read(key)))


def test_a_changed_data_file_is_compared_and_its_series_are_in_words(two: Past) -> None:
    revised = revise(two.store, PR, 2)

    assert revised.folder == FOLDER
    rows = parquet(two, f"{FOLDER}revisions.parquet").rows()
    values = (Decimal("1.5"), Decimal("1.75"), Decimal("0.25"))
    assert rows == [(CURRENT, "PRS1", 2024, "Q01", "revised", *values, "", "R", 2)]
    (moved,) = revised.summary["largest"]
    assert (moved["title"], moved["unit"]) == (TITLE, "index (2017=100)")
    assert moved["difference"] == "0.250000000"
    assert TITLE in revised.markdown
    assert "1 value revised, none added, none removed" in revised.sentence()
    assert parquet(two, f"{FOLDER}catalogue.parquet").get_column("title").to_list() == [TITLE]
    assert revised.summary["sample"] is True
    assert "not real statistics" in revised.markdown

    kept = contents(two.store, FOLDER)
    assert json.loads(kept[f"{FOLDER}revisions.json"]) == revised.summary
    names = {f"{name}.parquet" for name in ("revisions", "by_series", "catalogue")}
    assert set(revised.summary["outputs"]) == names
    assert revised.summary["from"]["generation"] == 1
    assert revised.summary["to"]["committed"] == "2025-02-01T12:00:00.000000Z"
    metadata = pl.read_parquet_metadata(BytesIO(kept[f"{FOLDER}revisions.parquet"]))
    assert json.loads(metadata["bls-data-quest:generations"])["to"] == revised.summary["to"]


def test_done_again_it_gives_the_same_bytes(two: Past) -> None:
    revise(two.store, PR, 2)
    first = contents(two.store, "analytics/")

    revise(two.store, PR, 2)
    revise(two.store, PR, 2, since=1)

    assert contents(two.store, "analytics/") == first


def test_any_two_generations_can_be_compared(two: Past) -> None:
    two.release(Current=OLD)

    assert revise(two.store, PR, 3).summary["files"][0]["revised"] == 1
    whole = revise(two.store, PR, 3, since=1)
    assert whole.folder == "analytics/revisions/pr/00000001-00000003/"
    assert whole.summary["files"] == []


def test_a_data_file_without_a_partner_or_without_sense_is_a_note(past: Past) -> None:
    past.release(Current=OLD, **{"data.1.Odd": OLD, "data.2.Gone": OLD})
    past.release(Current=NEW, **{"data.1.Odd": NEW.replace("1.75", "many"), "data.3.New": OLD})

    summary = revise(past.store, PR, 2).summary

    assert [file["file"] for file in summary["files"]] == [CURRENT]
    notes = " ".join(summary["notes"])
    assert "pr.data.1.Odd was not compared" in notes
    assert "pr.data.2.Gone is gone at the source" in notes
    assert "pr.data.3.New is new at the source" in notes


def test_a_data_file_that_returns_is_compared_with_its_last_vintage(past: Past) -> None:
    past.release(Current=OLD, **{"data.1.Odd": OLD})
    past.release(Current=OLD)
    outcome = past.release(Current=OLD, **{"data.1.Odd": NEW})

    assert {c.name: c.change for c in outcome.changes}["pr.data.1.Odd"] == "returned"
    (file,) = revise(past.store, PR, 3).summary["files"]
    assert (file["file"], file["revised"]) == ("pr.data.1.Odd", 1)


def test_a_survey_whose_series_have_no_words_is_compared_all_the_same(past: Past) -> None:
    past.release(Current=OLD, series="other\tcolumns\r\n")
    past.release(Current=NEW, series="other\tcolumns\r\n")

    revised = revise(past.store, PR, 2)

    assert revised.summary["largest"][0]["title"] is None
    assert "no column series_id" in " ".join(revised.summary["notes"])
    assert (
        "| PRS1 | 1st quarter 2024 | 1.50 | 1.75 | +0.25 | +16.7 | unit not stated |"
        in revised.markdown
    )


def test_files_that_overlap_list_one_revision_once(past: Past) -> None:
    past.release(Current=OLD, **{"data.1.AllData": OLD})
    past.release(Current=NEW, **{"data.1.AllData": NEW})

    summary = revise(past.store, PR, 2).summary

    assert [file["revised"] for file in summary["files"]] == [1, 1]
    assert len(summary["largest"]) == 1


@pytest.mark.parametrize(
    ("generation", "since", "said"),
    [
        (1, None, "is the lake's first: nothing lies before it"),
        (9, None, "no generation 9"),
        (2, 9, "no generation 9"),
        (1, 2, "not later than 2"),
        (2, 2, "Both states are generation 2 of bls/pr: nothing changed"),
    ],
)
def test_generations_that_are_not_there_or_not_in_order_are_named(
    two: Past, generation: int, since: int | None, said: str
) -> None:
    with pytest.raises(Misuse, match=said):
        revise(two.store, PR, generation, since)


def test_a_vintage_that_was_altered_is_not_computed_from(two: Past) -> None:
    (vintage, *_) = [s.key for s in two.store.list(f"vintages/{PR}/{CURRENT}/")]
    two.store.put(vintage, b"altered")

    with pytest.raises(Corrupt, match="was altered"):
        revise(two.store, PR, 2)
    assert contents(two.store, "analytics/") == {}


def test_the_real_releases_come_to_the_known_counts(past: Past, shared_data: Path) -> None:
    for release in ("2024-06", "2025-02"):
        past.folder(shared_data / "pr" / release)

    revised = revise(past.store, PR, 2)

    (current, every) = revised.summary["files"]
    assert [current[k] for k in ("added", "revised", "removed")] == [834, 8140, 0]
    assert [every[k] for k in ("added", "revised", "removed")] == [834, 8980, 0]
    assert revised.summary["notes"] == []
    rows = parquet(past, f"{FOLDER}revisions.parquet")
    assert rows.height == 834 + 8140 + 17 + 834 + 8980 + 17
    assert {row["unit"] for row in revised.summary["largest"]} == {"percent", "index (2017=100)"}
