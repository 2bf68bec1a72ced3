"""Code tables as a publisher may send them: what a lake has of them is in words all the same."""

import json
from datetime import UTC, datetime
from io import BytesIO

import polars as pl
import pytest

from blsquest.analytics.catalogue import Catalogue
from blsquest.analytics.report.sections import revisions, summary
from blsquest.analytics.report.terminal import terminal
from blsquest.core.errors import Misuse
from blsquest.core.text import LONGEST
from blsquest.lake.log import ManifestLog
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.catalogue import catalogue_of, find_series
from blsquest.products.history import trace
from blsquest.products.question import Request
from blsquest.products.report import Reported, make_report
from blsquest.products.revisions import revise
from flows.artifacts import _best_year
from flows.cli.lake_commands import _history
from tests.support.commands import Commands
from tests.support.lakes import PR, Clock, recorded
from tests.support.pasts import CURRENT, TITLE, Past, data
from tests.support.report_forms import html_of
from tests.support.surveys import Surveys, rows, table

NOW = Clock(datetime(2025, 8, 15, 12, tzinfo=UTC))
OLD = [("PRS1", 2013, "Q01", "1.5", ""), ("PRS1", 2014, "Q01", "2", "")]
NEW = [("PRS1", 2013, "Q01", "1.75", "R"), *OLD[1:]]
TYPED = {
    "data.1.AllData": rows(),
    "series": table("series_id|data_type_code", "HS1|1", "HS2|2"),
    "data.type": table("data_type_code|data_type_text", "1|Number in thousands", "2|Percent"),
    "footnote": table("footnote_code|footnote_text", "P|preliminary"),
    "txt": "The survey in words",
    "contacts": "A name",
}
SEASONAL = "Seasonal_code\tSeasonal_text\tsort_sequence\r\n{}S\tSeasonal Adjusted\t1\r\n"


@pytest.fixture
def past(past: Past) -> Past:
    """With a population besides."""
    past.take_population()
    return past


def report(past: Past) -> Reported:
    return make_report(past.store, Request(series="PRS1"), now=NOW)


@pytest.mark.parametrize(
    ("seasonal", "title"),
    [
        pytest.param(SEASONAL.format("\r\n"), TITLE, id="blank line first"),
        pytest.param(SEASONAL.format("U\r\n"), TITLE, id="short line first"),
        pytest.param("\ufeff" + SEASONAL.format(""), TITLE, id="byte order mark"),
        pytest.param("", TITLE.replace("seasonally adjusted", "seasonal S"), id="empty"),
    ],
)
def test_report_history_and_revisions_are_made_whatever_a_code_table_is(
    past: Past, seasonal: str, title: str
) -> None:
    for given in (OLD, NEW):
        past.release(Current=data(*given), seasonal=seasonal)

    reported, revised = report(past), revise(past.store, PR, 2)
    history, _ = trace(past.store, PR, CURRENT, "PRS1", 2013, "Q01")

    (best,) = reported.report["answers"]["best_year"]["rows"]
    (moved,) = revised.summary["largest"]
    assert [best["title"], moved["title"], history.title] == [title] * 3
    left_out = [note for note in reported.report["notes"] if note.startswith("Series in words")]
    assert left_out == ([] if title == TITLE else left_out)
    assert all("seasonal: pr.seasonal has no header" in note for note in left_out)


@pytest.mark.parametrize("error", [pl.exceptions.SchemaError, pl.exceptions.PanicException])
def test_whatever_polars_fails_at_is_a_note_and_the_report_is_made(
    past: Past, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fail(*_: object, **__: object) -> Catalogue:
        raise error("a\nlong story")

    past.release(Current=data(*OLD))
    monkeypatch.setattr("blsquest.analytics.catalogue.read_catalogue", fail)

    found = catalogue_of(past.store, ManifestLog(past.store, PR).newest().manifest)

    assert found.frame.is_empty()
    (note,) = found.notes
    assert error.__name__ in note
    assert f"Series in words: {note}" in report(past).report["notes"]


def test_a_reports_series_has_its_footnotes_in_words_and_as_codes(past: Past) -> None:
    notes = table("footnote_code|footnote_text", "R|Revised.")
    past.release(Current=data(*NEW), footnote=notes)

    reported = report(past)

    (pair,) = reported.report["answers"]["series_population"]
    footnotes = [(row["footnote_codes"], row["footnotes"]) for row in pair["rows"]]
    assert footnotes == [("R", "R: Revised"), ("", "")]
    frame = pl.read_parquet(BytesIO(past.store.read(f"{reported.folder}series_population.parquet")))
    assert frame.select("footnote_codes", "footnotes").rows() == footnotes
    for text in (html_of(past.store, reported), terminal(*summary(reported.report))):
        assert "R: Revised" in text


def test_the_series_own_footnotes_are_listed_in_words(surveys: Surveys, command: Commands) -> None:
    series = table("series_id|series_title|footnote_codes", "HS1|One|P", "HS2|Two|", "HS3|Three|9")
    surveys.take("hs", TYPED | {"series": series})

    found = command("series", "--survey", "hs", "--lake", surveys.store.url)
    done = command("series", "one", "--survey", "hs", "--json", "--lake", surveys.store.url)

    assert [line.split() for line in found.out.splitlines()] == [
        ["series", "what", "it", "is", "unit", "footnotes"],
        ["HS1", "One", "P:", "preliminary"],
        ["HS2", "Two"],
        ["HS3", "Three", "9"],
    ]
    assert json.loads(done.out) == [
        {
            "series_id": "HS1",
            "title": "One",
            "unit": None,
            "footnote_codes": "P",
            "footnotes": "P: preliminary",
        }
    ]


def test_only_the_tables_that_columns_ask_for_are_read(
    surveys: Surveys, lake: DirectoryStore
) -> None:
    manifest = surveys.take("hs", TYPED | {"industry": table("industry_code|industry_text", "1|x")})
    watched, calls = recorded(lake, "open")

    found = catalogue_of(watched, manifest)

    whole = {key.split("/")[3] for _, key in calls}
    assert whole == {"hs.series", "hs.footnote", "hs.data.type"}
    assert found.frame.row(0, named=True)["data_type"] == "Number in thousands"


def test_of_a_huge_series_file_those_shown_are_in_words_and_words_find_their_series(
    surveys: Surveys, lake: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"HS{number:04}|{number % 2 + 1}|Series {number}" for number in range(500)]
    series = table("series_id|data_type_code|series_title", *many)
    manifest = surveys.take("hs", TYPED | {"series": series})
    whole = catalogue_of(lake, manifest)
    monkeypatch.setattr("blsquest.products.catalogue.LARGEST", 1_000)

    some = catalogue_of(lake, manifest, ["HS0007", "HS0499", "HS9999"])
    none = catalogue_of(lake, manifest)
    worded = find_series(lake, manifest, ["series", "49"])

    assert (whole.whole, some.whole, none.whole) == (True, False, False)
    ids = ["HS0007", "HS0499"]
    assert some.frame.equals(whole.frame.filter(pl.col("series_id").is_in(ids)))
    assert "only those shown are in words" in some.notes[0]
    assert none.frame.is_empty()
    assert "no single series is asked for" in none.notes[0]
    assert worded.get_column("series_id").to_list() == [
        f"HS{number:04}" for number in range(500) if "49" in str(number)
    ]
    with pytest.raises(Misuse, match="millions of series"):
        find_series(lake, manifest)


MILLION = 1_000_000
LONG_TABLES = {
    "series": (
        "series_id\tsector_code\tclass_code\tmeasure_code\tduration_code\tseasonal\r\n"
        "PRS1\t3000\t6\t03\t3\tS\r\nPRS2\t4000\t6\t03\t3\tS\r\n"
    ),
    "sector": f"sector_code\tsector_name\r\n3000\t{'x' * MILLION}\r\n4000\t{'y' * MILLION}\r\n",
    "duration": f"duration_code\tduration_text\r\n3\tIndex (2017{' x' * MILLION}=100)\r\n",
}


def test_words_of_any_length_are_kept_whole_and_shown_in_their_beginning(past: Past) -> None:
    kept = ("PRS2", 2013, "Q01", "7", "")
    for given in (OLD, NEW):
        past.release(Current=data(*given, kept), **LONG_TABLES)

    reported, revised = report(past), revise(past.store, PR, 2)
    history, _ = trace(past.store, PR, CURRENT, "PRS1", 2013, "Q01")
    catalogue = pl.read_parquet(BytesIO(past.store.read(f"{reported.folder}catalogue.parquet")))
    best = reported.report["answers"]["best_year"]["rows"]
    shown = {
        "page": html_of(past.store, reported),
        "answers in markdown": reported.markdown,
        "table in the dashboard": str([_best_year(row, "sum") for row in best]),
        "answers in the terminal": terminal(*summary(reported.report)),
        "revisions in markdown": revised.markdown,
        "revisions in the terminal": terminal(*revisions(revised.summary)),
        "history in the terminal": "\n".join(_history(history)),
    }

    assert catalogue.filter(series_id="PRS1").item(0, "title").startswith("x" * MILLION)
    assert len(history.unit or "") > MILLION
    for where, text in shown.items():
        # First of all, for pytest takes minutes to show a text of megabytes. The page's charts are
        # about 100 kB.
        assert len(text) < 250_000, where
        assert "x" * (LONGEST - 1) + "…" in text, where
        assert "x" * LONGEST not in text, where
        assert " x" * LONGEST not in text, where
