"""The sample answers as BLS and DataUSA do, to the byte where a reader depends on it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import HTTPConnection

import pytest

from blsquest.sources.sample.pages import PublishedFile, http_date, stamp
from blsquest.sources.sample.population import COUNTS
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import LONG_AGO


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def get(url: str, **headers: str) -> Answer:
    """One request on a connection of its own; `If_Modified_Since=` becomes that header."""
    _, _, host, target = url.split("/", 3)
    connection = HTTPConnection(host, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", f"/{target}", headers={"User-Agent": "tests me@example.org"} | names)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def test_a_listing_has_its_rows_on_one_line_in_columns(server: SampleServer) -> None:
    server.surveys["xy"] = {
        "xy.txt": PublishedFile(b"12345", "12/20/2013 10:20 AM", None),
        "xy.data": PublishedFile(b"x" * 380154, "3/2/2013 9:27 AM", None),
    }
    server.surveys["xy/maps"] = {"a.txt": PublishedFile(b"", "7/23/2008 4:57 PM", None)}
    answer = get(f"{server.bls_url}xy/")
    assert answer.body == (
        b"<html><head><title>download.bls.gov - /pub/time.series/xy/</title></head>"
        b"<body><H1>download.bls.gov - /pub/time.series/xy/</H1><hr>\r\n\r\n"
        b'<pre><A HREF="/pub/time.series/">[To Parent Directory]</A><br><br>'
        b'  1/1/2025 12:00 AM        &lt;dir&gt; <A HREF="/pub/time.series/xy/maps/">maps</A><br>'
        b'  3/2/2013  9:27 AM       380154 <A HREF="/pub/time.series/xy/xy.data">xy.data</A><br>'
        b'12/20/2013 10:20 AM            5 <A HREF="/pub/time.series/xy/xy.txt">xy.txt</A><br>'
        b"</pre><hr></body></html>"
    )
    assert "X-Sample-Data" not in answer.headers


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2025, 2, 6, 13, 30, 59, tzinfo=UTC), "2/6/2025 8:30 AM"),
        (datetime(2025, 7, 1, 12, 5, tzinfo=UTC), "7/1/2025 8:05 AM"),
        (datetime(2025, 1, 1, 5, 0, tzinfo=UTC), "1/1/2025 12:00 AM"),
        (datetime(2025, 1, 1, 17, 0, tzinfo=UTC), "1/1/2025 12:00 PM"),
    ],
)
def test_a_stamp_is_us_eastern_time_to_the_minute(moment: datetime, text: str) -> None:
    assert stamp(moment) == text


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Thu, 06 Feb 2025 13:30:02 GMT", 304),
        ("Thu, 06 Feb 2025 13:30:03 GMT", 304),
        ("Thu, 06 Feb 2025 13:30:01 GMT", 200),
        ("yesterday", 200),
    ],
)
def test_if_modified_since_may_get_a_304(server: SampleServer, since: str, status: int) -> None:
    answer = get(f"{server.bls_url}pr/pr.class", If_Modified_Since=since, If_None_Match="*")
    assert answer.status == status
    assert (answer.body == b"") == (status == 304)
    assert answer.headers["Last-Modified"] == "Thu, 06 Feb 2025 13:30:02 GMT"


def test_the_callers_clock_dates_answers_and_no_file_is_newer(server: SampleServer) -> None:
    server.now = lambda: LONG_AGO
    for path in ("", "pr/", "pr/pr.class", "zz/"):
        answer = get(server.bls_url + path)
        assert answer.headers["Date"] == http_date(LONG_AGO) == "Thu, 02 May 2024 12:30:07 GMT"
    assert get(server.population_url).headers["Date"] == http_date(LONG_AGO)
    ahead = f"{server.bls_url}pr/pr.class"  # of February 2025
    assert get(ahead).headers["Last-Modified"] == http_date(LONG_AGO)
    assert get(ahead, If_Modified_Since=http_date(LONG_AGO)).status == 304
    server.now = lambda: LONG_AGO + timedelta(days=365)
    assert get(ahead, If_Modified_Since=http_date(LONG_AGO)).status == 200
    assert get(ahead).headers["Last-Modified"] == "Thu, 06 Feb 2025 13:30:02 GMT"


@pytest.mark.parametrize("path", ["", "pr/pr.class"])
def test_bls_refuses_a_user_agent_without_a_contact(server: SampleServer, path: str) -> None:
    answer = get(server.bls_url + path, User_Agent="python-requests/2.34")
    assert (answer.status, answer.headers["Server"]) == (403, "AkamaiGHost")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"Access Denied" in answer.body


def test_the_population_has_todays_shape_and_no_order_of_keys(server: SampleServer) -> None:
    answer = get(server.population_url, User_Agent="no contact")
    document = json.loads(answer.body)
    assert list(document) == ["annotations", "page", "columns", "data"]
    assert document["page"] == {"limit": 0, "offset": 0, "total": 10}
    assert document["columns"] == ["Nation ID", "Nation", "Year", "Population"]
    assert {row["Year"]: row["Population"] for row in document["data"]} == COUNTS
    assert b'"Population":310200417.0' in answer.body
    assert document["annotations"]["dataset_name"] == "ACS 1-year Estimate (generated sample)"
    assert answer.headers["X-Sample-Data"] == "generated"
    assert not {"ETag", "Last-Modified"} & set(answer.headers)
    again = get(server.population_url).body
    assert again != answer.body
    assert json.loads(again) == document
    server.population = b'{"data": 1}'
    given = get(server.population_url)
    assert (given.body, given.headers["X-Sample-Data"]) == (b'{"data": 1}', None)
