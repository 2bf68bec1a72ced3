from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from blsquest.sources.sample.pages import PublishedFile, Row, http_date, listing_page, stamp
from blsquest.sources.sample.server import SampleServer
from tests.support.sample_client import get

LISTINGS = Path(__file__).parents[3] / "shared" / "data" / "listing"


def test_a_listing_has_all_rows_on_one_line_with_right_aligned_columns() -> None:
    with SampleServer() as server:
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
        b' 7/23/2008  4:57 PM        &lt;dir&gt; <A HREF="/pub/time.series/xy/maps/">maps</A><br>'
        b'  3/2/2013  9:27 AM       380154 <A HREF="/pub/time.series/xy/xy.data">xy.data</A><br>'
        b'12/20/2013 10:20 AM            5 <A HREF="/pub/time.series/xy/xy.txt">xy.txt</A><br>'
        b"</pre><hr></body></html>"
    )
    assert "X-Sample-Data" not in answer.headers


def test_the_root_lists_the_surveys_as_directories() -> None:
    with SampleServer() as server:
        server.surveys["cu"] = {}
        page = get(server.bls_url).body.decode()
    assert '<A HREF="/pub/">[To Parent Directory]</A>' in page
    assert re.findall(r'&lt;dir&gt; <A HREF="([^"]*)">(\w+)</A>', page) == [
        ("/pub/time.series/cu/", "cu"),
        ("/pub/time.series/pr/", "pr"),
    ]


@pytest.mark.parametrize(
    ("page", "folder"), [("pr_excerpt.html", "pr"), ("la_with_subdirectory.html", "la")]
)
def test_a_row_is_spaced_as_on_the_real_page(page: str, folder: str) -> None:
    if not LISTINGS.is_dir():
        pytest.skip("needs the real listing pages in ../shared/data/listing")
    row = re.compile(r"(\S+ +\S+ [AP]M) +(\S+) <A HREF=\"[^\"]*\">([^<]*)</A><br>")
    real = list(row.finditer((LISTINGS / page).read_text()))
    ours = listing_page(
        f"/pub/time.series/{folder}/",
        [
            Row(name, None if size == "&lt;dir&gt;" else size, " ".join(moment.split(None, 1)))
            for moment, size, name in (found.groups() for found in real)
        ],
    ).decode()
    assert len(real) >= 3
    assert [found.group() for found in real if found.group() not in ours] == []


def test_a_listing_shows_each_files_true_size_and_stamp() -> None:
    with SampleServer() as server:
        page = get(f"{server.bls_url}pr/").body.decode()
        files = server.surveys["pr"]
    rows = re.findall(r" *(\S+) +(\S+ [AP]M) +(\d+) <A HREF=\"[^\"]*/([^/\"]*)\">", page)
    assert {name: (int(size), f"{day} {time}") for day, time, size, name in rows} == {
        name: (file.size, file.stamp) for name, file in files.items()
    }


def test_a_test_can_show_any_rows_it_likes() -> None:
    hostile = Row("<b>.txt", "9" * 30, "0/0/0000 nonsense", href="//evil.example/%2e%2e/x")
    with SampleServer() as server:
        server.listing_rows = lambda _, rows: [*rows[:1], *rows[:1], hostile]
        page = get(f"{server.bls_url}pr/").body.decode()
    assert page.count(">pr.class<") == 2
    assert f' {"9" * 30} <A HREF="//evil.example/%2e%2e/x">&lt;b&gt;.txt</A>' in page
    assert "<b>.txt" in unescape(page)


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


def test_an_http_date_is_in_gmt() -> None:
    assert http_date(datetime(2025, 2, 6, 13, 30, 2, tzinfo=UTC)) == "Thu, 06 Feb 2025 13:30:02 GMT"
