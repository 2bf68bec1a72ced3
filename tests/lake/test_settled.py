"""When a stamp is trusted, and when a file is asked for although its stamp stands still."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from blsquest.sources.sample.pages import published
from tests.support.faults import Fault, header
from tests.support.lakes import (
    LONG_AGO,
    Clock,
    assert_whole,
    history,
    kinds,
    mirror,
    release,
    small,
)

if TYPE_CHECKING:
    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.server import SampleServer


def requested(server: SampleServer, since: int) -> list[str]:
    """Files asked for since then (listings aside)."""
    names = [request.path.rsplit("/", 1)[1] for request in server.requests[since:]]
    return sorted(name for name in names if name)


def test_a_file_fetched_within_minutes_of_its_publication_is_asked_for_until_a_day_has_passed(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"pr.data.0.Some": b"fresh"}, LONG_AGO)
    served = header("Date", "Thu, 02 May 2024 12:45:06 GMT")  # 14 minutes 59 seconds later
    server.faults = [Fault(served, "*pr.data.0.Some")]
    clock = Clock()
    mirror(server, lake, clock)
    for hours in (1, 22):
        clock.moment += timedelta(hours=hours)
        asked = len(server.requests)
        assert mirror(server, lake, clock).name == "Unchanged"
        assert [r.status for r in server.requests[asked:]] == [200, 304]
    assert len(history(lake)) == 1
    clock.moment += timedelta(hours=1)
    outcome = mirror(server, lake, clock)
    assert (outcome.name, kinds(outcome)) == ("Unchanged", {"pr.data.0.Some": "settled"})
    asked = len(server.requests)
    assert mirror(server, lake, clock).generation == 2
    assert len(server.requests) - asked == 1


def test_a_file_fetched_a_quarter_of_an_hour_after_its_publication_is_settled_at_once(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"pr.data.0.Some": b"old"}, LONG_AGO)
    served = header("Date", "Thu, 02 May 2024 12:45:07 GMT")
    server.faults = [Fault(served, "*pr.data.0.Some")]
    mirror(server, lake)
    asked = len(server.requests)
    assert mirror(server, lake).name == "Unchanged"
    assert requested(server, asked) == []


def test_two_publications_within_one_minute_of_the_listing_are_both_seen(
    server: SampleServer, lake: DirectoryStore
) -> None:
    served = header("Date", "Thu, 02 May 2024 12:30:40 GMT")
    server.faults = [Fault(served, "*pr.data.0.Some")]
    server.surveys["pr"] = release({"pr.data.0.Some": b"one"}, LONG_AGO)
    mirror(server, lake)
    server.surveys["pr"] = release({"pr.data.0.Some": b"two"}, LONG_AGO + timedelta(seconds=20))
    assert kinds(mirror(server, lake)) == {"pr.data.0.Some": "changed"}
    log = history(lake)
    assert len({g.manifest.files[0].stamp for g in log}) == 1
    assert len({g.manifest.files[0].sha256 for g in log}) == 2
    assert_whole(lake)


def test_a_stale_copy_under_a_new_stamp_is_not_trusted_and_the_new_bytes_are_seen_later(
    server: SampleServer, lake: DirectoryStore
) -> None:
    """A cache answers with yesterday's body while the listing shows today's stamp."""
    server.surveys["pr"] = release({"pr.data.0.Some": b"old"}, LONG_AGO)
    mirror(server, lake)
    today = release({"pr.data.0.Some": b"new"}, LONG_AGO + timedelta(days=1))
    stamp = today["pr.data.0.Some"].stamp
    server.listing_rows = lambda _, rows: [replace(row, stamp=stamp) for row in rows]
    assert kinds(mirror(server, lake)) == {"pr.data.0.Some": "restamped"}
    assert mirror(server, lake).name == "Unchanged"
    server.surveys["pr"] = today
    assert kinds(mirror(server, lake)) == {"pr.data.0.Some": "changed"}
    asked = len(server.requests)
    assert mirror(server, lake).name == "Unchanged"
    assert requested(server, asked) == []


def test_a_file_without_last_modified_is_asked_for_unconditionally_until_it_settles(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = {
        name: replace(file, last_modified=None) for name, file in small(1, 2).items()
    }
    clock = Clock()
    mirror(server, lake, clock)
    asked = len(server.requests)
    assert mirror(server, lake, clock).name == "Unchanged"
    assert [r.status for r in server.requests[asked:]] == [200, 200, 200]
    clock.moment += timedelta(hours=24)
    assert set(kinds(mirror(server, lake, clock)).values()) == {"settled"}
    asked = len(server.requests)
    assert mirror(server, lake, clock).name == "Unchanged"
    assert requested(server, asked) == []


def test_a_recheck_asks_for_every_file_and_finds_what_the_stamps_hid(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"pr.data.0.Some": b"one", "pr.txt": b"x"}, LONG_AGO)
    mirror(server, lake)
    # Republished within the same minute, unseen because the first was old enough to settle.
    hidden = published(b"two", LONG_AGO + timedelta(seconds=1), generated=True)
    server.surveys["pr"]["pr.data.0.Some"] = hidden
    assert mirror(server, lake).name == "Unchanged"
    asked = len(server.requests)
    outcome = mirror(server, lake, recheck=True)
    assert requested(server, asked) == ["pr.data.0.Some", "pr.txt"]
    assert kinds(outcome) == {"pr.data.0.Some": "changed"}
    assert mirror(server, lake, recheck=True).name == "Unchanged"


def test_commit_times_rise_even_when_the_clock_jumps_back(
    server: SampleServer, lake: DirectoryStore
) -> None:
    clock = Clock()
    first = clock()
    mirror(server, lake, clock)
    clock.moment -= timedelta(days=400)
    server.publish(2)
    mirror(server, lake, clock)
    assert [g.manifest.committed for g in history(lake)] == [
        first,
        first + timedelta(microseconds=1),
    ]


def test_older_bytes_of_the_same_size_put_back_are_seen_within_a_day(
    server: SampleServer, lake: DirectoryStore
) -> None:
    """Their older Last-Modified answers 304 to the newer one: only the bytes themselves tell."""
    server.surveys["pr"] = release({"pr.data.0.Some": b"new"}, LONG_AGO + timedelta(days=9))
    clock = Clock()
    mirror(server, lake, clock)
    back = release({"pr.data.0.Some": b"old"}, LONG_AGO)
    server.surveys["pr"] = back
    assert kinds(mirror(server, lake, clock)) == {"pr.data.0.Some": "restamped"}
    clock.moment += timedelta(hours=24)
    assert kinds(mirror(server, lake, clock)) == {"pr.data.0.Some": "changed"}
    assert lake.read("bls/pr/pr.data.0.Some") == b"old"
