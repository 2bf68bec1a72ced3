"""Put-if-absent, proven once for a lake: servers that ignore the condition are refused by name."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from blsquest.core.errors import Refused
from blsquest.lake.keys import PROOF, view_record_key
from blsquest.lake.stores import base
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.sources.http import SURVEYS_AT_ONCE
from blsquest.sources.sample.server import SampleServer
from tests.conftest import NewWire
from tests.support import HANG
from tests.support.lakes import PR, contents, mirror, small
from tests.support.s3_servers import S3Server


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has proven nothing yet."""
    monkeypatch.setattr(base, "_proven", set())


@pytest.fixture
def server(server: SampleServer) -> SampleServer:
    server.surveys["pr"] = small(1)
    return server


def test_a_server_that_ignores_it_is_refused(server: SampleServer, careless: S3Server) -> None:
    lake = S3Store(careless.fresh_bucket(), "lake", careless.options)
    assert mirror(server, lake, dry_run=True).ended == "planned"
    assert contents(lake) == {}
    for _ in range(2):
        asked = len(server.requests)
        with pytest.raises(Refused, match="ignores If-None-Match: of two runs at once") as caught:
            mirror(server, lake)
        assert careless.endpoint in caught.value.what
        assert caught.value.remedy
        assert len(server.requests) == asked + 1  # the listing
        assert contents(lake).keys() == {PROOF}


def test_a_lake_that_was_moved_to_such_a_server_is_refused(
    server: SampleServer, careless: S3Server, moto_s3: S3Server
) -> None:
    """Its record comes along, from a server that honours the condition."""
    bucket = careless.fresh_bucket()
    moto_s3.client().create_bucket(Bucket=bucket)
    here, there = (S3Store(bucket, "lake", s.options) for s in (moto_s3, careless))
    mirror(server, here)
    for key, body in contents(here).items():
        there.put(key, body)
    with pytest.raises(Refused, match="ignores If-None-Match"):
        mirror(server, there)


@pytest.mark.parametrize("kind", ["moto_s3", "seaweed"])
def test_a_lake_is_proven_once_also_one_that_has_commits(
    server: SampleServer, request: pytest.FixtureRequest, wire: NewWire, kind: str
) -> None:
    s3: S3Server = request.getfixturevalue(kind)
    relay = wire(s3)
    lake = S3Store(s3.fresh_bucket(), "lake", replace(s3.options, endpoint=relay.endpoint))

    def requests_of_proof() -> int:
        found = sum(r.target.endswith(PROOF) for r in relay.requests)
        relay.requests.clear()
        return found

    mirror(server, lake)
    assert requests_of_proof() == 6
    base._proven.clear()  # another process
    assert mirror(server, lake).name == "Unchanged"
    assert requests_of_proof() == 0
    record = view_record_key(PR)
    of_before = json.loads(lake.read(record))
    del of_before["published"]
    lake.put(record, json.dumps(of_before).encode())
    for expected in (8, 0):  # the first PUT is refused too
        base._proven.clear()
        assert mirror(server, lake).name == "Unchanged"
        assert requests_of_proof() == expected


def test_surveys_side_by_side_need_one_proof(moto_s3: S3Server, wire: NewWire) -> None:
    relay = wire(moto_s3)
    bucket, options = moto_s3.fresh_bucket(), replace(moto_s3.options, endpoint=relay.endpoint)
    start = Barrier(SURVEYS_AT_ONCE, timeout=HANG)

    def prove(_: int) -> None:
        lake = S3Store(bucket, "lake", options)
        start.wait()
        base.prove_put_if_absent(lake)

    with ThreadPoolExecutor(SURVEYS_AT_ONCE) as pool:
        list(pool.map(prove, range(SURVEYS_AT_ONCE)))
    assert sum(r.target.endswith(PROOF) for r in relay.requests) == 6


def test_a_directory_needs_no_proof(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    assert PROOF not in contents(lake)
