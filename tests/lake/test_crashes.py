"""A run that dies, or whose storage fails, at any one call: the next run ends in the same state."""

from collections.abc import Callable
from pathlib import Path

import pytest

from blsquest.core.errors import StoreError
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.population import payload
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import (
    Fails,
    Killed,
    When,
    assert_whole,
    mirror,
    recorded,
    state,
    take_population,
    twin,
    watched,
)
from tests.support.publishing import legacy_payload

Prepare = Callable[[SampleServer, DirectoryStore], None]


def to_release_2(server: SampleServer, base: DirectoryStore) -> None:
    """Release 2 has an addition, changes, a restamp and a removal."""
    mirror(server, base)
    server.publish(2)


def first_run(server: SampleServer, _: DirectoryStore) -> None:
    server.surveys["pr"] = dict(list(server.surveys["pr"].items())[:4])


def repair(server: SampleServer, base: DirectoryStore) -> None:
    mirror(server, base)
    (base.root / "bls/pr/pr.class").unlink()
    (base.root / "bls/pr/extra").write_bytes(b"someone's")
    base.put("bls/pr/pr.txt", b"altered")


def other_population(server: SampleServer, base: DirectoryStore) -> None:
    server.population = legacy_payload()  # served as it is: its spelling stays the same
    take_population(server, base)
    server.population = payload()


@pytest.mark.parametrize(
    ("prepare", "when", "error"),
    [
        (to_release_2, "before", StoreError("The disk is gone.")),
        (to_release_2, "after", StoreError("The disk is gone.")),
        (to_release_2, "after", Killed()),
        # For a death, "after" one call is all there is to "before" the next.
        (first_run, "after", Killed()),
        (repair, "after", Killed()),
        (other_population, "after", Killed()),
    ],
)
def test_a_run_broken_at_any_storage_call_is_made_good_by_the_next(
    server: SampleServer, tmp_path: Path, prepare: Prepare, when: When, error: BaseException
) -> None:
    base, counted = DirectoryStore(tmp_path / "base"), Fails(at=0, when=when)
    prepare(server, base)
    census = prepare is other_population
    run, source = (take_population, "census") if census else (mirror, "bls/pr")
    reference = twin(base, tmp_path / "reference")
    run(server, watched(reference, counted))
    wanted = state(reference, source)
    assert counted.calls == 21 or prepare is not to_release_2
    for at in range(1, counted.calls + 1):
        lake = twin(base, tmp_path / f"{at}")
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
