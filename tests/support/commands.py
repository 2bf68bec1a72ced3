"""The project's commands: in this process, and as processes of their own."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from blsquest.sources.sample.server import Request, SampleServer
from flows.cli.app import app
from tests.support import HANG

PROJECT = Path(__file__).resolve().parents[2]
CONTACT = "tester@example.org"


@dataclass(frozen=True)
class Ended:
    """A command that has ended, so many seconds after what ended it (see `Command`)."""

    code: int
    out: str
    err: str
    seconds: float = field(default=0.0, compare=False)

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err


@dataclass(frozen=True)
class Commands:
    """`blsquest …` in this process, which saves three seconds of imports each."""

    capfd: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object) -> Ended:
        """Run one command to its end."""
        self.capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(argument) for argument in arguments])
        written = self.capfd.readouterr()
        return Ended(int(ended.value.code or 0), written.out, written.err)


class Command:
    """A running command; its temporary folder is its own."""

    def __init__(self, arguments: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self._began = time.monotonic()
        self._streams = folder / "out", folder / "err"
        with self._streams[0].open("wb") as out, self._streams[1].open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=PROJECT,
                env={**environment, "TMPDIR": str(self.temporary)},
                stdout=out,
                stderr=err,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it; the time counts from here."""
        self._began = time.monotonic()
        self._process.send_signal(number)

    def ended(self) -> Ended:
        """Wait for its end."""
        try:
            self._process.wait(HANG)
        finally:
            self.kill()
        seconds = time.monotonic() - self._began
        out, err = (stream.read_text() for stream in self._streams)
        return Ended(self._process.returncode, out, err, seconds)

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self._process.kill()
        self._process.wait()

    def children(self) -> set[int]:
        """Return the processes that it has started and that live (Linux)."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        return {int(child) for task in tasks for child in task.read_text().split()}

    def spool(self) -> list[str]:
        """Return what is in its temporary folder."""
        return sorted(path.name for path in self.temporary.iterdir())


def arguments(flow: str, server: SampleServer, lake: Path, *more: str) -> list[str]:
    """`-m flows <flow> …` over that server's publishers."""
    given = ["flows", flow, "--lake", str(lake), "--bls-url", server.bls_url]
    given += ["--contact", CONTACT]
    if "--downloads-per-second" not in more:
        given += ["--downloads-per-second", "0"]
    if flow == "pipeline":
        given += ["--population-url", server.population_url]
    return [*given, *more]


def lives(process: int) -> bool:
    """Whether a process is there and not only waiting to be reaped (Linux)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def when_asked_for(
    server: SampleServer, path: str, act: Callable[[], object] = lambda: None, *, times: int = 1
) -> Event:
    """Do something once, in the moment of the n-th request whose path ends so; set when done."""
    done = Event()
    seen = 0

    def look(request: Request) -> None:
        nonlocal seen
        seen += request.path.endswith(path)
        if seen == times and not done.is_set():
            act()
            done.set()

    server.on_request = look
    return done
