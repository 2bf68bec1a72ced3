"""Fixtures for runs of the flows: sample publishers, a lake, and a Prefect server in use."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from blsquest.sources.sample.server import SampleServer
from tests.support.prefect_server import PrefectServer
from tests.support.runs import Runs


@pytest.fixture
def runs(server: SampleServer, prefect_api: PrefectServer, tmp_path: Path) -> Runs:
    """Runs of the flows over the sample publishers, into an empty directory."""
    return Runs(server, prefect_api, tmp_path / "lake")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same retries in the same order, without the waits between them."""
    from blsquest.sources.http import Retries
    from flows import tasks

    monkeypatch.setattr(Retries, "wait", lambda _self, _attempt: 0.0)
    for step in (tasks.list_source, tasks.transfer_file, tasks.transfer_batch):
        monkeypatch.setattr(step, "retry_delay_seconds", [0.0, 0.0])


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the logs of runs and tasks say, while they say it."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger(f"prefect.{kind}_runs") for kind in ("flow", "task")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lines
    for logger in loggers:
        logger.removeHandler(handler)
