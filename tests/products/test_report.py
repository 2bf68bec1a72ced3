"""One report: when one is made, from which state, and what a bad input leaves behind."""

import csv
import json
import re
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path
from typing import cast

import polars as pl
import pytest

from blsquest.analytics import Ddof
from blsquest.core.errors import Misuse, Refused
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products import report_content
from blsquest.products.question import MOST_PAIRS, Request
from blsquest.products.report import Reported, current_report, make_report
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from tests.support.faults import Fault, edit
from tests.support.lakes import (
    LONG_AGO,
    Clock,
    contents,
    history,
    mirror,
    recorded,
    take_population,
)
from tests.support.pasts import Past, data

TABLES = [
    "best_year",
    "bls_census_stats",
    "catalogue",
    "latest",
    "population_statistics",
    "series_population",
]
FILES = sorted(
    [
        "report.html",
        "report.json",
        *(f"{name}.{ending}" for name in TABLES for ending in ("csv", "parquet")),
    ]
)
ASKED = Request(series="PRS84006112")
"""A series of the sample; the quest's own is not among its invented ones."""
ROOT = ASKED.spelled_out().root()


@pytest.fixture
def clock() -> Clock:
    """Noon of 2025-08-15 until a test moves it."""
    return Clock()


@pytest.fixture
def lake(server: SampleServer, tmp_path: Path, clock: Clock) -> DirectoryStore:
    """A lake with one generation of each source."""
    lake = DirectoryStore(tmp_path / "lake")
    take_population(server, lake, clock)
    mirror(server, lake, clock)
    return lake


def analytics(lake: Store, folder: str = "") -> dict[str, bytes]:
    """Every output in the lake, or in one folder of it."""
    return contents(lake, folder or "analytics/")


# -- When --------------------------------------------------------------------------------------


def test_the_first_report_lies_under_its_day_and_names_its_inputs_and_outputs(
    lake: DirectoryStore, clock: Clock
) -> None:
    reported = make_report(lake, ASKED, now=clock)
    assert (reported.name, reported.folder) == ("Changed", f"{ROOT}2025-08-15/")
    files = analytics(lake)
    assert [key.removeprefix(reported.folder) for key in files] == FILES
    report = json.loads(files[f"{ROOT}2025-08-15/report.json"])
    assert report == reported.report
    assert report["outputs"] == {
        name: {
            "bytes": len(files[reported.folder + name]),
            "sha256": sha256(files[reported.folder + name]).hexdigest(),
        }
        for name in FILES
        if name != "report.json"
    }
    for role, source in (("survey", "bls/pr"), ("population", "census")):
        (generation,) = history(lake, source)
        named = report["inputs"][role]
        assert (named["source"], named["generation"]) == (source, 1)
        assert named["manifest_sha256"] == generation.sha256
        entries = {entry.name: entry.sha256 for entry in generation.manifest.files}
        assert named["sha256"] == entries[named["file"]]
        assert named["sample"] is True


def test_a_report_that_names_the_newest_generations_is_current_on_any_later_day(
    lake: DirectoryStore, clock: Clock
) -> None:
    first = make_report(lake, ASKED, now=clock)
    before = analytics(lake)
    clock.moment += timedelta(days=40)
    watched, calls = recorded(lake, "put", "put_new", "upload", "copy", "delete")
    again = make_report(watched, ASKED, now=clock)
    assert (again.name, again.folder, again.report) == ("Unchanged", first.folder, first.report)
    assert calls == []
    assert analytics(lake) == before
    current = current_report(lake, ASKED)
    assert current is not None
    assert current.report == first.report
    forced = make_report(lake, ASKED, "2025-09-24", now=clock)  # today means now, and is made
    assert (forced.name, forced.folder) == ("Changed", f"{ROOT}2025-09-24/")


@pytest.mark.parametrize("which", ["survey", "population"])
def test_a_report_is_due_when_either_source_has_a_newer_generation(
    server: SampleServer, lake: DirectoryStore, clock: Clock, which: str
) -> None:
    make_report(lake, ASKED, now=clock)
    clock.moment += timedelta(days=1)
    if which == "survey":
        server.publish(2)
        mirror(server, lake, clock)
    else:
        server.faults = [Fault(edit(lambda body: body.replace(b"330108655", b"330108656")))]
        take_population(server, lake, clock)
    assert current_report(lake, ASKED) is None
    reported = make_report(lake, ASKED, now=clock)
    assert (reported.name, reported.folder) == ("Changed", f"{ROOT}2025-08-16/")
    assert reported.report["inputs"][which]["generation"] == 2
    assert make_report(lake, ASKED, now=clock).name == "Unchanged"


def test_another_question_takes_no_reports_place(lake: DirectoryStore, clock: Clock) -> None:
    first = make_report(lake, ASKED, now=clock)
    before = analytics(lake)
    typed = Request("pr", f" {ASKED.series} ", " q02 ", ddof=0, pairs=[f"{ASKED.series} : q01"])
    other = make_report(lake, typed, now=clock)
    asked = other.report["question"]  # as BLS writes it
    assert (asked["series"], asked["period"]) == (ASKED.series, "Q02")
    assert asked["pairs"] == [f"{ASKED.series}:Q01"]
    assert re.fullmatch("analytics/asked/pr/[0-9a-f]{12}/2025-08-15/", other.folder)
    assert other.folder != first.folder
    assert analytics(lake, first.folder) == before
    assert make_report(lake, ASKED, now=clock).name == "Unchanged"


def test_the_usual_question_has_the_days_however_it_is_spelled() -> None:
    spelled = Request(series=" PRS30006032", period="q01").spelled_out()
    assert spelled.root() == Request().spelled_out().root() == "analytics/"
    assert Request(survey="cu").spelled_out().root() == "analytics/surveys/cu/"
    asked = Request(survey="cu", first_year=2014).spelled_out().root()
    assert asked.startswith("analytics/asked/cu/")


def test_a_report_is_due_when_a_file_of_the_newest_one_is_lost_or_its_form_is_an_earlier_one(
    lake: DirectoryStore, clock: Clock
) -> None:
    reported = make_report(lake, ASKED, now=clock)
    whole = analytics(lake)
    earlier = json.dumps(reported.report | {"version": 2}).encode()
    for name, body in (("report.json", None), ("report.html", None), ("report.json", earlier)):
        lake.delete(reported.folder + name)
        if body is not None:
            lake.put(reported.folder + name, body)
        assert current_report(lake, ASKED) is None
        make_report(lake, ASKED, now=clock)
        assert analytics(lake) == whole


def test_a_report_never_changes_its_data_file_by_itself(
    server: SampleServer, lake: DirectoryStore, clock: Clock
) -> None:
    make_report(lake, ASKED, now=clock)
    before = analytics(lake)
    del server.surveys["pr"]["pr.data.0.Current"]
    mirror(server, lake, clock, allow=frozenset({"removals"}))
    with pytest.raises(Refused, match=r"answers from pr\.data\.0\.Current.*that is pr\.data\.1"):
        make_report(lake, ASKED, now=clock)
    assert analytics(lake) == before
    named = replace(ASKED, data_file="pr.data.1.AllData")
    assert make_report(lake, named, now=clock).name == "Changed"


def test_a_lake_that_is_dated_ahead_is_reported_under_its_own_day(
    server: SampleServer, lake: DirectoryStore, clock: Clock
) -> None:
    """Else a report as of the day before would replace it with an older state."""
    ahead = Clock(clock() + timedelta(days=30))
    server.publish(2)
    mirror(server, lake, ahead)
    newest = make_report(lake, ASKED, now=clock)
    assert newest.folder.endswith("/2025-09-14/")
    before = analytics(lake, newest.folder)
    clock.moment += timedelta(days=1)
    past = make_report(lake, ASKED, "2025-08-15", now=clock)
    assert past.folder.endswith("/2025-08-15/")
    assert past.report["inputs"]["survey"]["generation"] == 1
    assert analytics(lake, newest.folder) == before


def test_a_lake_without_a_source_is_misuse_that_says_to_mirror_first(
    server: SampleServer, tmp_path: Path, clock: Clock
) -> None:
    lake = DirectoryStore(tmp_path / "half")
    for said in ("There is no lake at .*mirror something first", "of census yet.*Mirror it first"):
        with pytest.raises(Misuse, match=said):
            make_report(lake, ASKED, now=clock)
        with pytest.raises(Misuse, match=said):
            current_report(lake, ASKED)
        mirror(server, lake, clock)
    assert analytics(lake) == {}


# -- Which state -------------------------------------------------------------------------------


def two_days(server: SampleServer, lake: Store, clock: Clock) -> tuple[Reported, Reported]:
    """Release 1 reported on the first day, release 2 on the second; it is the third now."""
    first = make_report(lake, ASKED, now=clock)
    clock.moment += timedelta(days=1)
    server.publish(2)
    mirror(server, lake, clock)
    second = make_report(lake, ASKED, now=clock)
    clock.moment += timedelta(days=1)
    return first, second


def test_a_past_day_is_reported_again_byte_for_byte(
    server: SampleServer, lake: DirectoryStore, clock: Clock
) -> None:
    first, second = two_days(server, lake, clock)
    before = analytics(lake)
    for day, reported in (("2025-08-15", first), ("2025-08-16", second)):
        again = make_report(lake, ASKED, day, now=clock)
        assert (again.name, again.folder) == ("Unchanged", reported.folder)
        assert again.report == reported.report
    assert analytics(lake) == before
    for key in before:
        lake.delete(key)
    for day in ("2025-08-15", "2025-08-16"):
        assert make_report(lake, ASKED, day, now=clock).name == "Changed"
    assert analytics(lake) == before


def test_a_generation_and_a_moment_are_reported_in_folders_of_their_own(
    server: SampleServer, lake: DirectoryStore, clock: Clock
) -> None:
    first, second = two_days(server, lake, clock)
    by_number = make_report(lake, ASKED, "1", now=clock)
    by_time = make_report(lake, ASKED, "2025-08-16T12:00:00.5Z", now=clock)
    assert by_number.folder == f"{ROOT}as-of/2025-08-15T12-00-00.000000Z/"
    assert by_time.folder == f"{ROOT}as-of/2025-08-16T12-00-00.500000Z/"
    assert by_number.report["outputs"] == first.report["outputs"]
    assert by_time.report["inputs"] == second.report["inputs"]
    assert make_report(lake, ASKED, now=clock).folder == second.folder


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2025-08-14", "before the first generation of bls/pr, .* 2025-08-15T12:00:00"),
        ("2025-08-15T11:59:59Z", "before the first generation"),
        ("2025-08-16", "lies in the future"),
        ("2025-08-15T12:00:01Z", "lies in the future"),
        ("soon", "not a date, time or generation"),
    ],
)
def test_a_moment_that_no_report_can_be_made_for_is_misuse_and_nothing_is_written(
    lake: DirectoryStore, clock: Clock, as_of: str, expected: str
) -> None:
    with pytest.raises(Misuse, match=expected):
        make_report(lake, ASKED, as_of, now=clock)
    assert analytics(lake) == {}


# -- For a spreadsheet -------------------------------------------------------------------------


def test_csv_has_published_decimals_and_runs_nothing(past: Past) -> None:
    past.take_population()
    past.release(
        Current=data(
            *(("PRS1", 2024, f"Q0{q}", f"{q}.0", "") for q in (1, 2, 3, 4)),
            ("PRS2", 2024, "Q01", "-7.00", "R"),
        ),
        sector="sector_code\tsector_name\r\n3000\t=HYPERLINK(1)\r\n",
    )
    folder = make_report(past.store, Request(series="PRS1", period="Q01")).folder

    def table(name: str) -> list[dict[str, str]]:
        text = past.store.read(f"{folder}{name}.csv").decode("utf-8-sig")
        return list(csv.DictReader(StringIO(text, newline="")))

    one, two = table("best_year")
    assert (one["value"], one["mean"]) == ("10.0", "2.5")
    assert (two["value"], two["tied_years"]) == ("-7.00", "2024")
    assert one["title"].startswith("'=HYPERLINK(1)")
    assert [row["value"] for row in table("latest")] == ["4.0", "-7.00"]
    assert table("series_population")[0]["value"] == "1.0"
    stats = pl.read_parquet(BytesIO(past.store.read(f"{folder}best_year.parquet")))
    assert stats.item(0, "title").startswith("=HYPERLINK(1)"), "where nothing runs, as published"


def test_a_table_that_no_sheet_can_hold_has_no_csv(
    lake: DirectoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_content, "MOST_ROWS", 108)  # of the sample's series
    outputs = make_report(lake, ASKED, now=clock).report["outputs"]
    assert "best_year.csv" in outputs
    assert "bls_census_stats.csv" not in outputs
    assert "bls_census_stats.parquet" in outputs


# -- Bad input ---------------------------------------------------------------------------------


HEADER = b"series_id        \tyear\tperiod\t       value\tfootnote_codes\r\n"
ROW = b"PRS84006112      \t2020\tQ01\t         1.5\t\r\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (HEADER.replace(b"\tperiod", b"") + ROW.replace(b"\tQ01", b""), "period"),
        (HEADER + ROW + ROW.replace(b"1.5", b"n/a"), r"pr\.data\.0\.Current.*n/a"),
        (HEADER + ROW.replace(b"Q01", b"X99"), r"pr\.data\.0\.Current.*X99"),
        (HEADER + ROW + ROW, "two rows for PRS84006112 2020 Q01"),
        (HEADER, r"pr\.data\.0\.Current"),
        (b"", r"pr\.data\.0\.Current"),
    ],
    ids=["column", "value", "period", "twice", "no rows", "empty"],
)
def test_a_bad_data_file_is_refused_and_the_last_good_report_stays(
    server: SampleServer, lake: DirectoryStore, clock: Clock, body: bytes, expected: str
) -> None:
    make_report(lake, ASKED, now=clock)
    before = analytics(lake)
    server.surveys["pr"]["pr.data.0.Current"] = published(body, LONG_AGO, generated=True)
    mirror(server, lake, clock, allow=frozenset({"shrink"}))
    clock.moment += timedelta(days=1)
    with pytest.raises(Refused, match=expected) as caught:
        make_report(lake, ASKED, now=clock)
    assert "Nothing was written" in caught.value.remedy
    assert analytics(lake) == before


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(series="PRS00000000"), "PRS00000000"),
        (Request(series="PRS84006112", period="M07"), "M07"),
        (Request(series="PRS1", period="M07"), "no series 'PRS1'"),
        (Request(series="P" * 5_000), r"5,000 characters\) is no series"),
        (Request(series="PRS84006112", data_file="pr.data.9.None"), "no data file pr.data.9.None"),
        (Request(series="PRS84006112", data_file="pr.series"), "no data file pr.series"),
        (
            Request(series=ASKED.series, last_year=2021),
            r"lacks 2020 of 2013-2021\. For 2020 none was ever .*first-year.*: 2013-2019, 2021",
        ),
        (Request(first_year=-5), "-5 to 2018 do not lie within 1900 to 2100"),
        (Request(last_year=30_000_000), "2013 to 30000000 do not lie within 1900 to 2100"),
        (Request(first_year=2018, last_year=2013), "2018 to 2013 are no range"),
        (Request(first_year=2013, last_year=2013), "2013 to 2013 are no range"),
        (Request(ddof=cast("Ddof", 2)), "no standard deviation with ddof = 2"),
        (
            Request(pairs=["PRS1", ":Q01", "PRS1:Q01", "PRS1:"]),
            "No series with its period: 'PRS1', ':Q01', 'PRS1:'",
        ),
        (Request(pairs=["PRS1:Q01"] * (MOST_PAIRS + 1)), "21 pairs are more than the 20"),
        (Request(series=ASKED.series, pairs=["PRS9:Q01"]), "no series 'PRS9'"),
        (Request(series=ASKED.series, pairs=[f"{ASKED.series}:M07"]), "no period 'M07'"),
    ],
)
def test_a_question_that_the_data_can_not_answer_is_misuse_and_nothing_is_written(
    lake: DirectoryStore, clock: Clock, request_: Request, expected: str
) -> None:
    with pytest.raises(Misuse, match=expected):
        make_report(lake, request_, now=clock)
    assert analytics(lake) == {}
