"""Code tables as a publisher may send them: what a lake has of them is told all the same."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl
import pytest

from blsquest.analytics.report.sections import revisions, summary
from blsquest.analytics.report.terminal import terminal
from blsquest.core.text import LONGEST
from blsquest.lake.log import ManifestLog
from blsquest.products.catalogue import catalogue_of
from blsquest.products.history import trace
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.products.revisions import revise
from flows.artifacts import _best_year
from flows.cli.lake_commands import _history
from tests.support.lakes import PR, Clock
from tests.support.pasts import CURRENT, TITLE, Past, data
from tests.support.report_forms import html_of

if TYPE_CHECKING:
    from blsquest.analytics.catalogue import Catalogue
    from blsquest.products.report import Reported

NOW = Clock(datetime(2025, 8, 15, 12, tzinfo=UTC))
OLD = [("PRS1", 2013, "Q01", "1.5", ""), ("PRS1", 2014, "Q01", "2", "")]
NEW = [("PRS1", 2013, "Q01", "1.75", "R"), *OLD[1:]]
SEASONAL = "Seasonal_code\tSeasonal_text\tsort_sequence\r\n{}S\tSeasonal Adjusted\t1\r\n"


@pytest.fixture
def past(past: Past) -> Past:
    """With a population besides."""
    past.take_population()
    return past


def report(past: Past) -> Reported:
    return make_report(past.store, Request(series="PRS1"), now=NOW)


def title_in(frame: pl.DataFrame) -> str:
    return str(frame.filter(series_id="PRS1").item(0, "title"))


@pytest.mark.parametrize(
    ("seasonal", "title"),
    [
        pytest.param(SEASONAL.format("\r\n"), TITLE, id="blank line first"),
        pytest.param(SEASONAL.format("U\r\n"), TITLE, id="short line first"),
        pytest.param("\ufeff" + SEASONAL.format(""), TITLE, id="byte order mark"),
        pytest.param("", "Manufacturing, All workers, Hours worked, Index (2017=100)", id="empty"),
    ],
)
def test_report_history_and_revisions_are_made_whatever_a_code_table_is(
    past: Past, seasonal: str, title: str
) -> None:
    for rows in (OLD, NEW):
        past.release(Current=data(*rows), seasonal=seasonal)

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
    def fail(*_: object) -> Catalogue:
        raise error("a\nlong story")

    past.release(Current=data(*OLD))
    monkeypatch.setattr("blsquest.analytics.catalogue.read_catalogue", fail)
    generation = ManifestLog(past.store, PR).latest()
    assert generation is not None

    found = catalogue_of(past.store, generation.manifest)

    assert found.frame.is_empty()
    (note,) = found.notes
    assert error.__name__ in note
    assert f"Series in words: {note}" in report(past).report["notes"]


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
    for rows in (OLD, NEW):
        past.release(Current=data(*rows, kept), **LONG_TABLES)

    reported, revised = report(past), revise(past.store, PR, 2)
    history, _ = trace(past.store, PR, CURRENT, "PRS1", 2013, "Q01")
    catalogue = pl.read_parquet(BytesIO(past.store.read(f"{reported.folder}catalogue.parquet")))
    best = reported.report["answers"]["best_year"]["rows"]
    shown = {
        "page": html_of(past.store, reported),
        "answers in markdown": reported.markdown,
        "table in the dashboard": str([_best_year(row) for row in best]),
        "answers in the terminal": terminal(*summary(reported.report)),
        "revisions in markdown": revised.markdown,
        "revisions in the terminal": terminal(*revisions(revised.summary)),
        "history in the terminal": "\n".join(_history(history)),
    }

    assert title_in(catalogue).startswith("x" * MILLION)
    assert len(history.unit or "") > MILLION
    for where, text in shown.items():
        # First of all, for pytest takes minutes to show a text of megabytes. The page's charts are
        # about 100 kB.
        assert len(text) < 250_000, where
        assert "x" * (LONGEST - 1) + "…" in text, where
        assert "x" * LONGEST not in text, where
        assert " x" * LONGEST not in text, where
