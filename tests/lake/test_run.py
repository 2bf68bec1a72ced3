"""One run, start to end: what it records, and how it ends badly."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Mixed, QuestError, Refused, SourceError
from blsquest.lake.run import run
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.datausa import PopulationSource
from blsquest.sources.http import Client
from blsquest.sources.pacer import Pacer
from blsquest.sources.sample.pages import published
from tests.support.faults import Fault, html_page, status, truncate
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

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.server import SampleServer
    from tests.support.faults import Act


def test_the_first_run_mirrors_every_file_byte_for_byte(server: SampleServer, store: Store) -> None:
    outcome = mirror(server, store)
    offered = {f"{PR}/{name}": file.body for name, file in server.surveys["pr"].items()}
    assert outcome.name == "Changed"
    assert set(kinds(outcome).values()) == {"added"}
    assert contents(store, f"{PR}/") == offered
    assert_whole(store)
    assert (outcome.generation, outcome.files, outcome.uploaded) == (1, 12, 12)
    assert outcome.received == outcome.size == sum(map(len, offered.values()))
    assert outcome.sample is True


def test_each_release_is_recorded_exactly_and_nothing_else(
    server: SampleServer, store: Store
) -> None:
    outcomes = []
    for number in (1, 1, 2, 1, 1):
        server.publish(number)
        outcomes.append(mirror(server, store))
        assert_whole(store)
    assert [o.name for o in outcomes] == [
        "Changed",
        "Unchanged",
        "Changed",
        "Changed",
        "Unchanged",
    ]
    assert [o.generation for o in outcomes] == [1, 1, 2, 3, 3]
    assert [kinds(o) for o in outcomes[1:]] == [{}, TO_RELEASE_2, BACK_TO_RELEASE_1, {}]
    assert [o.uploaded for o in outcomes] == [12, 0, 3, 0, 0]


def test_a_restamp_alone_is_recorded_without_vintage_copy_or_content_change(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = small(1)
    mirror(server, lake)
    file = server.surveys["pr"]["pr.data.0.Some"]
    server.surveys["pr"]["pr.data.0.Some"] = published(
        file.body, LONG_AGO + timedelta(days=300), generated=True
    )
    before = contents(lake, "vintages/") | contents(lake, f"{PR}/")
    written = lake.meter.requests["COPY"]
    outcome = mirror(server, lake)
    assert outcome.name == "Restamped"
    assert kinds(outcome) == {"pr.data.0.Some": "restamped"}
    assert outcome.content_changed is False
    assert contents(lake, "vintages/") | contents(lake, f"{PR}/") == before
    assert lake.meter.requests["COPY"] == written
    assert mirror(server, lake).name == "Unchanged"


def test_a_file_that_comes_back_is_planned_from_its_tombstone(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    contacts = server.surveys["pr"].pop("pr.contacts")
    assert kinds(mirror(server, lake)) == {"pr.contacts": "removed"}
    (grave,) = history(lake)[-1].manifest.tombstones
    assert grave.last.name == "pr.contacts"
    server.surveys["pr"]["pr.contacts"] = contacts
    asked = len(server.requests)
    outcome = mirror(server, lake)
    assert kinds(outcome) == {"pr.contacts": "added"}
    assert [r.status for r in server.requests[asked:]] == [200, 304, 200]
    assert (outcome.uploaded, outcome.received) == (0, 0)
    assert history(lake)[-1].manifest.tombstones == ()
    assert_whole(lake)


def test_files_of_the_same_content_each_have_their_vintage(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"pr.data.a": b"same", "pr.data.b": b"same", "pr.c": b""})
    mirror(server, lake)
    assert_whole(lake)
    assert len(lake.list("vintages/")) == 3


def test_the_manifest_tells_when_each_file_was_first_and_last_seen(
    server: SampleServer, lake: DirectoryStore
) -> None:
    clock = Clock()
    first = clock()
    mirror(server, lake, clock)
    clock.moment += timedelta(days=30)
    server.publish(2)
    mirror(server, lake, clock)
    entries = {entry.name: entry for entry in history(lake)[-1].manifest.files}
    assert entries["pr.txt"].first_seen == first
    assert entries["pr.class"].first_seen == entries["pr.notice"].first_seen == clock()
    assert {entry.last_seen for entry in entries.values()} == {clock()}


def test_a_dry_run_tells_the_plan_and_changes_nothing(
    server: SampleServer, lake: DirectoryStore
) -> None:
    empty = mirror(server, lake, dry_run=True)
    assert (empty.generation, empty.committed, empty.files) == (0, None, 0)
    assert lake.list("") == []
    mirror(server, lake)
    server.publish(2)
    before, asked = contents(lake), len(server.requests)
    outcome = mirror(server, lake, dry_run=True)
    assert outcome.plan is not None
    assert {a.file.name: a.why for a in outcome.plan.ask} == {
        "pr.class": "restamped",
        "pr.data.0.Current": "resized",
        "pr.data.1.AllData": "resized",
        "pr.notice": "new",
    }
    assert [e.name for e in outcome.plan.remove] == ["pr.contacts"]
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


def test_after_a_403_no_more_is_asked_and_what_had_arrived_by_then_is_not_uploaded_again(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    server.publish(2)
    before = contents(lake)
    server.faults = [Fault(status(403), "*pr.data.1.AllData")]
    with pytest.raises(SourceError, match=r"pr\.data\.1\.AllData"):
        mirror(server, lake)
    arrived = {key.split("/")[3] for key in contents(lake).keys() - before.keys()}
    assert arrived <= {"pr.data.0.Current", "pr.notice"}  # files are asked for side by side
    server.faults = []
    outcome = mirror(server, lake)
    assert kinds(outcome) == TO_RELEASE_2
    assert outcome.uploaded == 3 - len(arrived)
    assert_whole(lake)


def test_several_failures_are_told_together_and_are_refused_only_if_all_are(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.faults = [Fault(html_page(), "*pr.class"), Fault(html_page(), "*pr.txt")]
    with pytest.raises(Refused, match=r"bls/pr: 2 files failed: .*pr\.class.*pr\.txt"):
        mirror(server, lake)
    server.faults[1] = Fault(status(503), "*pr.txt")
    with pytest.raises(SourceError, match=r"2 files failed") as caught:
        mirror(server, lake)
    assert caught.value.transient is True
    assert lake.list("manifests/") == []


def test_an_unknown_survey_changes_nothing_and_says_so(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys.pop("pr")
    with pytest.raises(SourceError, match=r"no survey 'pr'.*404"):
        mirror(server, lake)
    assert lake.list("") == []


def test_a_lake_that_cannot_be_written_fails_with_the_cause(
    server: SampleServer, tmp_path: Path
) -> None:
    with pytest.raises(QuestError, match="does not exist"):
        mirror(server, DirectoryStore(tmp_path / "absent" / "lake"))


def test_the_run_id_and_the_source_stand_in_the_manifest(
    server: SampleServer, lake: DirectoryStore
) -> None:
    run(survey(server), lake, run_id="run 7")
    manifest = history(lake)[0].manifest
    assert (manifest.run, manifest.source, manifest.layout) == ("run 7", PR, "flat")


def test_the_publishers_own_host_is_not_asked_where_the_lake_holds_a_sample(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    take_population(server, lake)
    before = contents(lake)
    own = Client(Pacer(None), contact="somebody@corp.com")
    for source in (BlsSurvey("pr", own), PopulationSource(own)):
        with pytest.raises(Mixed, match="never mixed"):
            run(source, lake)
        assert source.meter.requests == {}
    assert contents(lake) == before
