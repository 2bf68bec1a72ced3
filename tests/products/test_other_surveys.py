"""Reports on surveys other than `pr`: what they lead with, and how a wrong question is refused."""

import io
import re
from pathlib import Path

import polars as pl
import pytest

from blsquest.core.errors import Misuse, Refused
from blsquest.lake.run import run
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.question import Request
from blsquest.products.report import (
    check_question,
    current_report,
    make_again,
    make_report,
    unanswerable,
)
from blsquest.products.status import status_of
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.sample.server import SampleServer
from tests.support.data_files import HEADER, Row, line
from tests.support.faults import Fault, edit
from tests.support.lakes import Clock, client, release, take_population

MONTHS = [f"M{number:02}" for number in range(1, 13)]
SERIES = """series_id\tarea_code\titem_code\tseasonal\tbase_period\tseries_title\r
CUSR0000SA0\t0000\tSA0\tS\t1982-84=100\tAll items in U.S. city average, seasonally adjusted\r
CUUR0000SA0\t0000\tSA0\tU\t1982-84=100\tAll items in U.S. city average, not seasonally adjusted\r
CUUR0000SAF\t0000\tSAF\tU\t1982-84=100\tFood in U.S. city average\r
"""
TEXT = """\t\tConsumer Price Index (CU)\r
Survey Description: The index measures change. It is monthly.\r
\r
"""


def values(series_id: str, base: int) -> list[Row]:
    rows = [
        (series_id, year, m, f"{base + year - 2022}.5") for year in (2022, 2023) for m in MONTHS
    ]
    return [*rows, (series_id, 2024, "M01", f"{base + 3}.0"), (series_id, 2023, "M13", str(base))]


def body(rows: list[Row]) -> bytes:
    return "\r\n".join([HEADER, *(line(*row) for row in rows), ""]).encode()


FILES = {
    "cu.txt": TEXT.encode(),
    "cu.series": SERIES.encode(),
    "cu.data.0.Current": body(values("CUSR0000SA0", 100) + values("CUUR0000SA0", 200)),
    "cu.data.2.Food": body(values("CUUR0000SAF", 300)),
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lake_of(
    server: SampleServer, folder: Path, files: dict[str, bytes], clock: Clock
) -> DirectoryStore:
    lake = DirectoryStore(folder / "lake")
    take_population(server, lake, clock)
    server.surveys["cu"] = release(files)
    run(BlsSurvey("cu", client(), server.bls_url), lake, now=clock)
    return lake


def test_a_report_leads_with_the_headline_its_changes_and_its_twin(
    server: SampleServer, tmp_path: Path, clock: Clock
) -> None:
    lake = lake_of(server, tmp_path, FILES, clock)
    reported = make_report(lake, Request("cu"), now=clock)
    html = lake.read(f"{reported.folder}report.html").decode()
    assert "<h1>Consumer Price Index (CU)</h1>" in html
    assert "The index measures change. It is monthly." in html
    assert "Best means largest" in html
    assert "+1.5% from December 2023" in html
    answers = reported.report["answers"]
    assert reported.report["version"] == 4
    headline = {"series_id": "CUSR0000SA0", "beside": "CUUR0000SA0"}
    assert answers["latest"]["headlines"] == [headline]
    assert [row["series_id"] for row in answers["latest"]["rows"]] == list(headline.values())
    assert answers["best_year"]["by"] == "mean"
    assert "Sum" not in reported.markdown
    frame = pl.read_parquet(io.BytesIO(lake.read(f"{reported.folder}latest.parquet")))
    shown = frame.select("series_id", "year", "period", "previous_period", "rate", "unit")
    assert shown.row(0) == ("CUSR0000SA0", 2024, "M01", "M12", False, "index (1982-84=100)")
    assert answers["series_population"] == []
    # Asked by name, in small letters, it comes first, joined by the period of its newest value.
    asked = make_report(lake, Request("cu", series="cuur0000sa0"), now=clock)
    answers = asked.report["answers"]
    assert answers["latest"]["headlines"][0] == {
        "series_id": "CUUR0000SA0",
        "beside": "CUSR0000SA0",
    }
    [pair] = answers["series_population"]
    assert (pair["series_id"], pair["period"]) == ("CUUR0000SA0", "M01")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request("cu", series="CUUR0000SA1"), "no series 'CUUR0000SA1'.*near it: CUUR0000SA0"),
        (Request("cu", series="not seasonally"), r"in the title: CUUR0000SA0 \(All items"),
        (Request("cu", series="CUUR0000SAF"), r"in another data file .*cu\.data\.2\.Food"),
        (Request("cu", series="CUUR0000SA0", period="Q01"), r"no period 'Q01'\. It has M01, M02"),
        (Request("cu", data_file="pr.data.0.Current"), r"no data file pr\.data\.0\.Current"),
    ],
)
def test_a_question_that_the_survey_can_not_answer_is_refused_with_what_there_is(
    server: SampleServer, tmp_path: Path, clock: Clock, request_: Request, expected: str
) -> None:
    lake = lake_of(server, tmp_path, FILES, clock)
    with pytest.raises(Misuse) as caught:
        check_question(lake, request_, None)
    assert re.search(expected, f"{caught.value.what} {caught.value.remedy}")
    with pytest.raises(Misuse):
        make_report(lake, request_, now=clock)


def test_a_report_needs_no_population_where_none_is_asked_for(
    server: SampleServer, tmp_path: Path, clock: Clock
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    server.surveys["cu"], server.now = release(FILES), clock
    run(BlsSurvey("cu", client(), server.bls_url), lake, now=clock)
    made = make_report(lake, Request("cu"), now=clock)

    assert list(made.report["inputs"]) == ["survey"]
    assert made.report["answers"]["population_statistics"] is None
    assert not {name for name in made.report["outputs"] if "population" in name}
    page = lake.read(f"{made.folder}report.html").decode()
    assert "Census" not in page
    assert "population" not in page.lower()
    assert "population" not in f"{made.sentence()} {made.markdown}"
    stats = pl.read_parquet(io.BytesIO(lake.read(f"{made.folder}bls_census_stats.parquet")))
    assert stats.get_column("population").is_null().all()
    # A past state of it can be asked for, and what is damaged is made again.
    assert make_report(lake, Request("cu"), "1", now=clock).report["inputs"]["survey"]
    again = make_again(lake, made.folder, made.report["question"], made.report["inputs"])
    assert again.name == "Unchanged"
    # Asked for the population, it says that there is none.
    for asked in (Request("cu", series="CUUR0000SA0"), Request("cu", ddof=0), Request()):
        with pytest.raises(Misuse, match="no generation"):
            make_report(lake, asked, now=clock)


def test_a_new_population_makes_due_the_reports_that_show_it(
    server: SampleServer, tmp_path: Path, clock: Clock
) -> None:
    lake = lake_of(server, tmp_path, FILES, clock)
    joined = Request("cu", pairs=["CUUR0000SA0:M01"])
    for asked in (Request("cu"), joined):
        make_report(lake, asked, now=clock)
        assert current_report(lake, asked) is not None
    server.faults = [Fault(edit(lambda body: body.replace(b"330108655", b"330108656")))]
    assert take_population(server, lake, clock).content_changed

    assert current_report(lake, Request("cu")) is not None
    assert current_report(lake, joined) is None
    reports = {status.newest.source: status.report for status in status_of(lake)}
    assert "due" not in reports["bls/cu"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "is empty"),
        (f"{HEADER}\r\n".encode(), "has a header and no rows"),
        (f"{HEADER}\r\n \r\n".encode(), "has a header and no rows"),
        (
            body(values("CUUR0000SA0", 1)).replace(b"\r\n", b"\r"),
            "its lines end with CR alone, not with CR LF or LF",
        ),
        (
            b"series_id\taspect_type\tvalue\r\nCUUR0000SA0\tE1\t0.1\r\n",
            "has no column year, period, footnote_codes in its header",
        ),
    ],
)
def test_a_survey_of_a_file_without_observations_has_nothing_to_answer_from(
    server: SampleServer, tmp_path: Path, clock: Clock, text: bytes, expected: str
) -> None:
    lake = lake_of(server, tmp_path, {"cu.data.1.AllData": text}, clock)

    why = unanswerable(lake, Request("cu"))

    assert why in {
        f"cu.data.1.AllData{colon} {expected}. There is nothing to answer from."
        for colon in ("", ":")
    }
    with pytest.raises(Refused, match=expected):
        make_report(lake, Request("cu"), now=clock)


def test_a_large_text_without_a_table_gives_the_same_report(
    server: SampleServer, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = lake_of(server, tmp_path, FILES, clock)
    folder = make_report(lake, Request("cu"), now=clock).folder
    files = {each.key: lake.read(each.key) for each in lake.list(folder)}
    monkeypatch.setattr("blsquest.products.observations.LARGEST_TEXT", 0)
    monkeypatch.setattr("blsquest.products.observations.read_observations", None)
    day = clock.moment.date().isoformat()
    assert make_report(lake, Request("cu"), day, now=clock).name == "Unchanged"
    assert {each.key: lake.read(each.key) for each in lake.list(folder)} == files
