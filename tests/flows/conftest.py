"""Fixtures for runs of the flows: sample publishers, a lake, and a Prefect server in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.sources.sample import SampleServer
from tests.flows.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.prefect_server import PrefectServer


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
    from flows import steps
    from flows.sources.retry import Retries

    monkeypatch.setattr(Retries, "wait", lambda _self, _attempt: 0.0)
    for task in (steps.list_source, steps.transfer_file, steps.transfer_batch):
        monkeypatch.setattr(task, "retry_delay_seconds", [0.0, 0.0])
