"""What the reliability tests share: lakes of release 1, and the truth."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from tests.reliability.stage import CENSUS, Stage, mirrored, staged
from tests.support.lakes import PR, twin


@pytest.fixture(scope="package")
def lake_of_release_1(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """A lake that holds both sources; never written to again."""
    lake = DirectoryStore(tmp_path_factory.mktemp("release-1") / "lake")
    for source in (PR, CENSUS):
        with staged(source, 1) as stage:
            stage.run(lake)
    return lake


@pytest.fixture(scope="package")
def in_health(
    lake_of_release_1: DirectoryStore, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What the lake says of each source after release 2 was mirrored without any fault."""
    lake = twin(lake_of_release_1, tmp_path_factory.mktemp("release-2") / "lake")
    for source in (PR, CENSUS):
        with staged(source) as stage:
            assert stage.run(lake).name == "Changed"
    return {source: mirrored(lake, source) for source in (PR, CENSUS)}


@pytest.fixture
def lake(lake_of_release_1: DirectoryStore, tmp_path: Path) -> DirectoryStore:
    """A lake of one's own that holds release 1 of both sources."""
    return twin(lake_of_release_1, tmp_path / "lake")


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The publisher, healthy, with release 2 out."""
    with staged() as found:
        yield found
