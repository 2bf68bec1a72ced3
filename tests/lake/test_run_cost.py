"""What a run costs at the publisher and at the storage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import QuestError
from blsquest.lake.stores.s3 import S3Store
from blsquest.sources.sample.faults import Fault, html_page, status
from blsquest.sources.sample.pages import published
from tests.support.lakes import LONG_AGO, assert_whole, kinds, mirror, small

if TYPE_CHECKING:
    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.server import SampleServer
    from tests.conftest import NewWire
    from tests.support.s3_servers import S3Server


@pytest.mark.parametrize("files", [12, 1_000])
def test_an_unchanged_run_costs_one_request_and_four_storage_calls_however_many_files(
    server: SampleServer, lake: DirectoryStore, files: int
) -> None:
    server.surveys["pr"] = small(1, files)
    mirror(server, lake)
    asked, before = len(server.requests), dict(lake.meter.requests)
    outcome = mirror(server, lake)
    assert outcome.name == "Unchanged"
    assert len(server.requests) - asked == 1
    spent = {verb: n - before.get(verb, 0) for verb, n in lake.meter.requests.items()}
    assert {verb: n for verb, n in spent.items() if n} == {"LIST": 2, "GET": 2}


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("moto_s3", 12),
        ("seaweed", 12),
        pytest.param("seaweed", 1_000, marks=pytest.mark.slow),  # a thousand uploads
    ],
)
def test_an_unchanged_run_costs_four_requests_at_the_s3_server_however_many_files(
    server: SampleServer, request: pytest.FixtureRequest, wire: NewWire, kind: str, files: int
) -> None:
    s3: S3Server = request.getfixturevalue(kind)
    server.surveys["pr"] = small(1, files)
    bucket = s3.fresh_bucket()
    mirror(server, S3Store(bucket, "lake", s3.options))
    relay = wire(s3)
    again = S3Store(bucket, "lake", replace(s3.options, endpoint=relay.endpoint))
    assert mirror(server, again).name == "Unchanged"
    assert relay.verbs == {"LIST": 2, "GET": 2} == again.meter.requests


@pytest.mark.parametrize(("files", "looks"), [(10, 10), (11, 0)])
def test_of_many_new_files_one_list_tells_which_are_there_and_of_few_a_look_at_each(
    server: SampleServer, lake: DirectoryStore, files: int, looks: int
) -> None:
    server.surveys["pr"] = small(1, files)
    server.faults = [Fault(status(404), f"*{max(server.surveys['pr'])}", times=1)]
    with pytest.raises(QuestError):
        mirror(server, lake)
    lake.meter.requests.clear()
    mirror(server, lake)
    assert lake.meter.requests["HEAD"] == looks
    # The one that was missing, the manifest and the view's record.
    assert lake.meter.requests["PUT"] == 3


def test_one_changed_file_costs_three_requests_at_the_source(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    server.surveys["pr"]["pr.txt"] = published(b"other\r\n", LONG_AGO, generated=True)
    asked = len(server.requests)
    assert kinds(mirror(server, lake)) == {"pr.txt": "changed"}
    paths = [request.path.rsplit("/", 1)[1] for request in server.requests[asked:]]
    assert paths == ["", "pr.txt", ""]


@pytest.mark.parametrize("kind", ["moto_s3", "seaweed"])
def test_no_content_is_ever_uploaded_twice_as_the_s3_server_counts(
    server: SampleServer, request: pytest.FixtureRequest, wire: NewWire, kind: str
) -> None:
    s3: S3Server = request.getfixturevalue(kind)
    relay = wire(s3)
    lake = S3Store(s3.fresh_bucket(), "lake", replace(s3.options, endpoint=relay.endpoint))
    for number in (1, 2, 1, 2, 1):
        server.publish(number)
        server.faults = [Fault(status(404), "*pr.data.0.Current", times=1)]
        if number == 2:
            server.faults.append(Fault(html_page(), "*pr.notice", times=1))
        for recheck in (False, False, True):
            try:
                mirror(server, lake, recheck=recheck)
            except QuestError:
                continue
    assert_whole(lake)
    put = [r.target for r in relay.requests if r.verb == "PUT" and "/vintages/" in r.target]
    assert len(put) == len(set(put)) == 15
    assert "COMPLETE" not in relay.verbs
