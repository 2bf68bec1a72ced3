from __future__ import annotations

from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING

import pytest

from blsquest.sources.sample.pages import PublishedFile
from blsquest.sources.sample.server import SampleServer
from tests.support.sample_client import get

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_comes_whole_with_its_dates_and_is_called_a_sample() -> None:
    with SampleServer() as server:
        answer = get(f"{server.bls_url}pr/pr.series")
        file = server.surveys["pr"]["pr.series"]
    assert answer.status == 200
    assert answer.body == file.body
    assert answer.headers["Content-Length"] == str(file.size)
    assert answer.headers["Last-Modified"] == file.last_modified
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Sample-Data"] == "generated"
    assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - time()) < 60


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Thu, 06 Feb 2025 13:30:02 GMT", 304),
        ("Thu, 06 Feb 2025 13:30:03 GMT", 304),
        ("Thu, 06 Feb 2025 13:30:01 GMT", 200),
        ("yesterday", 200),
    ],
)
def test_if_modified_since_is_answered_304_unless_older_or_no_date(since: str, status: int) -> None:
    with SampleServer() as server:
        answer = get(f"{server.bls_url}pr/pr.class", If_Modified_Since=since)
    assert answer.status == status
    assert (answer.body == b"") == (status == 304)
    assert answer.headers["Last-Modified"] == "Thu, 06 Feb 2025 13:30:02 GMT"


def test_if_none_match_is_ignored() -> None:
    with SampleServer() as server:
        assert get(f"{server.bls_url}pr/pr.class", If_None_Match="*").status == 200


def test_a_file_without_last_modified_is_never_304() -> None:
    with SampleServer() as server:
        server.surveys["pr"]["pr.class"] = PublishedFile(b"x", "2/6/2025 8:30 AM", None)
        answer = get(
            f"{server.bls_url}pr/pr.class", If_Modified_Since="Thu, 06 Feb 2035 13:30:02 GMT"
        )
    assert answer.status == 200
    assert "Last-Modified" not in answer.headers


@pytest.mark.parametrize("path", ["", "pr/", "pr/pr.class", "nothing/here"])
def test_bls_refuses_a_user_agent_without_a_contact(path: str) -> None:
    with SampleServer() as server:
        answer = get(server.bls_url + path, User_Agent="python-requests/2.34")
    assert answer.status == 403
    assert answer.headers["Server"] == "AkamaiGHost"
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"Access Denied" in answer.body
    assert b"Automated retrieval programs" in answer.body


@pytest.mark.parametrize("path", ["zz/", "pr/pr.nothing", "pr/pr.class/", "pr"])
def test_what_is_not_there_is_a_404_page(path: str) -> None:
    with SampleServer() as server:
        answer = get(server.bls_url + path)
    assert answer.status == 404
    assert b"<html>" in answer.body


def test_head_is_get_without_the_body() -> None:
    with SampleServer() as server:
        answer = get(f"{server.bls_url}pr/pr.class", method="HEAD")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "102")


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=1-2,4-5", 200, b"0123456789", None),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_range_is_served(
    tmp_path: Path, asked: str, status: int, body: bytes, told: str | None, *, streamed: bool
) -> None:
    (tmp_path / "digits").write_bytes(b"0123456789")
    with SampleServer() as server:
        file = tmp_path / "digits" if streamed else b"0123456789"
        server.surveys["xy"] = {"xy.txt": PublishedFile(file, "", None)}
        answer = get(f"{server.bls_url}xy/xy.txt", Range=asked)
    assert (answer.status, answer.body, answer.headers["Content-Range"]) == (status, body, told)
