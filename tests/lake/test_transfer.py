"""One file from its publisher into the lake, and when its stamp is trusted from then on."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from blsquest.core.clock import utcnow
from blsquest.core.errors import Corrupt, SourceError
from blsquest.core.source import RemoteFile
from blsquest.lake.keys import vintage_key
from blsquest.lake.manifest import Entry
from blsquest.lake.plan import SETTLED_AFTER, Ask, plan
from blsquest.lake.transfer import (
    SETTLED_AGE,
    Arrival,
    entry_for,
    is_settled,
    transfer,
)
from blsquest.sources.sample.pages import published
from tests.support.faults import Fault, header
from tests.support.lakes import (
    LONG_AGO,
    PR,
    Clock,
    assert_whole,
    contents,
    history,
    kinds,
    mirror,
    recorded,
    release,
    small,
    survey,
)

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.server import SampleServer

NOW = datetime(2025, 8, 15, 12, tzinfo=UTC)
MODIFIED = "Thu, 06 Feb 2025 13:30:00 GMT"
OLD_ENOUGH = SETTLED_AGE.total_seconds()
DIGEST = sha256(b"").hexdigest()


def ask_for(server: SampleServer, lake: DirectoryStore, name: str, *, recheck: bool = False) -> Ask:
    """What a run would ask for that file."""
    log = history(lake)
    todo = plan(
        survey(server).list(), log[-1].manifest if log else None, now=utcnow(), recheck=recheck
    )
    return next(ask for ask in todo.ask if ask.file.name == name)


def test_new_content_costs_one_head_and_one_put_and_tells_its_progress(
    server: SampleServer, lake: DirectoryStore
) -> None:
    body = server.surveys["pr"]["pr.data.0.Current"].body
    ask = ask_for(server, lake, "pr.data.0.Current")
    store, calls = recorded(lake)
    heard: list[int] = []
    arrival = transfer(survey(server), store, ask, progress=heard.append)
    key = vintage_key(PR, "pr.data.0.Current", sha256(body).hexdigest())
    assert calls == [("size", key), ("upload", key)]
    assert contents(lake) == {key: body}
    assert (arrival.uploaded, arrival.received, arrival.size) == (True, len(body), len(body))
    assert arrival.sha256 == arrival.identity == sha256(body).hexdigest()
    assert sum(heard) == len(body)


def test_not_modified_costs_no_storage_call_and_no_bytes(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    ask = ask_for(server, lake, "pr.class", recheck=True)
    assert ask.prior is not None
    ask = replace(ask, why="unsettled", if_modified_since=ask.prior.last_modified)
    store, calls = recorded(lake)
    arrival = transfer(survey(server), store, ask)
    assert calls == []
    assert ask.prior is not None
    assert (arrival.sha256, arrival.received) == (ask.prior.sha256, 0)
    assert arrival.last_modified == ask.prior.last_modified


def test_a_recheck_puts_back_a_vintage_that_someone_removed(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    (vintage,) = lake.list("vintages/bls/pr/pr.class/")
    lake.delete(vintage.key)
    outcome = mirror(server, lake, recheck=True)
    assert (outcome.name, outcome.restored, outcome.repaired) == ("Repaired", 1, 0)
    assert "Repaired: 1 lost vintage put back; " in outcome.sentence()
    assert lake.read(vintage.key) == lake.read("bls/pr/pr.class")


def test_a_vintage_of_another_size_than_its_content_is_never_taken_for_it(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    (vintage,) = lake.list("vintages/bls/pr/pr.class/")
    lake.put(vintage.key, lake.read(vintage.key)[:-1])
    before = contents(lake)
    with pytest.raises(Corrupt, match=r"pr\.class/.* was altered: .* bytes and not .*recheck"):
        mirror(server, lake, recheck=True)
    assert contents(lake) == before
    lake.delete(vintage.key)
    assert mirror(server, lake, recheck=True).restored == 1


@pytest.mark.parametrize("healthy", [True, False])
def test_the_spool_is_gone_when_the_transfer_ends(
    server: SampleServer,
    lake: DirectoryStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    healthy: bool,
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    ask = ask_for(server, lake, "pr.class")
    if healthy:
        transfer(survey(server), lake, ask)
    else:
        server.surveys["pr"] = small()
        with pytest.raises(SourceError, match="404"):
            transfer(survey(server), lake, ask)
    assert list(spool.iterdir()) == []


# -- What is recorded. Pure ---------------------------------------------------------------------


def kept(stamp: str = "monday", **changes: object) -> Entry:
    """A settled file of the manifest."""
    entry = Entry("a", 100, DIGEST, DIGEST, stamp, MODIFIED, NOW, NOW, settled=True)
    return replace(entry, **changes)  # type: ignore[arg-type]  # its own fields


def arrival(age: float | None, stamp: str = "monday", modified: str | None = MODIFIED) -> Arrival:
    """The content of a file, served `age` seconds after its publication."""
    return Arrival(RemoteFile("a", 0, stamp), 0, DIGEST, DIGEST, modified, age)


@pytest.mark.parametrize(
    ("age", "settled"),
    [(OLD_ENOUGH, True), (OLD_ENOUGH - 1, False), (0, False), (-5, False), (None, False)],
)
def test_a_first_sight_is_trusted_when_the_body_was_a_quarter_of_an_hour_old(
    age: float | None, *, settled: bool
) -> None:
    assert is_settled(arrival(age), None, now=NOW) is settled


def test_a_stamp_that_moved_is_trusted_only_if_last_modified_moved_too() -> None:
    prior = kept(stamp="sunday")
    assert not is_settled(arrival(OLD_ENOUGH), prior, now=NOW)
    assert is_settled(arrival(OLD_ENOUGH, modified="later"), prior, now=NOW)
    assert not is_settled(arrival(0, modified="later"), prior, now=NOW)


def test_the_same_bytes_under_the_same_stamp_are_trusted_a_day_after_first_sight() -> None:
    prior = kept(settled=False)
    tick = timedelta(microseconds=1)
    assert not is_settled(arrival(OLD_ENOUGH), prior, now=NOW + SETTLED_AFTER - tick)
    assert is_settled(arrival(None), prior, now=NOW + SETTLED_AFTER)
    assert is_settled(arrival(None), kept(), now=NOW)


def test_a_file_without_a_stamp_never_settles() -> None:
    prior = kept(stamp="", settled=False)
    years = timedelta(days=4000)
    assert not is_settled(arrival(OLD_ENOUGH, stamp=""), prior, now=NOW + years)


def test_the_same_identity_keeps_the_stored_bytes() -> None:
    prior = kept(size=7, sha256="1" * 64, identity="2" * 64)
    spelled = replace(arrival(None), size=9, sha256="3" * 64, identity="2" * 64)
    later = NOW + timedelta(hours=1)
    entry = entry_for(spelled, prior, now=later)
    assert (entry.size, entry.sha256, entry.first_seen) == (7, "1" * 64, NOW)
    assert entry.last_seen == later


@pytest.mark.parametrize("change", [{"identity": "4" * 64}, {"file": RemoteFile("a", 0, "new")}])
def test_other_bytes_or_another_stamp_are_seen_for_the_first_time(
    change: dict[str, object],
) -> None:
    later = NOW + timedelta(hours=1)
    arrived = replace(arrival(None), **change)  # type: ignore[arg-type]  # its own fields
    assert entry_for(arrived, kept(), now=later).first_seen == later


# -- When a stamp is trusted, run by run ---------------------------------------------------------


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
