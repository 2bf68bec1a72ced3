"""The stage, set once for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.ecs_standin.container import why_no_containers
from tests.e2e.stage import on_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.stage import Stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Everything running, and the project deployed."""
    lacking = why_no_containers()
    if lacking:
        pytest.skip(f"end to end {lacking}")
    with on_stage(tmp_path_factory.mktemp("e2e")) as running:
        yield running
