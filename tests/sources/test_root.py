"""All surveys through one client: discovery, one connection, one pace, one door."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Refused, SourceError
from blsquest.sources.bls import BlsRoot
from blsquest.sources.listing import parse_listing
from blsquest.sources.pacer import MARGIN, Pacer
from blsquest.sources.sample.faults import Fault, body, status
from blsquest.sources.sample.pages import published
from blsquest.sources.selection import Offered, offered
from tests.sources.conftest import make_client
from tests.support.lakes import LONG_AGO

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.sources.sample.server import SampleServer


def with_surveys(server: SampleServer, *folders: str) -> None:
    for folder in folders:
        files = {f"{folder}.data.1.All": published(folder.encode(), LONG_AGO)}
        server.surveys[folder] = files


def root(server: SampleServer) -> BlsRoot:
    return BlsRoot(make_client(), server.bls_url)


def test_the_surveys_are_read_from_the_root_in_one_request(server: SampleServer) -> None:
    with_surveys(server, "cu", "compressed", "ce")

    assert root(server).list() == Offered(("ce", "cu", "pr"), ("compressed",))
    assert [r.path for r in server.requests] == ["/pub/time.series/"]


def test_the_real_roots_page_tells_surveys_from_other_folders(shared_data: Path) -> None:
    page = (shared_data / "listing" / "root_excerpt.html").read_bytes()

    told = offered(parse_listing(page, "/pub/time.series/").directories)

    assert told == Offered(("ce", "cu"), ("compressed",))


def test_a_root_that_is_not_there_is_told_with_bls_own_address(server: SampleServer) -> None:
    server.faults = [Fault(status(404))]
    with pytest.raises(SourceError, match="no folder of surveys") as failed:
        root(server).list()
    assert "https://download.bls.gov/pub/time.series/" in failed.value.remedy


def test_a_page_that_is_no_listing_of_the_root_is_refused(server: SampleServer) -> None:
    server.faults = [Fault(body(b"<html>Sorry</html>"))]
    with pytest.raises(Refused, match="not a directory listing"):
        root(server).list()


def test_a_door_that_is_shut_to_one_survey_is_not_knocked_at_by_the_others(
    server: SampleServer,
) -> None:
    with_surveys(server, "cu")
    server.faults = [Fault(status(403))]
    bls = root(server)
    for code in ("cu", "pr"):
        with pytest.raises(SourceError, match="403"):
            bls.survey(code).list()
    assert len(server.requests) == 1


def test_all_surveys_side_by_side_keep_one_pace(server: SampleServer) -> None:
    codes = [f"a{n}" for n in range(8)]
    with_surveys(server, *codes)
    slept: list[float] = []
    pacer = Pacer(20, clock=lambda: sum(slept), sleep=slept.append)
    bls = BlsRoot(make_client(pacer=pacer), server.bls_url)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda code: bls.survey(code).list(), codes))

    assert len(server.requests) == 8
    assert slept == pytest.approx([(1 + MARGIN) / 20] * 7)
