"""One file from its publisher into the lake, and when its stamp is trusted from then on."""

import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from blsquest.core.clock import utcnow
from blsquest.core.errors import Corrupt, SourceError
from blsquest.core.source import RemoteFile
from blsquest.lake.keys import vintage_key
from blsquest.lake.manifest import Entry
from blsquest.lake.plan import SETTLED_AFTER, Ask, plan
from blsquest.lake.spool import PREFIX
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.transfer import SETTLED_AGE, Arrival, entry_for, is_settled, transfer
from blsquest.sources.sample.server import SampleServer
from tests.support.faults import Fault, header
from tests.support.lakes import (
    LONG_AGO,
    PR,
    Clock,
    contents,
    history,
    kinds,
    mirror,
    recorded,
    release,
    small,
    survey,
)
from tests.support.manifests import DIGEST, MODIFIED, NOW, kept

OLD_ENOUGH = SETTLED_AGE.total_seconds()


def ask_for(server: SampleServer, lake: DirectoryStore, name: str, *, recheck: bool = False) -> Ask:
    log = history(lake)
    todo = plan(
        survey(server).list(), log[-1].manifest if log else None, now=utcnow(), recheck=recheck
    )
    return next(ask for ask in todo.ask if ask.file.name == name)


def test_new_content_costs_one_head_and_one_put(server: SampleServer, lake: DirectoryStore) -> None:
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


def test_not_modified_costs_no_storage_call(server: SampleServer, lake: DirectoryStore) -> None:
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


def test_a_recheck_puts_back_a_lost_vintage(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    (vintage,) = lake.list("vintages/bls/pr/pr.class/")
    lake.delete(vintage.key)
    outcome = mirror(server, lake, recheck=True)
    assert (outcome.name, outcome.restored, outcome.repaired) == ("Repaired", 1, 0)
    assert "Repaired: 1 lost vintage put back; " in outcome.sentence()
    assert lake.read(vintage.key) == lake.read("bls/pr/pr.class")


def test_a_vintage_of_another_size_is_refused(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    (vintage,) = lake.list("vintages/bls/pr/pr.class/")
    lake.put(vintage.key, lake.read(vintage.key)[:-1])
    before = contents(lake)
    with pytest.raises(Corrupt, match=r"pr\.class/.* was altered: .* bytes and not .*recheck"):
        mirror(server, lake, recheck=True)
    assert contents(lake) == before
    lake.delete(vintage.key)
    assert mirror(server, lake, recheck=True).restored == 1


def test_the_spool_is_gone_when_the_transfer_ends(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ask = ask_for(server, lake, "pr.class")
    transfer(survey(server), lake, ask)
    server.surveys["pr"] = small()
    with pytest.raises(SourceError, match="404"):
        transfer(survey(server), lake, ask)
    assert list(tmp_path.glob(f"{PREFIX}*")) == []


def arrival(age: float | None, stamp: str = "monday", modified: str | None = MODIFIED) -> Arrival:
    """The content of a file, served `age` seconds after its publication."""
    return Arrival(RemoteFile("a", 0, stamp), 0, DIGEST, DIGEST, modified, age)


NEW, SETTLED = kept(settled=False), kept()
MOVED, STAMPLESS = kept(stamp="sunday"), kept(stamp="", settled=False)
FRESH, OLD = arrival(None), arrival(OLD_ENOUGH)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("arrived", "prior", "after", "settled"),
    [
        # A first sight is trusted when the body was a quarter of an hour old.
        (OLD, None, TICK, True),
        *((arrival(age), None, TICK, False) for age in (OLD_ENOUGH - 1, 0, -5, None)),
        # A stamp that moved is trusted only if Last-Modified moved too.
        (OLD, MOVED, TICK, False),
        (arrival(OLD_ENOUGH, modified="later"), MOVED, TICK, True),
        (arrival(0, modified="later"), MOVED, TICK, False),
        # The same bytes under the same stamp are trusted a day after first sight.
        (OLD, NEW, SETTLED_AFTER - TICK, False),
        (FRESH, NEW, SETTLED_AFTER, True),
        (FRESH, SETTLED, TICK, True),
        # A file without a stamp never settles.
        (arrival(OLD_ENOUGH, stamp=""), STAMPLESS, timedelta(days=4000), False),
    ],
)
def test_a_stamp_is_trusted_when_no_other_bytes_can_hide_behind_it(
    arrived: Arrival, prior: Entry | None, after: timedelta, *, settled: bool
) -> None:
    assert is_settled(arrived, prior, now=NOW + after) is settled


def test_the_same_identity_keeps_the_stored_bytes() -> None:
    prior = kept(size=7, sha256="1" * 64, identity="2" * 64)
    spelled = replace(arrival(None), size=9, sha256="3" * 64, identity="2" * 64)
    later = NOW + timedelta(hours=1)
    entry = entry_for(spelled, prior, now=later)
    assert (entry.size, entry.sha256, entry.first_seen) == (7, "1" * 64, NOW)
    assert entry.last_seen == later


@pytest.mark.parametrize("change", [{"identity": "4" * 64}, {"file": RemoteFile("a", 0, "new")}])
def test_other_bytes_or_another_stamp_are_first_seen_now(change: dict[str, object]) -> None:
    later = NOW + timedelta(hours=1)
    arrived = replace(arrival(None), **change)  # type: ignore[arg-type]  # its own fields
    assert entry_for(arrived, kept(), now=later).first_seen == later


SOME = "pr.data.0.Some"


def requested(server: SampleServer, since: int) -> list[str]:
    """Files asked for since then (listings aside)."""
    names = [request.path.rsplit("/", 1)[1] for request in server.requests[since:]]
    return sorted(name for name in names if name)


def publish(server: SampleServer, body: bytes, modified: datetime = LONG_AGO) -> None:
    server.surveys["pr"] = release({SOME: body, "pr.txt": b"x"}, modified)


def test_a_new_file_is_asked_for_for_a_day(server: SampleServer, lake: DirectoryStore) -> None:
    publish(server, b"fresh")
    served = header("Date", "Thu, 02 May 2024 12:45:06 GMT")  # 14 minutes 59 seconds later
    server.faults = [Fault(served, f"*{SOME}")]
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
    assert (outcome.name, kinds(outcome)) == ("Unchanged", {SOME: "settled"})
    asked = len(server.requests)
    assert mirror(server, lake, clock).generation == 2
    assert len(server.requests) - asked == 1


def test_a_recheck_finds_what_the_stamps_hid(server: SampleServer, lake: DirectoryStore) -> None:
    publish(server, b"one")
    mirror(server, lake)
    # Republished within the same minute, unseen because the first was old enough to settle.
    publish(server, b"two", LONG_AGO + timedelta(seconds=1))
    assert mirror(server, lake).name == "Unchanged"
    asked = len(server.requests)
    outcome = mirror(server, lake, recheck=True)
    assert requested(server, asked) == [SOME, "pr.txt"]
    assert kinds(outcome) == {SOME: "changed"}
    assert mirror(server, lake, recheck=True).name == "Unchanged"


@pytest.mark.parametrize("dated", ["as it is", "not", "in other words"])
def test_older_bytes_put_back_are_seen(
    server: SampleServer, lake: DirectoryStore, dated: str
) -> None:
    """Their older date answers 304 to the newer one; if the 304 has no date, only bytes tell."""
    if dated != "as it is":
        said = None if dated == "not" else "yesterday"
        server.faults = [
            lambda _, reply: (
                reply.with_header("Last-Modified", said) if reply.status == 304 else reply
            )
        ]
    publish(server, b"new", LONG_AGO + timedelta(days=9))
    clock = Clock()
    mirror(server, lake, clock)
    publish(server, b"old")
    if dated == "not":
        assert kinds(mirror(server, lake, clock))[SOME] == "restamped"
        clock.moment += timedelta(hours=24)
    assert kinds(mirror(server, lake, clock))[SOME] == "changed"
    assert lake.read(f"bls/pr/{SOME}") == b"old"
