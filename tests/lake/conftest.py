from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.lake.store_directory import DirectoryStore
from flows.sources.sample import SampleServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[SampleServer]:
    """Both publishers, healthy, with the generated release 1."""
    with SampleServer() as running:
        yield running


@pytest.fixture
def lake(tmp_path: Path) -> DirectoryStore:
    """An empty lake in a directory."""
    return DirectoryStore(tmp_path / "lake")
