from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blsquest.sources.sample.server import SampleServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[SampleServer]:
    """Both publishers, healthy, with the generated release 1."""
    with SampleServer() as running:
        yield running
