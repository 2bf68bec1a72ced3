"""What a run says on a terminal while it runs; and that it says nothing anywhere else."""

import os
import pty
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from blsquest.core.progress import Arrived, Ended, Step, Transfer, emit, listen
from flows.cli.progress import Shown, asked, shown
from tests.support.commands import PROJECT, arguments
from tests.support.runs import Runs


@pytest.mark.parametrize(
    ("transfer", "line"),
    [
        (Transfer("census", 1, 0, 0.0), "census: asking for 1 file"),
        (Transfer("bls/pr", 2, 5_000, 0.0), "bls/pr: asking for 2 files of 5,000 bytes"),
        (
            Transfer("bls/pr", 12, 5_000, 12.12),
            "bls/pr: asking for 12 files of 5,000 bytes (12 s or more, to be polite)",
        ),
        (
            Transfer("bls/la", 300, 0, 303.0),
            "bls/la: asking for 300 files (5 min or more, to be polite)",
        ),
    ],
)
def test_a_line_says_what_is_asked_for_and_how_long_the_pace_makes_it(
    transfer: Transfer, line: str
) -> None:
    assert asked(transfer) == line


@pytest.mark.parametrize(("term", "bars"), [("xterm", 1), ("dumb", 0)])
def test_a_long_transfer_has_a_bar_while_it_lasts_on_a_terminal_that_can_show_one(
    monkeypatch: pytest.MonkeyPatch, term: str, bars: int
) -> None:
    monkeypatch.setenv("TERM", term)
    written = StringIO()
    listener = Shown(Console(file=written, force_terminal=True, width=100))
    with listener.progress, listen(listener):
        emit(Transfer("bls/pr", 2, 100, 0.0))
        emit(Transfer("bls/la", 2, 10_000_000, 0.0))
        emit(Arrived("bls/pr", 100))
        emit(Arrived("bls/la", 2_500_000))
        listener.progress.refresh()
        shown = written.getvalue()
        (bar,) = listener.progress.tasks
        emit(Ended("bls/pr"))
        emit(Ended("bls/la"))
        assert listener.progress.tasks == []

    assert (bar.description, bar.completed, bar.total) == ("bls/la", 2_500_000, 10_000_000)
    assert ("2.5/10.0 MB" in shown) == bool(bars)


@pytest.mark.parametrize("term", ["xterm", ""])
def test_a_terminal_is_left_alone_while_there_is_no_bar(
    monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr("flows.cli.progress.Console", lambda **_: console)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with shown(wanted=True):
        emit(Step("one"))
        if term:
            emit(Transfer("bls/la", 2, 10_000_000, 0.0))
            emit(Ended("bls/la"))
        drawn = written.getvalue()
        emit(Step("two"))
    assert drawn.startswith("  one\n")
    assert written.getvalue()[len(drawn) :] == "  two\n"


def test_nobody_listens_outside_the_block() -> None:
    heard: list[object] = []
    with listen(heard.append):
        emit(Step("one"))
    emit(Step("two"))

    assert heard == [Step("one")]


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_run_shows_its_steps_on_a_terminal_but_not_beside_json(
    runs: Runs, tmp_path: Path, more: tuple[str, ...]
) -> None:
    given = arguments("mirror", runs.server, runs.lake, *more)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", *given],
        cwd=PROJECT,
        env=runs.api.environment | {"TERM": "dumb", "DO_NOT_TRACK": "1"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    try:
        while read := os.read(ours, 1 << 16):
            said += read
    except OSError:  # its last writer is gone
        pass
    finally:
        os.close(ours)

    assert process.wait() == 0
    lines = [line.strip() for line in said.decode().splitlines()]
    if more:
        assert lines == []
        return
    assert lines[:3] == [
        "mirror: starting",
        "bls/pr: asking what there is",
        "bls/pr: asking for 12 files of 1,887,036 bytes",
    ]
    assert any(line.startswith("bls/pr (sample) Changed: 12 added") for line in lines)
