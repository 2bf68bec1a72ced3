from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blsquest.sources.sample.pages import published_folder
from blsquest.sources.sample.server import SampleServer
from tests.support.sample_client import get

if TYPE_CHECKING:
    from blsquest.sources.sample.wire import Request

REAL = Path(__file__).parents[3] / "shared" / "data" / "pr"
THEN = datetime(2025, 2, 6, 13, 30, tzinfo=UTC)


def test_a_release_can_come_out_between_two_requests_of_a_run() -> None:
    with SampleServer() as server:

        def publish(request: Request) -> None:
            if request.path.endswith("/pr.notice"):
                server.publish(2)

        server.on_request = publish
        assert b"pr.contacts" in get(f"{server.bls_url}pr/").body
        assert get(f"{server.bls_url}pr/pr.notice").status == 200
        page = get(f"{server.bls_url}pr/").body
    assert b"pr.contacts" not in page
    assert b"pr.notice" in page


def test_real_files_are_served_from_a_folder_and_not_called_a_sample(tmp_path: Path) -> None:
    (tmp_path / "pr.class").write_bytes(b"class\r\n")
    os.utime(tmp_path / "pr.class", (THEN.timestamp(), THEN.timestamp()))
    with SampleServer(folder=tmp_path) as server:
        page, file = get(f"{server.bls_url}pr/"), get(f"{server.bls_url}pr/pr.class")
    assert b"  2/6/2025  8:30 AM            7 <A" in page.body
    assert file.body == b"class\r\n"
    assert file.headers["Last-Modified"] == "Thu, 06 Feb 2025 13:30:00 GMT"
    assert "X-Sample-Data" not in page.headers
    assert "X-Sample-Data" not in file.headers


@pytest.mark.parametrize(
    ("restamp", "moved"),
    [
        (True, ["pr.class", "pr.data", "pr.txt"]),
        (False, ["pr.data"]),
        (["pr.class"], ["pr.class", "pr.data"]),
    ],
)
def test_the_next_folder_restamps_files_with_the_same_bytes_as_told(
    tmp_path: Path, restamp: bool | list[str], moved: list[str]
) -> None:
    for release, data in (("1", b"old"), ("2", b"new")):
        folder = tmp_path / release
        folder.mkdir()
        for name, body in (("pr.class", b"c"), ("pr.txt", b"t"), ("pr.data", data)):
            (folder / name).write_bytes(body)
    server = SampleServer()
    server.publish_folder(tmp_path / "1", modified=THEN)
    before = server.surveys["pr"]
    server.publish_folder(tmp_path / "2", modified=THEN.replace(month=3), restamp=restamp)
    after = server.surveys["pr"]
    assert [name for name in after if after[name].stamp != before[name].stamp] == moved
    assert after["pr.data"].content() == b"new"


def test_the_real_releases_come_byte_for_byte() -> None:
    if not REAL.is_dir():
        pytest.skip("needs the real releases in ../shared/data/pr")
    folder = REAL / "2025-02"
    with SampleServer(folder=folder) as server:
        for path in folder.iterdir():
            assert get(f"{server.bls_url}pr/{path.name}").body == path.read_bytes()


def test_a_folder_named_by_its_date_is_a_release_of_that_day(tmp_path: Path) -> None:
    for name in ("2024-06", "2025-02-06"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "pr.class").write_bytes(b"same")
    first = published_folder(tmp_path / "2024-06")["pr.class"]
    second = published_folder(tmp_path / "2025-02-06")["pr.class"]
    assert (first.stamp, first.last_modified) == (
        "6/1/2024 8:30 AM",
        "Sat, 01 Jun 2024 12:30:00 GMT",
    )
    assert (second.stamp, second.last_modified) == (
        "2/6/2025 8:30 AM",
        "Thu, 06 Feb 2025 13:30:00 GMT",
    )
