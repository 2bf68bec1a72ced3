"""Fixtures for runs of the flows: sample publishers, a lake, and a Prefect server in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blsquest.sources.sample.server import SampleServer
from tests.support.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.prefect_server import PrefectServer


@pytest.fixture
def server() -> Iterator[SampleServer]:
    """Both publishers, with the first release of the generated sample."""
    with SampleServer() as running:
        yield running


@pytest.fixture
def runs(server: SampleServer, prefect_api: PrefectServer, tmp_path: Path) -> Runs:
    """Runs of the flows over the sample publishers, into an empty directory."""
    return Runs(server, prefect_api, tmp_path / "lake")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same retries in the same order, without the waits between them."""
    from blsquest.sources.http import Retries
    from flows import steps

    monkeypatch.setattr(Retries, "wait", lambda _self, _attempt: 0.0)
    for task in (steps.list_source, steps.transfer_file, steps.transfer_batch):
        monkeypatch.setattr(task, "retry_delay_seconds", [0.0, 0.0])
