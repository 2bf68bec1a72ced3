from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO

import pytest

from blsquest.core.errors import Misuse, Refused, SourceError
from blsquest.core.source import Fetched, NotModified, RemoteFile
from blsquest.sources.bls import BLS_ROOT, BlsRoot, BlsSurvey
from blsquest.sources.datausa import PopulationSource
from blsquest.sources.http import Client
from blsquest.sources.pacer import MARGIN, Pacer
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from blsquest.sources.selection import Offered
from tests.sources.conftest import CONTACT, make_client
from tests.support import faults as sick
from tests.support.faults import Fault
from tests.support.lakes import LONG_AGO


@pytest.fixture
def survey(server: SampleServer, client: Client) -> BlsSurvey:
    return BlsSurvey("pr", client, server.bls_url)


def file_of(survey: BlsSurvey, name: str = "pr.series") -> RemoteFile:
    return next(f for f in survey.list().files if f.name == name)


def root(server: SampleServer) -> BlsRoot:
    return BlsRoot(make_client(), server.bls_url)


def with_surveys(server: SampleServer, *folders: str) -> None:
    for folder in folders:
        files = {f"{folder}.data.1.All": published(folder.encode(), LONG_AGO)}
        server.surveys[folder] = files


def test_only_bls_and_datausa_are_surely_real(server: SampleServer, client: Client) -> None:
    own = Client(Pacer(None), contact="somebody@corp.com")
    survey = BlsSurvey("pr", own)
    assert survey.surely_real
    assert (survey.key, survey.layout, survey.data_prefix) == ("bls/pr", "flat", "pr.data.")
    assert survey.url == f"{BLS_ROOT}pr/"
    assert PopulationSource(own).surely_real
    assert not BlsSurvey("pr", client, server.bls_url).surely_real
    assert not PopulationSource(client, url=server.population_url).surely_real
    assert not BlsSurvey("pr", own, "https://mirror.corp.com/pub/time.series/").surely_real


def test_without_a_contact_nothing_is_asked(server: SampleServer) -> None:
    with pytest.raises(Misuse, match="--contact"):
        BlsSurvey("pr", Client(Pacer(None)), server.bls_url)
    assert server.requests == []


def test_the_listing_costs_one_request(server: SampleServer, survey: BlsSurvey) -> None:
    listing = survey.list()
    assert listing.sample
    assert {f.name: (f.stamp, f.size) for f in listing.files} == {
        name: (file.stamp, len(file.body)) for name, file in server.surveys["pr"].items()
    }
    assert [r.path for r in server.requests] == ["/pub/time.series/pr/"]
    assert survey.meter.requests == {"GET": 1}


def test_a_fetched_file_has_its_hash_and_its_age(server: SampleServer, survey: BlsSurvey) -> None:
    server.faults.append(Fault(sick.header("Date", "Thu, 06 Aug 2026 12:45:00 GMT")))
    server.faults.append(Fault(sick.header("Last-Modified", "Thu, 06 Aug 2026 12:30:00 GMT")))
    into = BytesIO()
    fetched = survey.fetch(file_of(survey), into)
    digest = sha256(into.getvalue()).hexdigest()
    assert fetched == Fetched(
        len(into.getvalue()), digest, digest, "Thu, 06 Aug 2026 12:30:00 GMT", 900.0
    )


def test_a_request_may_be_answered_not_modified(server: SampleServer, survey: BlsSurvey) -> None:
    file = file_of(survey)
    fetched = survey.fetch(file, BytesIO())
    assert isinstance(fetched, Fetched)
    again = survey.fetch(file, BytesIO(), if_modified_since=fetched.last_modified)
    assert isinstance(again, NotModified)
    assert again.age == pytest.approx(fetched.age, abs=60)
    assert server.requests[-1].headers["If-Modified-Since"] == fetched.last_modified
    assert "If-None-Match" not in server.requests[-1].headers


@pytest.mark.parametrize("said", [None, "yesterday", "Thu, 06 Aug 0000 12:30:00 GMT"])
def test_a_malformed_date_is_unknown(
    server: SampleServer, survey: BlsSurvey, said: str | None
) -> None:
    server.faults.append(Fault(sick.header("Last-Modified", said), path="*/pr.series"))
    file = file_of(survey)
    fetched = survey.fetch(file, BytesIO(), if_modified_since=said)
    assert isinstance(fetched, Fetched)
    assert (fetched.last_modified, fetched.age) == (None, None)
    assert "If-Modified-Since" not in server.requests[-1].headers


def test_an_unknown_survey_is_named_with_their_list(server: SampleServer, client: Client) -> None:
    with pytest.raises(SourceError, match="no survey 'zz'") as caught:
        BlsSurvey("zz", client, server.bls_url).list()
    assert server.bls_url in caught.value.what
    assert "to see the surveys" in caught.value.remedy
    assert len(server.requests) == 1


def test_a_listed_file_that_is_gone_is_named(server: SampleServer, survey: BlsSurvey) -> None:
    file = file_of(survey)
    del server.surveys["pr"]["pr.series"]
    with pytest.raises(SourceError, match=r"bls/pr/pr\.series is listed but not there"):
        survey.fetch(file, BytesIO())
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "act",
    [
        sick.html_page(),
        sick.content_type("text/html"),
        sick.edit(lambda body: b"\r\n<!DOCTYPE html>".ljust(len(body))),
        sick.edit(lambda body: b"\xef\xbb\xbf<HTML>".ljust(len(body))),
    ],
)
def test_a_web_page_is_no_file(server: SampleServer, survey: BlsSurvey, act: sick.Act) -> None:
    server.faults += [Fault(act, path="*/pr.series"), Fault(sick.trickle(500, 0.0))]
    with pytest.raises(Refused, match=r"pr\.series: the publisher sent a web page"):
        survey.fetch(file_of(survey), BytesIO())


def test_a_file_called_a_web_page_may_be_one(server: SampleServer, survey: BlsSurvey) -> None:
    server.surveys["pr"]["pr.help.html"] = published(b"<html>help</html>", LONG_AGO)
    server.faults.append(Fault(sick.content_type("text/html")))
    fetched = survey.fetch(file_of(survey, "pr.help.html"), BytesIO())
    assert isinstance(fetched, Fetched)


def test_a_name_with_spaces_and_signs_is_fetched(server: SampleServer, survey: BlsSurvey) -> None:
    odd = "pr.notes (draft) +1 & more;v=2"
    server.surveys["pr"][odd] = server.surveys["pr"]["pr.class"]
    into = BytesIO()
    survey.fetch(file_of(survey, odd), into)
    assert into.getvalue() == server.surveys["pr"]["pr.class"].body


def test_the_surveys_are_read_from_the_root_in_one_request(server: SampleServer) -> None:
    with_surveys(server, "cu", "compressed", "ce")
    assert root(server).list() == Offered(("ce", "cu", "pr"), ("compressed",))
    assert [r.path for r in server.requests] == ["/pub/time.series/"]


def test_a_root_that_is_not_there_is_an_error_with_bls_own_address(server: SampleServer) -> None:
    server.faults = [Fault(sick.status(404))]
    with pytest.raises(SourceError, match="no folder of surveys") as failed:
        root(server).list()
    assert "https://download.bls.gov/pub/time.series/" in failed.value.remedy


def test_a_403_is_explained_and_nothing_more_is_asked_for_any_survey(server: SampleServer) -> None:
    bls = root(server)
    file = file_of(bls.survey("pr"))
    server.faults = [Fault(sick.status(403))]
    survey = bls.survey("pr")
    for ask in (bls.survey("cu").list, lambda: survey.fetch(file, BytesIO()), bls.list):
        with pytest.raises(SourceError, match="answered 403") as caught:
            ask()
        assert CONTACT in caught.value.what
        assert "blsterms" in caught.value.remedy
        assert not caught.value.transient
    assert len(server.requests) == 2


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
