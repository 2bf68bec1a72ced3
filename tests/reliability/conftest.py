from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.sources.sample import SampleServer
from tests.reliability.figures import SOAK, figures

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[SampleServer]:
    """Both publishers, healthy, with the generated release 1."""
    with SampleServer() as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the reliability tests counted."""
    if figures:
        terminalreporter.section(f"reliability{f' (soak, factor {SOAK})' if SOAK else ''}")
        for line in figures:
            terminalreporter.line(line)
