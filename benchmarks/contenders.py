"""Who is measured at mirroring: this project, rclone in three settings, and the usual script."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import measured
from tests.support.s3_servers import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.stage import Stage

OURS = "ours"


@dataclass(frozen=True, slots=True)
class Row:
    """One measured run.

    Attributes:
        work: What was to be done.
        peer: Who did it.
        seconds: Beyond imports, or beyond the time in which `rclone version` starts and ends.
        cpu: Processor seconds; likewise for Python, all of the process for rclone.
        peak_mib: The most memory that was resident, imports included.
        source_requests: As the publisher counted them, by method.
        source_bytes: Bytes of bodies that it sent.
        in_flight: The most requests that it had under way at a time.
        storage_requests: As the S3 server counted them (it calls a HEAD a GET).
        note: What else is to be said; "" for a run that did all it should.
    """

    work: str
    peer: str
    seconds: float
    cpu: float
    peak_mib: int
    source_requests: Mapping[str, int]
    source_bytes: int
    in_flight: int
    storage_requests: Mapping[str, int]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to mirror.

    Attributes:
        name: In the tables.
        arguments: rclone's flags, or the script's and the worker's further arguments.
    """

    name: str
    arguments: tuple[str, ...] = ()

    @property
    def is_rclone(self) -> bool:
        """Whether it is a program that tells no times itself."""
        return self.name.startswith("rclone")

    def command(self, stage: Stage, bucket: str) -> list[str]:
        """What brings `bucket` up to date with all that the publisher has."""
        if self.name == OURS:
            given = [stage.url, f"s3://{bucket}/lake", "--surveys", "all"]
            return [sys.executable, "-m", "benchmarks.worker", *given, *self.arguments]
        if self.is_rclone:
            verb = ["sync", ":http:", f":s3:{bucket}"]
            return [str(rclone()), *verb, *self.arguments]
        return [sys.executable, "-m", "benchmarks.script", stage.url, bucket, *self.arguments]


US = Contender(OURS)
RCLONE = Contender("rclone")
RCLONE_8 = Contender("rclone, 8 checkers", ("--checkers", "8"))
RCLONE_64 = Contender("rclone, 64 + 64", ("--transfers", "64", "--checkers", "64"))
SCRIPT = Contender("script")
SCRIPT_16 = Contender("script, 16 threads", ("16",))


def rclone() -> Path | None:
    """The program, from `RCLONE`, from make's environment for benchmarks, or from the path."""
    beside = Path(sys.prefix) / "bench" / "bin" / "rclone"
    named = os.environ.get("RCLONE") or (str(beside) if beside.exists() else shutil.which("rclone"))
    return Path(named) if named else None


def present(*contenders: Contender) -> list[Contender]:
    """Those whose program is here."""
    return [c for c in contenders if not c.is_rclone or rclone()]


def environment(stage: Stage) -> dict[str, str]:
    """How all of them find the publisher and the S3 server."""
    return stage.s3.environment | {
        "TMPDIR": str(stage.folder),
        "RCLONE_CONFIG": "",
        "RCLONE_HTTP_URL": stage.url,
        "RCLONE_USER_AGENT": "rclone (bench@example.org)",
        "RCLONE_S3_PROVIDER": "SeaweedFS",
        "RCLONE_S3_ENV_AUTH": "true",
        "RCLONE_S3_ENDPOINT": stage.s3.endpoint,
        "RCLONE_S3_REGION": REGION,
    }


def measure(
    stage: Stage, work: str, contender: Contender, bucket: str, *, command: list[str] | None = None
) -> Row:
    """Let one of them run once, alone, and ask both servers what it cost them."""
    stored = stage.stored()
    stage.publish()
    used = measured(command or contender.command(stage, bucket), environment(stage))
    asked = stage.publish()
    told: dict[str, Any] = {}
    if used.output.startswith("{"):
        told = json.loads(used.output)
    elif not contender.is_rclone:
        raise RuntimeError(f"{contender.name} at {work}: {used.errors}")
    return Row(
        work=work,
        peer=contender.name,
        seconds=told.get("seconds", used.seconds - _rclone_start() if contender.is_rclone else 0),
        cpu=told.get("cpu", used.cpu),
        peak_mib=used.peak_mib,
        source_requests=asked["requests"],
        source_bytes=asked["sent"],
        in_flight=asked["in_flight"],
        storage_requests=dict(Counter(stage.stored()) - stored),
        note=f"exit code {used.code}" if used.code else "",
    )


@cache
def _rclone_start() -> float:
    """Seconds that rclone needs to start and end."""
    return min(measured([str(rclone()), "version"], {}).seconds for _ in range(3))
