"""A lake that someone tampered with: what is derived is repaired, the rest is refused by name."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from blsquest.core.errors import Corrupt, Damaged
from blsquest.lake.findings import as_error
from blsquest.lake.keys import manifest_key, view_record_key
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.audit import audit
from blsquest.products.question import Request
from blsquest.products.report import make_report
from tests.conftest import Backend, FreshStore
from tests.reliability.stage import Stage, mirrored
from tests.support.lakes import PR, contents

MANIFEST = manifest_key(PR, 2)
CURRENT = f"{PR}/pr.data.0.Current"


@pytest.fixture
def lake(lake: DirectoryStore, stage: Stage) -> DirectoryStore:
    """A lake that holds release 2."""
    stage.run(lake)
    return lake


def damage(lake: DirectoryStore, key: str, change: Callable[[bytes], bytes]) -> None:
    """Write other bytes into an object, as no run would."""
    path = lake.root / key
    body = change(path.read_bytes())
    path.unlink()  # lakes of one test module share files
    path.write_bytes(body)


def edited(*path: str | int, to: object) -> Callable[[bytes], bytes]:
    """The JSON with one value replaced."""

    def change(body: bytes) -> bytes:
        document = json.loads(body)
        node: Any = document
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = to
        return json.dumps(document).encode()

    return change


# -- Manifests ---------------------------------------------------------------------------------

TAMPERED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda body: body[: len(body) // 2], "cannot be read"),
    "a later version": (edited("version", to=2), "has version 2; .* reads 1. Upgrade"),
    "another number": (edited("generation", to=7), "says that it is generation 7 of bls/pr"),
    "another source": (edited("source", to="bls/cu"), "says that it is generation 2 of bls/cu"),
    "a name that climbs": (edited("files", 0, "name", to="../../x"), "is not a file name"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_manifest_is_named_by_the_run_the_report_and_the_audit(
    lake: DirectoryStore, stage: Stage, how: str
) -> None:
    change, says = TAMPERED[how]
    damage(lake, MANIFEST, change)
    before = contents(lake)
    for attempt in (lambda: stage.run(lake), lambda: make_report(lake, Request())):
        with pytest.raises(Corrupt, match=f"{MANIFEST}.*{says}") as caught:
            attempt()
        assert caught.value.remedy
    assert contents(lake) == before
    (finding,) = (f for f in audit(lake).findings if f.severity == "damage")
    assert finding.key == MANIFEST
    assert finding.remedy


def test_a_manifest_whose_parent_was_altered_breaks_the_chain(lake: DirectoryStore) -> None:
    damage(lake, manifest_key(PR, 1), lambda body: body + b"\n")
    (finding,) = audit(lake).findings
    assert (finding.severity, finding.key) == ("damage", MANIFEST)
    assert "does not name the bytes of generation 1" in finding.what


# -- The view ----------------------------------------------------------------------------------

MEDDLING: dict[str, Callable[[DirectoryStore], object]] = {
    "altered": lambda lake: damage(lake, CURRENT, lambda body: body[::-1]),
    "deleted whole": lambda lake: shutil.rmtree(lake.root / PR),
    "joined by a stranger": lambda lake: lake.put(f"{PR}/pr.data.9.Mine", b"mine"),
    "left with half a record": lambda lake: damage(
        lake, view_record_key(PR), lambda body: body[: len(body) // 2]
    ),
}


@pytest.mark.parametrize("how", MEDDLING)
def test_a_view_that_someone_meddled_with_is_repaired_by_the_next_run(
    lake: DirectoryStore, stage: Stage, how: str, in_health: dict[str, dict[str, Any]]
) -> None:
    MEDDLING[how](lake)
    harmless = how == "left with half a record"
    found = {f.severity for f in audit(lake).findings}
    assert found == ({"note"} if harmless else {"repairable"})
    asked = len(stage.server.requests)
    outcome = stage.run(lake)
    assert outcome.name == "Repaired"
    assert outcome.repaired > 0
    assert [request.path for request in stage.server.requests[asked:]] == ["/pub/time.series/pr/"]
    assert mirrored(lake, PR) == in_health[PR]
    assert audit(lake).findings == ()
    assert stage.run(lake).name == "Unchanged"


# -- Vintages ----------------------------------------------------------------------------------


def vintage_of(lake: DirectoryStore, name: str) -> str:
    """The key of the newest content of a file."""
    sha256 = mirrored(lake, PR)["files"][name][0]
    return f"vintages/{PR}/{name}/{sha256}"


def test_an_altered_vintage_is_found_by_the_audit_and_no_report_reads_it(
    lake: DirectoryStore,
) -> None:
    key = vintage_of(lake, "pr.data.0.Current")
    damage(lake, key, lambda body: body.replace(b"2013", b"2014"))
    before = contents(lake)
    with pytest.raises(Corrupt, match=f"{key} was altered.*nothing was computed from it"):
        make_report(lake, Request())
    assert contents(lake) == before
    audited = audit(lake)
    (finding,) = audited.findings
    assert (finding.severity, finding.key) == ("damage", key)
    error = as_error(audited)
    assert isinstance(error, Damaged)
    assert key in error.what
    assert "backup" in error.remedy


def test_a_vintage_that_is_gone_is_named_by_the_audit_the_report_and_the_repair_of_its_view(
    lake: DirectoryStore, stage: Stage
) -> None:
    key = vintage_of(lake, "pr.data.0.Current")
    lake.delete(key)
    lake.delete(CURRENT)
    for attempt in (lambda: stage.run(lake), lambda: make_report(lake, Request())):
        with pytest.raises(Corrupt, match=f"{key} is named by a manifest and does not exist"):
            attempt()
    damaged = [f.key for f in audit(lake).findings if f.severity == "damage"]
    assert damaged == [key]


def test_a_vintage_of_another_size_is_refused_by_the_repair_of_its_view_and_mended_after_it(
    lake: DirectoryStore, stage: Stage, in_health: dict[str, dict[str, Any]]
) -> None:
    key = vintage_of(lake, "pr.data.0.Current")
    good = lake.read(key)
    damage(lake, key, lambda body: body + b"x")
    lake.delete(CURRENT)
    with pytest.raises(Corrupt, match=f"{key} has another size than the manifest says"):
        stage.run(lake)
    damage(lake, key, lambda _: good)
    assert [(f.severity, f.key) for f in audit(lake).findings] == [("repairable", CURRENT)]
    assert stage.run(lake).name == "Repaired"
    assert mirrored(lake, PR) == in_health[PR]
    assert audit(lake).findings == ()


@pytest.mark.parametrize("change", [bytes.swapcase, lambda body: body[:3], lambda _: b""])
@pytest.mark.parametrize("kind", ["directory", "moto", "seaweed"])
def test_a_damaged_vintage_is_never_put_over_the_last_file_with_its_bytes(
    stage: Stage, fresh_store: FreshStore, kind: Backend, change: Callable[[bytes], bytes]
) -> None:
    lake = fresh_store(kind)
    stage.run(lake)
    (named,) = (f for f in lake.list(f"vintages/{PR}/pr.series/"))
    good = lake.read(named.key)
    lake.put(named.key, change(good))
    lake.delete(view_record_key(PR))  # as good as at another place
    with pytest.raises(Corrupt, match=f"{named.key} is not what its name says") as caught:
        stage.run(lake)
    assert f"{PR}/pr.series has the right bytes" in caught.value.remedy
    assert lake.read(f"{PR}/pr.series") == good
    lake.put(named.key, good)
    assert stage.run(lake).name == "Repaired"
    assert audit(lake).findings == ()


@pytest.mark.parametrize("kind", ["directory", "moto", "seaweed"])
def test_a_copy_of_a_vintage_that_was_altered_is_reported_also_when_the_vintage_is_restored(
    stage: Stage, fresh_store: FreshStore, kind: Backend
) -> None:
    lake = fresh_store(kind)
    stage.run(lake)
    (named,) = (f for f in lake.list(f"vintages/{PR}/pr.series/"))
    good = lake.read(named.key)
    lake.put(named.key, good.swapcase())
    lake.delete(f"{PR}/pr.series")
    stage.run(lake)
    assert {f.key for f in audit(lake).findings} == {named.key, f"{PR}/pr.series"}
    lake.put(named.key, good)
    (finding,) = audit(lake).findings
    assert (finding.severity, finding.key) == ("repairable", f"{PR}/pr.series")
    assert stage.run(lake).name == "Unchanged"
    assert audit(lake, repair=True).name == "Repaired"
    assert lake.read(finding.key) == good
    assert audit(lake).findings == ()
