"""Figures that a test run prints at its end, and how much of the long tests it does."""

import os
import random
from typing import Any

import pytest

SOAK = int(os.environ.get("SOAK", "0"))
"""0 in `make test`; `make soak` multiplies the rounds by it and takes every point."""

figures: list[str] = []
"""One line each, printed below the tests' own summary."""


def tell(line: str) -> None:
    """Have a line printed at the end of the test run."""
    figures.append(line)


def sampled(points: int, wanted: int) -> list[int]:
    """Numbers from 1 to `points`: all of them in a soak, else `wanted`, the same each time."""
    every = range(1, points + 1)
    return list(every) if SOAK else sorted(random.Random(points).sample(every, min(wanted, points)))


def rounds(short: int, long: int) -> int:
    """How often to repeat: `short` in `make test`, `long` times the factor in a soak."""
    return long * SOAK if SOAK else short


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its lines to the process that prints."""
    if (handed := getattr(session.config, "workeroutput", None)) is not None:
        handed["figures"] = figures


def pytest_testnodedown(node: Any) -> None:
    """Take a worker's lines; one that crashed has none."""
    figures.extend(getattr(node, "workeroutput", {}).get("figures", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests counted."""
    if figures:
        terminalreporter.section(f"reliability{f' (soak, factor {SOAK})' if SOAK else ''}")
        for line in sorted(figures):
            terminalreporter.line(line)
