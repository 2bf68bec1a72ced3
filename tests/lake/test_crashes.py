"""A run that dies, or whose storage fails, at any one call: the next run ends in the same state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import QuestError, StoreError
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.population import payload
from tests.support.lakes import (
    TO_RELEASE_2,
    Clock,
    Fails,
    Killed,
    assert_whole,
    kinds,
    mirror,
    recorded,
    state,
    take_population,
    twin,
    watched,
)
from tests.support.publishing import legacy_payload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blsquest.lake.outcome import Outcome
    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.server import SampleServer
    from tests.support.lakes import When


def broken_everywhere(
    server: SampleServer,
    base: DirectoryStore,
    folder: Path,
    run: Callable[[SampleServer, Store], Outcome],
    source: str,
    when: When,
    error: BaseException,
) -> int:
    """Break `run` at each of its storage calls; the number of calls it has unbroken.

    For a death, "after" one call is all there is to "before" the next.
    """
    reference = twin(base, folder / "reference")
    counted = Fails(at=0, when=when)
    run(server, watched(reference, counted))
    wanted = state(reference, source)
    for at in range(1, counted.calls + 1):
        lake = twin(base, folder / f"{at}")
        fault = Fails(at, when, error)
        with pytest.raises(type(error)):
            run(server, watched(lake, fault))
        assert fault.struck
        arrived = {stored.key for stored in lake.list("vintages/")}
        clean, uploads = recorded(lake, "upload")
        run(server, clean)
        assert arrived.isdisjoint(key for _, key in uploads)
        assert state(lake, source) == wanted
        assert_whole(lake, source)
    return counted.calls


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "error", [Killed(), StoreError("The disk is gone.")], ids=["killed", "failed"]
)
def test_a_run_broken_at_any_storage_call_is_made_good_by_the_next(
    server: SampleServer, tmp_path: Path, when: When, error: BaseException
) -> None:
    """Release 2 has an addition, changes, a restamp and a removal."""
    base = DirectoryStore(tmp_path / "base")
    mirror(server, base)
    server.publish(2)
    calls = broken_everywhere(server, base, tmp_path, mirror, "bls/pr", when, error)
    assert calls == 20


def test_a_first_run_killed_at_any_storage_call_is_made_good_by_the_next(
    server: SampleServer, tmp_path: Path
) -> None:
    base = DirectoryStore(tmp_path / "base")
    server.surveys["pr"] = dict(list(server.surveys["pr"].items())[:4])
    broken_everywhere(server, base, tmp_path, mirror, "bls/pr", "after", Killed())


def test_a_repair_of_the_view_killed_at_any_storage_call_is_made_good_by_the_next(
    server: SampleServer, tmp_path: Path
) -> None:
    base = DirectoryStore(tmp_path / "base")
    mirror(server, base)
    (base.root / "bls/pr/pr.class").unlink()
    (base.root / "bls/pr/extra").write_bytes(b"someone's")
    base.put("bls/pr/pr.txt", b"altered")
    broken_everywhere(server, base, tmp_path, mirror, "bls/pr", "after", Killed())


def test_a_change_of_the_population_killed_at_any_storage_call_is_made_good_by_the_next(
    server: SampleServer, tmp_path: Path
) -> None:
    base = DirectoryStore(tmp_path / "base")
    server.population = legacy_payload()  # served as it is: its spelling stays the same
    take_population(server, base)
    server.population = payload()
    broken_everywhere(server, base, tmp_path, take_population, "census", "after", Killed())


def test_a_run_that_died_after_its_commit_is_finished_as_a_repair(
    server: SampleServer, tmp_path: Path
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    mirror(server, lake)
    server.publish(2)

    def die(when: When, verb: str, key: str) -> None:
        if (when, verb) == ("after", "put_new"):
            raise Killed

    with pytest.raises(Killed):
        mirror(server, watched(lake, die))
    outcome = mirror(server, lake)
    assert (outcome.name, outcome.generation, kinds(outcome)) == ("Repaired", 2, {})
    assert outcome.repaired == sum(kind != "restamped" for kind in TO_RELEASE_2.values())
    assert_whole(lake)


def test_an_answer_of_the_commit_that_was_lost_fails_the_run_and_loses_nothing(
    server: SampleServer, tmp_path: Path
) -> None:
    lake = DirectoryStore(tmp_path / "lake")

    def lose(when: When, verb: str, key: str) -> None:
        if (when, verb) == ("after", "put_new"):
            raise StoreError("No answer.", transient=True)

    with pytest.raises(QuestError, match="No answer"):
        mirror(server, watched(lake, lose))
    assert mirror(server, lake, Clock()).generation == 1
    assert_whole(lake)
