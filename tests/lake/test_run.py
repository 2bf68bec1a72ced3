"""One run, start to end: what it records, how it ends badly, and what it costs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from blsquest.core.errors import Mixed, QuestError, Refused, SourceError
from blsquest.core.progress import Arrived, Ended, Event, Transfer, listen
from blsquest.lake.run import run
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.datausa import PopulationSource
from blsquest.sources.http import Client
from blsquest.sources.pacer import Pacer
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import Request, SampleServer
from tests.conftest import NewWire
from tests.support.faults import Act, Fault, html_page, status, truncate
from tests.support.lakes import (
    BACK_TO_RELEASE_1,
    LONG_AGO,
    PR,
    TO_RELEASE_2,
    Clock,
    assert_whole,
    contents,
    history,
    kinds,
    mirror,
    release,
    small,
    survey,
    take_population,
)
from tests.support.s3_servers import S3Server


def test_each_release_is_recorded_exactly(server: SampleServer, store: Store) -> None:
    outcomes = []
    for number in (1, 1, 2, 1, 1):
        server.publish(number)
        outcomes.append(mirror(server, store))
        offered = {f"{PR}/{name}": file.body for name, file in server.surveys["pr"].items()}
        assert contents(store, f"{PR}/") == offered
        assert_whole(store)
    names = [outcome.name for outcome in outcomes]
    assert names == ["Changed", "Unchanged", "Changed", "Changed", "Unchanged"]
    assert [o.generation for o in outcomes] == [1, 1, 2, 3, 3]
    assert set(kinds(outcomes[0]).values()) == {"added"}
    assert [kinds(o) for o in outcomes[1:]] == [{}, TO_RELEASE_2, BACK_TO_RELEASE_1, {}]
    assert [o.uploaded for o in outcomes] == [12, 0, 3, 0, 0]
    assert outcomes[0].received == outcomes[0].size == sum(map(len, offered.values()))
    assert (outcomes[0].files, outcomes[0].sample) == (12, True)


def test_a_run_emits_each_byte_that_comes(server: SampleServer, lake: DirectoryStore) -> None:
    events: list[Event] = []
    with listen(events.append):
        outcome = mirror(server, lake)
        mirror(server, lake)

    first, *between, last = events
    assert (first, last) == (Transfer(PR, 12, outcome.size, 0.0), Ended(PR))
    arrived = [event.bytes for event in between if isinstance(event, Arrived)]
    assert len(arrived) == len(between)
    assert sum(arrived) == outcome.received


def test_a_restamp_makes_no_vintage_or_copy(server: SampleServer, lake: DirectoryStore) -> None:
    server.surveys["pr"] = release({"pr.data.0.Some": b"same"})
    mirror(server, lake)
    server.surveys["pr"] = release({"pr.data.0.Some": b"same"}, LONG_AGO + timedelta(days=300))
    before = contents(lake, "vintages/") | contents(lake, f"{PR}/")
    written = lake.meter.requests["COPY"]
    outcome = mirror(server, lake)
    assert outcome.name == "Restamped"
    assert kinds(outcome) == {"pr.data.0.Some": "restamped"}
    assert outcome.content_changed is False
    assert contents(lake, "vintages/") | contents(lake, f"{PR}/") == before
    assert lake.meter.requests["COPY"] == written
    assert mirror(server, lake).name == "Unchanged"


def test_a_file_comes_back_from_its_tombstone(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    contacts = server.surveys["pr"].pop("pr.contacts")
    assert kinds(mirror(server, lake)) == {"pr.contacts": "removed"}
    (grave,) = history(lake)[-1].manifest.tombstones
    assert grave.last.name == "pr.contacts"
    server.surveys["pr"]["pr.contacts"] = contacts
    asked = len(server.requests)
    outcome = mirror(server, lake)
    assert kinds(outcome) == {"pr.contacts": "returned"}
    assert [r.status for r in server.requests[asked:]] == [200, 304, 200]
    assert (outcome.uploaded, outcome.received) == (0, 0)
    assert history(lake)[-1].manifest.tombstones == ()
    assert_whole(lake)


def test_a_manifest_names_run_and_times(server: SampleServer, lake: DirectoryStore) -> None:
    clock = Clock()
    first = clock()
    mirror(server, lake, clock)
    clock.moment += timedelta(days=30)
    server.publish(2)
    run(survey(server), lake, run_id="run 7", now=clock)
    manifest = history(lake)[-1].manifest
    assert (manifest.run, manifest.source, manifest.layout) == ("run 7", PR, "flat")
    entries = {entry.name: entry for entry in manifest.files}
    assert entries["pr.txt"].first_seen == first
    assert entries["pr.class"].first_seen == entries["pr.notice"].first_seen == clock()
    assert {entry.last_seen for entry in entries.values()} == {clock()}


def test_a_dry_run_plans_and_changes_nothing(server: SampleServer, lake: DirectoryStore) -> None:
    empty = mirror(server, lake, dry_run=True)
    assert (empty.generation, empty.committed, empty.files) == (0, None, 0)
    assert lake.list("") == []
    mirror(server, lake)
    server.publish(2)
    before, asked = contents(lake), len(server.requests)
    outcome = mirror(server, lake, dry_run=True)
    assert outcome.sentence() == (
        "bls/pr: would ask for 4 of its files, keep 8 and remove 1. Nothing was changed."
    )
    document = outcome.as_dict()
    assert document["outcome"] == "planned"
    assert document["dry_run"]["ask"] == [
        {"file": "pr.class", "why": "restamped"},
        {"file": "pr.data.0.Current", "why": "resized"},
        {"file": "pr.data.1.AllData", "why": "resized"},
        {"file": "pr.notice", "why": "new"},
    ]
    assert len(document["dry_run"]["keep"]) == 8
    assert document["dry_run"]["remove"] == ["pr.contacts"]
    assert contents(lake) == before
    assert len(server.requests) - asked == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(404), SourceError),
        (status(500), SourceError),
        (truncate(10), SourceError),
        (html_page(), Refused),
    ],
)
def test_one_file_that_fails_means_no_commit_and_what_arrived_is_not_uploaded_again(
    server: SampleServer, lake: DirectoryStore, fault: Act, error: type[QuestError]
) -> None:
    mirror(server, lake)
    server.publish(2)
    before = contents(lake)
    server.faults = [Fault(fault, "*pr.data.1.AllData")]
    with pytest.raises(error, match=r"pr\.data\.1\.AllData"):
        mirror(server, lake)
    after = contents(lake)
    arrived = after.keys() - before.keys()
    assert {key.split("/")[3] for key in arrived} == {"pr.data.0.Current", "pr.notice"}
    assert before.items() <= after.items()
    server.faults = []
    outcome = mirror(server, lake)
    assert kinds(outcome) == TO_RELEASE_2
    assert outcome.uploaded == 1
    assert_whole(lake)


def test_several_failures_are_named_together(server: SampleServer, lake: DirectoryStore) -> None:
    server.faults = [Fault(html_page(), "*pr.class"), Fault(html_page(), "*pr.txt")]
    with pytest.raises(Refused, match=r"bls/pr: 2 files failed: .*pr\.class.*pr\.txt"):
        mirror(server, lake)
    server.faults[1] = Fault(status(503), "*pr.txt")
    with pytest.raises(SourceError, match=r"2 files failed") as caught:
        mirror(server, lake)
    assert caught.value.transient is True
    assert lake.list("manifests/") == []


def test_a_sample_lake_asks_no_real_publisher(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    take_population(server, lake)
    before = contents(lake)
    own = Client(Pacer(None), contact="somebody@corp.com")
    for source in (BlsSurvey("pr", own), PopulationSource(own)):
        with pytest.raises(Mixed, match="never mixed"):
            run(source, lake)
        assert source.meter.requests == {}
    assert contents(lake) == before


def test_a_release_amid_a_transfer_comes_whole(server: SampleServer, lake: DirectoryStore) -> None:
    def react(request: Request) -> None:
        if request.path.endswith("pr.measure"):
            server.publish(2)

    server.on_request = react
    outcome = mirror(server, lake)
    offered = {f"{PR}/{name}": file.body for name, file in server.surveys["pr"].items()}
    assert contents(lake, f"{PR}/") == offered
    assert outcome.generation == 1
    assert len(history(lake)) == 1
    assert len([r for r in server.requests if r.path.endswith("/")]) == 3
    assert_whole(lake)


def test_a_file_replaced_meanwhile_is_refetched(server: SampleServer, lake: DirectoryStore) -> None:
    server.surveys["pr"] = small(1, 1)

    def react(request: Request) -> None:
        if request.path.endswith("/") and len(server.requests) == 3:
            server.surveys["pr"] = small(2, 1)

    server.on_request = react
    mirror(server, lake)
    assert contents(lake, f"{PR}/") == {f"{PR}/pr.data.0.Some": b"0 of release 2"}


@pytest.mark.parametrize(("files", "looks"), [(10, 10), (11, 0)])
def test_one_list_finds_many_new_files_and_one_look_each_of_few(
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


def test_one_changed_file_costs_three_requests(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    server.surveys["pr"]["pr.txt"] = published(b"other\r\n", LONG_AGO, generated=True)
    asked = len(server.requests)
    assert kinds(mirror(server, lake)) == {"pr.txt": "changed"}
    paths = [request.path.rsplit("/", 1)[1] for request in server.requests[asked:]]
    assert paths == ["", "pr.txt", ""]


@pytest.fixture(params=["moto_s3", "seaweed"])
def s3(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


def test_an_unchanged_run_costs_one_request_and_four_at_the_s3_server(
    server: SampleServer, s3: S3Server, wire: NewWire
) -> None:
    """As many for a thousand files: see `tests/reliability/test_load.py`."""
    bucket, relay = s3.fresh_bucket(), wire(s3)
    options = replace(s3.options, endpoint=relay.endpoint)
    mirror(server, S3Store(bucket, "lake", options))
    relay.reset()
    server.requests.clear()
    again = S3Store(bucket, "lake", options)
    assert mirror(server, again).name == "Unchanged"
    assert relay.verbs == {"LIST": 2, "GET": 2} == again.meter.requests
    assert len(server.requests) == 1


def test_no_content_is_ever_uploaded_twice_as_the_s3_server_counts(
    server: SampleServer, s3: S3Server, wire: NewWire
) -> None:
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
