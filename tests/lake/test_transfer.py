"""One file from its publisher into the lake."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import IO, TYPE_CHECKING

import pytest

from blsquest.core.clock import utcnow
from blsquest.core.errors import Corrupt, Refused, SourceError
from blsquest.core.source import Fetched, Listing, NotModified, RemoteFile
from blsquest.core.usage import Meter
from blsquest.lake.keys import vintage_key
from blsquest.lake.plan import Ask, plan
from blsquest.lake.transfer import transfer
from tests.support.lakes import PR, contents, history, mirror, recorded, small, survey

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.core.source import Layout, Progress
    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.server import SampleServer


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


def test_content_that_the_lake_has_ever_seen_is_not_put_again(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    server.publish(2)
    mirror(server, lake)
    server.publish(1)
    store, calls = recorded(lake)
    arrival = transfer(survey(server), store, ask_for(server, lake, "pr.data.0.Current"))
    assert [verb for verb, _ in calls] == ["size"]
    assert arrival.uploaded is False
    assert arrival.received > 0


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


@dataclass
class Odd:
    """A publisher that breaks its own promises, which the real sources' checks would not let by."""

    answer: Fetched | NotModified
    key: str = PR
    layout: Layout = "flat"
    data_prefix: str = ""
    surely_real: bool = False
    meter: Meter = field(default_factory=Meter)

    def list(self) -> Listing:
        return Listing(())

    def fetch(
        self,
        file: RemoteFile,  # noqa: ARG002 - the protocol's
        into: IO[bytes],
        *,
        if_modified_since: str | None = None,  # noqa: ARG002 - the protocol's
        progress: Progress | None = None,  # noqa: ARG002 - the protocol's
    ) -> Fetched | NotModified:
        into.write(b"body")
        return self.answer


def test_a_body_of_another_length_than_listed_is_refused_by_the_lake_too(
    lake: DirectoryStore,
) -> None:
    digest = sha256(b"body").hexdigest()
    ask = Ask(RemoteFile("a", 5, ""), None, "new", None)
    with pytest.raises(Refused, match="announces 5 bytes and 4 came"):
        transfer(Odd(Fetched(4, digest, digest)), lake, ask)
    assert lake.list("") == []


def test_not_modified_to_a_plain_request_is_an_error(lake: DirectoryStore) -> None:
    ask = Ask(RemoteFile("a", 4, ""), None, "new", None)
    with pytest.raises(SourceError, match="304 Not Modified to a plain request"):
        transfer(Odd(NotModified()), lake, ask)


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
