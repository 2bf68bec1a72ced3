"""`report.html` and the checks, end to end: from a lake's bytes to what a person is handed."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products import report_content
from blsquest.products.question import Request
from blsquest.products.report import Reported, make_report
from blsquest.sources.sample.server import SampleServer
from tests.support.browser import document
from tests.support.lakes import Clock, mirror, take_population
from tests.support.pasts import CURRENT, Past, data
from tests.support.publishing import publish_folder
from tests.support.report_forms import assert_all_forms_agree, html_of

NOW = Clock(datetime(2025, 8, 15, 12, tzinfo=UTC))
SERIES = "PRS1"
ASKED = Request(series=SERIES)
FIRST = [("PRS1", 2013, "Q01", "1.5", ""), ("PRS1", 2014, "Q01", "2", "")]
SECOND = [("PRS1", 2013, "Q01", "1.75", "R"), *FIRST[1:], ("PRS1", 2014, "Q02", "3", "")]


@pytest.fixture
def past(past: Past) -> Past:
    """With a population besides."""
    past.take_population()
    return past


def report(past: Past, asked: Request = ASKED) -> Reported:
    return make_report(past.store, asked, now=NOW)


def check(reported: Reported, name: str) -> dict[str, Any]:
    (found,) = (c for c in reported.report["checks"] if c["name"] == name)
    return dict(found)


def text_of(html: str) -> str:
    """What a person reads."""
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", bare))


# -- The same numbers in every form ------------------------------------------------------------


def test_parquet_csv_json_and_page_hold_the_same_numbers_and_name_their_inputs(past: Past) -> None:
    past.release(Current=data(*FIRST))
    past.release(Current=data(*SECOND))
    asked = Request(series=SERIES, pairs=["PRS1:Q02"], ddof=0)
    reported = report(past, asked)
    assert_all_forms_agree(past.store, reported)
    mean = reported.report["answers"]["population_statistics"]["mean"]
    assert f"{mean:,.2f}" in reported.markdown
    for name in (n for n in reported.report["outputs"] if n.endswith(".parquet")):
        body = past.store.read(reported.folder + name)
        noted = json.loads(pl.read_parquet_metadata(io.BytesIO(body))["bls-data-quest:inputs"])
        assert noted == reported.report["inputs"]


RELEASED = {
    "2024-06": datetime(2024, 6, 6, 20, tzinfo=UTC),
    "2025-02": datetime(2025, 2, 6, 20, tzinfo=UTC),
}


@pytest.fixture
def real(shared_data: Path, tmp_path: Path) -> Iterator[tuple[SampleServer, DirectoryStore, Clock]]:
    """A lake with both real releases and the real population."""
    lake, clock = DirectoryStore(tmp_path / "lake"), Clock()
    with SampleServer() as server:
        server.population = (shared_data / "population" / "tesseract_acs1.json").read_bytes()
        for release, moment in RELEASED.items():
            publish_folder(server, shared_data / "pr" / release, modified=moment.replace(hour=13))
            clock.moment = moment
            mirror(server, lake, clock)
            take_population(server, lake, clock)
        yield server, lake, clock


def test_real_releases_pass_every_check_and_show_what_was_revised(
    real: tuple[SampleServer, DirectoryStore, Clock], shared_data: Path
) -> None:
    server, lake, clock = real
    reported = make_report(lake, Request(), now=clock)
    assert_all_forms_agree(lake, reported)
    assert [c["name"] for c in reported.report["checks"] if not c["passed"]] == []
    assert len(reported.report["checks"]) == 15
    assert reported.report["changes"]["counts"] == {
        "withdrawn": 0,
        "filled": 0,
        "added": 834,
        "removed": 0,
        "revised": 8140,
        "annotated": 17,
        "series": 282,
    }
    text = text_of(html_of(lake, reported))
    for said in (
        "Manufacturing, all workers: Hours worked, % change from previous quarter",
        "There is no estimate for 2020",
        "most revised row on top (Sectoral output)",
        "ACS 1-year Estimate",
        reported.report["inputs"]["survey"]["sha256"],
        "Checks: 15 passed.",
    ):
        assert said in text
    first = make_report(lake, Request(), "1", now=clock)
    assert check(first, "no rows are lost since the release before")["passed"] is None
    assert [c["name"] for c in first.report["checks"] if c["passed"] is False] == []
    server.population = (shared_data / "population" / "legacy_acs5.json").read_bytes()
    take_population(server, lake, clock)
    other = make_report(lake, Request(), now=clock)
    assert [c["name"] for c in other.report["checks"] if not c["passed"]] == []


# -- Advisory checks, and what may be missing --------------------------------------------------


def test_an_advisory_check_that_fails_shows_everywhere_and_stops_nothing(past: Past) -> None:
    gap = [("PRS1", 2013, "Q01", "1", ""), ("PRS1", 2016, "Q01", "1.1", "")]
    past.release(Current=data(gap[0]))
    past.release(Current=data(*gap))
    reported = report(past)
    assert reported.name == "Changed"
    found = check(reported, "years contiguous")
    assert (found["required"], found["passed"]) == (False, False)
    assert "PRS1 lacks 2014, 2015" in text_of(html_of(past.store, reported))
    assert "years contiguous (pr.data.0.Current): failed" in reported.markdown.replace("\\", "")


def test_a_survey_s_nature_fails_no_check_of_its_first_report_nor_of_later_ones(past: Past) -> None:
    odd = [
        ("PRS1", 2013, "Q01", "1", ""),
        ("PRS1", 2016, "Q01", "9", ""),
        ("X", 2016, "Q01", "1", ""),
    ]
    past.release(Current=data(*odd), **{"data.1.AllData": data(*odd)})
    first = report(past)
    assert [c["name"] for c in first.report["checks"] if c["passed"] is False] == []
    assert check(first, "years contiguous")["passed"] is None
    assert check(first, "every series is in the survey's series file")["passed"] is None
    odd += [("PRS1", 2016, "Q02", "9", "")]
    past.release(Current=data(*odd), **{"data.1.AllData": data(*odd)})
    second = report(past)
    assert [c["name"] for c in second.report["checks"] if not c["passed"]] == []
    detail = check(second, "every series is in the survey's series file")["detail"]
    assert detail.endswith("1 are not in it, as in the release before")


def test_what_differed_from_the_complete_file_before_is_no_news(past: Past) -> None:
    for rows in (FIRST, SECOND):
        past.release(Current=data(*rows), **{"data.1.AllData": data(*rows[1:])})
    found = check(report(past), "the same rows as the survey's complete file")
    assert found["passed"] is True
    assert found["detail"].endswith("so it was in the release before")


def test_rows_that_vanished_are_reported(past: Past) -> None:
    past.release(Current=data(*SECOND))
    past.release(Current=data(*SECOND[:2]))
    found = check(report(past), "no rows are lost since the release before")
    assert (found["passed"], found["detail"]) == (False, "2 rows; 1 of generation 1 are gone")


@pytest.mark.parametrize(
    ("all_data", "passed", "detail"),
    [
        (data(("PRS1", 1999, "Q01", "9", ""), *FIRST), True, "all 2 rows are those"),
        (data(FIRST[0]), False, "rows that are not in pr.data.1.AllData: 1"),
        ("no data file\r\n", None, "pr.data.1.AllData has no column"),
    ],
)
def test_the_data_file_is_held_against_the_complete_one(
    past: Past, all_data: str, passed: bool | None, detail: str
) -> None:
    past.release(Current=data(*FIRST), **{"data.1.AllData": all_data})
    found = check(report(past), "the same rows as the survey's complete file")
    assert found["passed"] is passed
    assert detail in found["detail"]


def test_without_an_earlier_release_the_report_says_so(past: Past) -> None:
    past.release(Current=data(*FIRST))
    reported = report(past)
    assert reported.report["changes"] is None
    why = f"no earlier release of {CURRENT} is in the lake."
    assert f"What the newest release revised: {why}" in reported.report["notes"]
    assert f"Not compared: {why}" in text_of(html_of(past.store, reported))


def test_an_earlier_release_that_can_not_be_read_is_a_sentence(past: Past) -> None:
    past.release(Current="rubbish\r\n" * 20)
    past.release(Current=data(*FIRST))
    text = text_of(html_of(past.store, report(past)))
    assert f"Not compared: generation 1: {CURRENT} has no column" in text


def test_without_code_tables_series_are_named_by_their_ids_and_the_report_says_why(
    past: Past,
) -> None:
    past.release(Current=data(*FIRST), series="series_id\r\n")
    bare = report(past)
    assert check(bare, "every series is in the survey's series file")["passed"] is None
    past.release(Current=data(*FIRST), sector="broken")
    text = text_of(html_of(past.store, report(past)))
    assert "Series in words: sector_code: pr.sector has no column sector_code" in text


def test_files_too_large_to_compare_are_named(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_content, "LARGEST_COMPARED", 10)
    past.release(Current=data(*FIRST), **{"data.1.AllData": data(*FIRST)})
    past.release(Current=data(*SECOND), **{"data.1.AllData": data(*SECOND)})
    reported = report(past)
    assert f"{CURRENT} is over 0 MiB: see analytics/revisions/" in str(reported.report["notes"])
    assert check(reported, "the same rows as the survey's complete file")["passed"] is None


# -- In a browser ------------------------------------------------------------------------------


def test_a_browser_shows_it_and_asks_for_nothing_else(
    past: Past, tmp_path: Path, browser: str
) -> None:
    hostile = "</title><script src=/owned></script><img src=/owned><style>@import '/owned'"
    sector = f"sector_code\tsector_name\r\n3000\t{hostile}\r\n"
    past.release(Current=data(*FIRST), sector=sector)
    past.release(Current=data(*SECOND), sector=sector)
    with served({"/report.html": html_of(past.store, report(past))}) as (url, asked):
        shown = document(browser, f"{url}/report.html", tmp_path / "profile")
    assert "Share of observations revised" in shown
    assert hostile in text_of(shown)
    assert [path for path in asked if path != "/favicon.ico"] == ["/report.html"]


PHONE = """<!doctype html>
<iframe src="/report.html" style="border:0;width:390px;height:800px"></iframe>
<script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument, wrong = [];
  for (const folded of page.querySelectorAll("details")) folded.open = true;
  const wide = page.documentElement.scrollWidth;
  if (wide > 390) wrong.push(`the page is ${wide} pixels wide`);
  for (const box of page.querySelectorAll(".scroll")) {
    if (box.scrollWidth > box.clientWidth) wrong.push(`cut off: ${box.ariaLabel}`);
  }
  for (const row of page.querySelectorAll("tbody tr")) {
    const lines = (row.offsetHeight - 8) / parseFloat(getComputedStyle(row).lineHeight);
    if (lines > 3.4) wrong.push(`${lines} lines: ${row.innerText}`);
  }
  document.title = `looked at ${page.querySelectorAll("tr").length} rows: ${wrong.join("; ")}`;
};
</script>"""


def test_on_a_phone_no_table_is_cut_off_and_no_row_has_more_than_three_lines(
    real: tuple[SampleServer, DirectoryStore, Clock], tmp_path: Path, browser: str
) -> None:
    _, lake, clock = real
    html = html_of(lake, make_report(lake, Request(), now=clock))
    with served({"/report.html": html, "/phone.html": PHONE}) as (url, _asked):
        shown = document(browser, f"{url}/phone.html", tmp_path / "profile")
    assert re.findall(r"<title>looked at \d{3,} rows: (.*?)</title>", shown, re.DOTALL) == [""]


@contextmanager
def served(pages: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Serve pages by path; yield the address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(pages.get(self.path, "").encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
