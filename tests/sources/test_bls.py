from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Misuse, Refused, SourceError
from blsquest.core.source import Fetched, NotModified, RemoteFile
from blsquest.sources.bls import BLS_ROOT, BlsSurvey
from blsquest.sources.datausa import PopulationSource
from blsquest.sources.http import Client
from blsquest.sources.pacer import Pacer
from blsquest.sources.sample import faults as sick
from blsquest.sources.sample.faults import Fault
from blsquest.sources.sample.server import SampleServer
from tests.sources.conftest import CONTACT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def survey(server: SampleServer, client: Client) -> BlsSurvey:
    return BlsSurvey("pr", client, server.bls_url)


def file_of(survey: BlsSurvey, name: str) -> RemoteFile:
    return next(f for f in survey.list().files if f.name == name)


def test_a_survey_is_a_flat_source_whose_data_files_have_its_prefix() -> None:
    survey = BlsSurvey("pr", Client(Pacer(None), contact="somebody@corp.com"))
    assert (survey.key, survey.layout, survey.data_prefix) == ("bls/pr", "flat", "pr.data.")
    assert survey.url == f"{BLS_ROOT}pr/"


def test_only_the_publishers_own_hosts_are_known_to_be_real_before_they_are_asked(
    server: SampleServer, client: Client
) -> None:
    own = Client(Pacer(None), contact="somebody@corp.com")
    assert BlsSurvey("pr", own).surely_real
    assert PopulationSource(own).surely_real
    assert not BlsSurvey("pr", client, server.bls_url).surely_real
    assert not PopulationSource(client, url=server.population_url).surely_real
    assert not BlsSurvey("pr", own, "https://mirror.corp.com/pub/time.series/").surely_real


def test_without_a_contact_nothing_is_asked(server: SampleServer) -> None:
    with pytest.raises(Misuse, match="--contact"):
        BlsSurvey("pr", Client(Pacer(None)), server.bls_url)
    assert server.requests == []


def test_an_impossible_survey_or_root_is_misuse(client: Client) -> None:
    with pytest.raises(Misuse, match="not the code of a BLS survey"):
        BlsSurvey("../etc", client)
    with pytest.raises(Misuse, match="plain http"):
        BlsSurvey("pr", client, "http://download.bls.gov/pub/time.series/")


def test_the_listing_costs_one_request_and_names_every_file_with_its_size(
    server: SampleServer, survey: BlsSurvey
) -> None:
    listing = survey.list()
    published = server.surveys["pr"]
    assert {f.name: f.stamp for f in listing.files} == {n: p.stamp for n, p in published.items()}
    assert [r.path for r in server.requests] == ["/pub/time.series/pr/"]
    assert survey.meter.requests == {"GET": 1}


def test_a_generated_sample_is_called_one_and_real_files_are_not(
    survey: BlsSurvey, client: Client, shared_data: Path
) -> None:
    assert survey.list().sample
    with SampleServer(folder=shared_data / "pr/2025-02") as real:
        assert not BlsSurvey("pr", client, real.bls_url).list().sample


def test_real_files_arrive_byte_for_byte(client: Client, shared_data: Path) -> None:
    folder = shared_data / "pr/2024-06"
    with SampleServer(folder=folder) as real:
        survey = BlsSurvey("pr", client, real.bls_url)
        files = survey.list().files
        assert {f.name for f in files} == {p.name for p in folder.iterdir()}
        for file in files:
            into = BytesIO()
            survey.fetch(file, into)
            assert into.getvalue() == (folder / file.name).read_bytes()


def test_a_fetched_file_brings_its_hash_and_its_age(
    server: SampleServer, survey: BlsSurvey
) -> None:
    server.faults.append(Fault(sick.header("Date", "Thu, 06 Aug 2026 12:45:00 GMT")))
    server.faults.append(Fault(sick.header("Last-Modified", "Thu, 06 Aug 2026 12:30:00 GMT")))
    into = BytesIO()
    fetched = survey.fetch(file_of(survey, "pr.series"), into)
    digest = sha256(into.getvalue()).hexdigest()
    assert fetched == Fetched(
        len(into.getvalue()), digest, digest, "Thu, 06 Aug 2026 12:30:00 GMT", 900.0
    )


def test_a_conditional_request_sends_the_stored_date_verbatim_and_may_say_not_modified(
    server: SampleServer, survey: BlsSurvey
) -> None:
    file = file_of(survey, "pr.series")
    fetched = survey.fetch(file, BytesIO())
    assert isinstance(fetched, Fetched)
    again = survey.fetch(file, BytesIO(), if_modified_since=fetched.last_modified)
    assert isinstance(again, NotModified)
    assert again.age == pytest.approx(fetched.age, abs=5)
    assert server.requests[-1].headers["If-Modified-Since"] == fetched.last_modified
    assert "If-None-Match" not in server.requests[-1].headers


@pytest.mark.parametrize("said", [None, "yesterday", "Thu, 06 Aug 0000 12:30:00 GMT"])
def test_a_missing_or_malformed_last_modified_is_unknown(
    server: SampleServer, survey: BlsSurvey, said: str | None
) -> None:
    server.faults.append(Fault(sick.header("Last-Modified", said), path="*/pr.series"))
    file = file_of(survey, "pr.series")
    fetched = survey.fetch(file, BytesIO(), if_modified_since=said)
    assert isinstance(fetched, Fetched)
    assert (fetched.last_modified, fetched.age) == (None, None)
    assert "If-Modified-Since" not in server.requests[-1].headers


def test_an_unknown_survey_is_named_with_the_place_that_lists_them(
    server: SampleServer, client: Client
) -> None:
    with pytest.raises(SourceError, match="no survey 'zz'") as caught:
        BlsSurvey("zz", client, server.bls_url).list()
    assert server.bls_url in caught.value.what
    assert "lists the surveys that there are" in caught.value.remedy
    assert len(server.requests) == 1


def test_a_403_is_explained_and_nothing_more_is_asked(
    server: SampleServer, survey: BlsSurvey
) -> None:
    file = file_of(survey, "pr.series")
    server.faults.append(Fault(sick.status(403)))
    for ask in (survey.list, lambda: survey.fetch(file, BytesIO())):
        with pytest.raises(SourceError, match="answered 403") as caught:
            ask()
        assert CONTACT in caught.value.what
        assert "blsterms" in caught.value.remedy
        assert not caught.value.transient
    assert len(server.requests) == 2


def test_a_listed_file_that_is_gone_is_named_and_not_tried_again(
    server: SampleServer, survey: BlsSurvey
) -> None:
    file = file_of(survey, "pr.series")
    del server.surveys["pr"]["pr.series"]
    with pytest.raises(SourceError, match=r"bls/pr/pr\.series is listed but not there"):
        survey.fetch(file, BytesIO())
    assert len(server.requests) == 2


@pytest.mark.parametrize("act", [sick.html_page(), sick.content_type("text/html")])
def test_a_web_page_in_the_place_of_a_file_is_refused(
    server: SampleServer, survey: BlsSurvey, act: sick.Act
) -> None:
    server.faults.append(Fault(act, path="*/pr.series"))
    with pytest.raises(Refused, match=r"pr\.series: the publisher sent a web page"):
        survey.fetch(file_of(survey, "pr.series"), BytesIO())


def test_a_web_page_that_hides_behind_the_right_type_and_size_is_refused(
    server: SampleServer, survey: BlsSurvey
) -> None:
    page = b"\r\n<!DOCTYPE html><html>"
    hidden = sick.edit(lambda body: page + bytes(len(body) - len(page)))
    server.faults += [Fault(hidden, path="*/pr.series"), Fault(sick.trickle(5, 0.0))]
    with pytest.raises(Refused, match="web page"):
        survey.fetch(file_of(survey, "pr.series"), BytesIO())


def test_an_error_page_instead_of_the_listing_is_refused(
    server: SampleServer, survey: BlsSurvey
) -> None:
    server.faults.append(Fault(sick.html_page()))
    with pytest.raises(Refused, match="is another page"):
        survey.list()


def test_a_name_with_spaces_and_signs_is_asked_for_as_it_is(
    server: SampleServer, survey: BlsSurvey
) -> None:
    odd = "pr.notes (draft) +1 & more;v=2"
    server.surveys["pr"][odd] = server.surveys["pr"]["pr.class"]
    into = BytesIO()
    survey.fetch(file_of(survey, odd), into)
    assert into.getvalue() == server.surveys["pr"]["pr.class"].body
