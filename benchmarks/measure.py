"""One process, measured: seconds, processor time and peak memory."""

from __future__ import annotations

import os
import re
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HIGH_WATER = re.compile(r"VmHWM:\s+(\d+) kB")
_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process took, its start included.

    Attributes:
        seconds: From its start to its end.
        cpu: Processor seconds, its own and its children's.
        peak_mib: The most memory that was resident at a time (Linux alone tells it).
        code: Its exit code.
        output: What it printed.
        errors: The end of what it said on stderr.
    """

    seconds: float
    cpu: float
    peak_mib: int
    code: int
    output: str
    errors: str


def measured(command: Sequence[str], environment: Mapping[str, str]) -> Usage:
    """Run a command to its end; a bad exit code is a result, not an error."""
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdout=output, stderr=errors, env={**os.environ, **environment}
        )
        peak = _Peak(process.pid)
        peak.start()
        _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        return Usage(
            seconds=took,
            cpu=used.ru_utime + used.ru_stime,
            peak_mib=peak.kib // 1024,
            code=process.returncode,
            output=output.read(),
            errors=errors.read()[-2000:],
        )


def peak_kib(process: int | str = "self") -> int:
    """The most memory that a process had resident until now; 0 once it has ended.

    What wait4 and getrusage say begins with what the process that started it had.
    """
    found = _HIGH_WATER.search(Path(f"/proc/{process}/status").read_text())
    return int(found[1]) if found else 0


class _Peak(Thread):
    """Watches the most memory that a process had resident; ends when the process has."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = pid
        self.kib = 0

    def run(self) -> None:
        with suppress(OSError):
            while kib := peak_kib(self._process):
                self.kib = kib
                time.sleep(_LOOK_SECONDS)
