"""A lake copied elsewhere is that lake: whole, whatever went on meanwhile, and nobody's else."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from blsquest.core.errors import Corrupt, Misuse, Refused, StoreError
from blsquest.lake.copy import copy_lake
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.products.audit import audit
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.sources.sample.server import SampleServer
from tests.conftest import Backend, FreshStore, NewWire
from tests.support.commands import Commands
from tests.support.lakes import (
    Fails,
    assert_whole,
    contents,
    history,
    mirror,
    small,
    take_population,
    twin,
    watched,
)
from tests.support.s3_proxy import Fault, answer
from tests.support.s3_proxy import Request as Passed
from tests.support.s3_servers import S3Server
from tests.support.victims import victim

KEPT = ("vintages/", "manifests/")


def kept(store: Store) -> dict[str, bytes]:
    """What is for ever."""
    return contents(store, KEPT[0]) | contents(store, KEPT[1])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """A lake with two releases, the population and a report; never written to again."""
    lake = DirectoryStore(tmp_path_factory.mktemp("made") / "lake")
    with SampleServer() as server:
        mirror(server, lake)
        server.publish(2)
        mirror(server, lake)
        take_population(server, lake)
    make_report(lake, Request())
    return lake


@pytest.fixture
def full(made: DirectoryStore, tmp_path: Path) -> DirectoryStore:
    """The same, to be written to."""
    return twin(made, tmp_path / "full")


@pytest.mark.parametrize(
    ("here", "there"),
    [("directory", "moto"), ("moto", "directory")],
)
def test_a_copy_is_the_lake_and_its_next_run_has_nothing_to_do(
    server: SampleServer,
    full: DirectoryStore,
    fresh_store: FreshStore,
    here: Backend,
    there: Backend,
) -> None:
    server.publish(2)
    lake, copied = fresh_store(here), fresh_store(there)
    copy_lake(full, lake)

    done = copy_lake(lake, copied)

    assert done.logs == {"bls/pr": 2, "census": 1}
    assert kept(copied) == kept(full)
    for folder in ("bls/", "census/", "analytics/"):
        assert contents(copied, folder) == contents(full, folder)
    assert not audit(copied).findings
    assert mirror(server, copied).name == "Unchanged"
    again = copy_lake(lake, copied)
    assert (again.vintages, again.manifests, again.derived) == (0, 0, 0)


def test_a_copy_is_brought_up_to_date(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path
) -> None:
    copied = DirectoryStore(tmp_path / "copy")
    server.surveys["pr"] = small(1)
    mirror(server, lake)
    copy_lake(lake, copied)
    server.surveys["pr"] = small(2)
    mirror(server, lake)

    assert copy_lake(lake, copied).vintages == 3

    assert_whole(copied)
    assert contents(copied, "bls/") == contents(lake, "bls/")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_copy_cut_off_goes_on_next_time(full: DirectoryStore, tmp_path: Path, when: str) -> None:
    calls = Fails(0, "before")
    copy_lake(full, watched(DirectoryStore(tmp_path / "whole"), calls))
    for at in range(1, calls.calls + 1, 3 if when == "before" else 7):
        target = DirectoryStore(tmp_path / f"{when}-{at}")
        error = StoreError("broken", transient=True)
        with pytest.raises(StoreError):
            copy_lake(full, watched(target, Fails(at, when, error)))  # type: ignore[arg-type]
        for generation in history(target) if target.list("manifests/bls/") else []:
            for entry in generation.manifest.files:
                assert target.size(f"vintages/bls/pr/{entry.name}/{entry.sha256}") == entry.size
        copy_lake(full, target)
        assert kept(target) == kept(full)
        assert_whole(target)


@pytest.mark.parametrize("kind", ["directory", "seaweed"])
def test_a_live_lake_is_copied_whole_and_the_copy_goes_on_from_there(
    server: SampleServer, fresh_store: FreshStore, kind: Backend
) -> None:
    lake = fresh_store(kind)
    server.surveys["pr"] = small(1)
    mirror(server, lake)
    for number in range(2, 6):
        with ExitStack() as running:
            runs = [running.enter_context(victim(server, lake)) for _ in range(2)]
            server.surveys["pr"] = small(number)
            for run in runs:
                run.go()
            copied = fresh_store("directory")
            done = copy_lake(lake, copied)
            assert [run.heard()[0] in {"Changed", "Repaired", "Unchanged"} for run in runs]
        assert done.logs["bls/pr"] in {number - 1, number}
        assert_whole(copied)
        assert mirror(server, copied).name in {"Changed", "Unchanged"}
        assert len(history(copied)) == len(history(lake)) == number
        assert contents(copied, "bls/") == contents(lake, "bls/")
        assert mirror(server, lake).name in {"Repaired", "Unchanged"}


def test_a_target_with_another_log_or_other_files_is_refused_and_not_touched(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path
) -> None:
    mirror(server, lake)
    other, fork, foreign = (DirectoryStore(tmp_path / n) for n in ("other", "fork", "foreign"))
    mirror(server, other)
    copy_lake(lake, fork)
    server.publish(2)
    mirror(server, lake)
    mirror(server, fork)
    foreign.put("notes/mine.txt", b"mine")
    for target in (other, fork, foreign):
        before = contents(target)
        with pytest.raises(Refused, match=r"another log|mine\.txt, and no lake"):
            copy_lake(lake, target)
        assert contents(target) == before
    with pytest.raises(Misuse, match="lies in"):
        copy_lake(lake, DirectoryStore(lake.root / "copy"))
    with pytest.raises(Misuse, match="no lake"):
        copy_lake(DirectoryStore(tmp_path / "nothing"), DirectoryStore(tmp_path / "new"))


def test_what_a_lake_lost_comes_back_from_an_older_copy_and_what_is_newer_stays(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path
) -> None:
    backup = DirectoryStore(tmp_path / "backup")
    for number in (1, 2):
        server.surveys["pr"] = small(number)
        mirror(server, lake)
    lake.put("analytics/2025-08-15/report.html", b"first")
    copy_lake(lake, backup)
    server.surveys["pr"] = small(3)
    mirror(server, lake)
    lake.put("analytics/2025-08-15/report.html", b"second")
    whole = contents(lake)
    lake.delete("manifests/bls/pr/00000001.json")
    lake.delete(backup.list("vintages/")[0].key)

    assert copy_lake(backup, lake).logs == {"bls/pr": 3}

    assert contents(lake) == whole
    for stored in [*lake.list("manifests/"), *lake.list("vintages/"), *lake.list("bls/")]:
        lake.delete(stored.key)
    lake.put("vintages/census/census.json/any", b"of a log that is there no more")
    with pytest.raises(Refused, match="lost its end"):
        copy_lake(backup, lake)
    assert contents(lake, "manifests/") == contents(backup, "manifests/")
    mirror(server, lake, allow=frozenset({"shortened-log"}))
    assert_whole(lake)


def test_a_damaged_vintage_is_not_carried_on(full: DirectoryStore, tmp_path: Path) -> None:
    target = DirectoryStore(tmp_path / "copy")
    key = full.list("vintages/bls/")[0].key
    sound = full.read(key)
    full.put(key, b"x" * len(sound))
    with pytest.raises(Corrupt, match="was altered"):
        copy_lake(full, target)
    assert target.size(key) is None
    assert not target.list("manifests/")
    full.put(key, sound)
    copy_lake(full, target)
    target.put(key, b"short")
    with pytest.raises(Refused, match="has 5 bytes"):
        copy_lake(full, target)


def test_a_bucket_that_takes_vintages_and_manifests_only_if_absent_takes_a_copy(
    full: DirectoryStore, moto_s3: S3Server, wire: NewWire
) -> None:
    """The policy of deployments/terraform/bucket_policy.tf, held by the wire."""
    between = wire(moto_s3)
    refused = []

    def policy(request: Passed) -> Fault:
        kept = any(f"/{folder}" in request.target for folder in KEPT)
        if not kept or request.method == "GET" or "if-none-match" in request.headers:
            return None
        refused.append(request.target)
        return answer("403 Forbidden", "AccessDenied")

    between.fault = policy
    bucket, options = moto_s3.fresh_bucket(), moto_s3.options
    target = S3Store(bucket, "lake", replace(options, endpoint=between.endpoint))

    copy_lake(full, target)

    assert not refused
    assert kept(target) == kept(full)


def test_the_command_says_what_it_did(
    command: Commands, full: DirectoryStore, tmp_path: Path
) -> None:
    ended = command("copy", full.url, tmp_path / "copy")
    assert (ended.code, ended.err) == (0, "")
    assert "bls/pr is there up to generation 2." in ended.out
    again = json.loads(command("copy", full.url, tmp_path / "copy", "--json").out)
    assert (again["vintages"], again["logs"]) == (0, {"bls/pr": 2, "census": 1})
    assert command("copy", tmp_path / "copy", full.url).code == 0
