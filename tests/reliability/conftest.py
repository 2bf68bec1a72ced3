"""What the reliability tests share: lakes of release 1, and the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from tests.support.lakes import PR, twin
from tests.support.stage import CENSUS, Stage, mirrored, staged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="package")
def lake_of_release_1(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """A lake that holds both sources; never written to again."""
    lake = DirectoryStore(tmp_path_factory.mktemp("release-1") / "lake")
    for source in (PR, CENSUS):
        with staged(source) as stage:
            stage.mirror_release_1(lake)
    return lake


@pytest.fixture(scope="package")
def in_health(
    lake_of_release_1: DirectoryStore, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What the lake says of each source after release 2 was mirrored without any fault."""
    lake = twin(lake_of_release_1, tmp_path_factory.mktemp("release-2") / "lake")
    found = {}
    for source in (PR, CENSUS):
        with staged(source) as stage:
            stage.publish(2)
            assert stage.run(lake).name == "Changed"
            found[source] = mirrored(lake, source)
    return found


@pytest.fixture
def lake(lake_of_release_1: DirectoryStore, tmp_path: Path) -> DirectoryStore:
    """A lake of one's own that holds release 1 of both sources."""
    return twin(lake_of_release_1, tmp_path / "lake")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The publisher, healthy, with release 2 out."""
    with staged() as found:
        found.publish(2)
        yield found
