"""One process, measured: seconds, processor time and peak memory."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process took, its start included.

    Attributes:
        seconds: From its start to its end.
        cpu: Processor seconds, its own and its children's.
        peak_mib: The most memory that was resident at a time.
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
        _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        return Usage(
            seconds=took,
            cpu=used.ru_utime + used.ru_stime,
            peak_mib=used.ru_maxrss // 1024,
            code=process.returncode,
            output=output.read(),
            errors=errors.read()[-2000:],
        )
