from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest

from blsquest.core.errors import Refused, SourceError
from blsquest.core.source import Listing, RemoteFile
from blsquest.sources.datausa import PopulationSource
from blsquest.sources.http import Client
from blsquest.sources.pacer import Pacer
from blsquest.sources.population import read_population
from blsquest.sources.sample.server import SampleServer
from tests.support import faults as sick
from tests.support.faults import Fault

FILE = RemoteFile("census.json", None, "")


def census(server: SampleServer, **given: Any) -> PopulationSource:
    """Without a contact: DataUSA asks for none."""
    return PopulationSource(Client(Pacer(None)), url=server.population_url, **given)


@pytest.fixture
def source(server: SampleServer) -> PopulationSource:
    return census(server)


def test_it_is_a_daily_source_of_one_file(source: PopulationSource) -> None:
    assert (source.key, source.layout, source.data_prefix) == ("census", "daily", "census.json")
    assert source.list() == Listing(files=(FILE,), sample=True)


def test_a_run_asks_once_and_keeps_bytes(server: SampleServer, source: PopulationSource) -> None:
    source.list()
    into, arrived = BytesIO(b"former content, which is longer" * 99), list[int]()
    fetched = source.fetch(FILE, into, progress=arrived.append)
    payload = into.getvalue()
    assert source.meter.requests == {"GET": 1}
    assert len(server.requests) == 1
    assert "If-Modified-Since" not in server.requests[0].headers
    assert (fetched.size, fetched.sha256) == (len(payload), sha256(payload).hexdigest())
    assert fetched.identity == read_population(payload).identity != fetched.sha256
    assert arrived == [len(payload)]
    assert (fetched.last_modified, fetched.age) == (None, None)


def test_required_years_are_passed_on(server: SampleServer) -> None:
    with pytest.raises(Refused, match="no count for 1999"):
        census(server, required_years=[1999]).list()


def test_no_payload_beyond_16_mib_is_taken(server: SampleServer, source: PopulationSource) -> None:
    server.faults += [Fault(sick.body(b" " * (16 << 20) + b"{")), Fault(sick.chunked())]
    with pytest.raises(SourceError, match="the limit of 16,777,216 bytes"):
        source.list()


def test_a_service_that_moved_is_named(server: SampleServer, source: PopulationSource) -> None:
    server.faults.append(Fault(sick.status(404)))
    with pytest.raises(SourceError, match="answered 404") as caught:
        source.list()
    assert source.url.partition("?")[0] in caught.value.what
    assert "cube=" not in caught.value.what  # a query may hold a signature
    assert "--population-url" in caught.value.remedy
    assert not caught.value.transient


def test_another_estimate_is_refused(server: SampleServer, source: PopulationSource) -> None:
    healthy = BytesIO()
    source.list()
    source.fetch(FILE, healthy)
    server.population = healthy.getvalue().replace(b"1-year", b"5-year")
    with pytest.raises(Refused, match=r"asks for a 1-year estimate.*ACS 5-year"):
        census(server).list()
