"""Where the contenders meet: the publisher, a real S3 server, and what each run cost there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from timeit import repeat
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from benchmarks.contenders import RCLONE_PROGRAM, Contender, peers
from blsquest.sources.sample.pages import ROOT
from tests.support.s3_servers import REGION, S3Server, run_seaweed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COUNTED = re.compile(r'^SeaweedFS_s3_request_total\{.*type="(\w+)".*\} (\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured run.

    Attributes:
        seconds: Beyond imports; for rclone, beyond what `rclone version` takes.
        cpu: Processor seconds beyond imports; all of the process for rclone.
        peak_mib: The most memory that was resident, imports included.
        source_requests: By method, as the publisher counted them.
        in_flight: The most requests that the publisher had under way at a time.
        storage_requests: As the S3 server counted them (it calls a HEAD a GET).
        note: How it failed.
    """

    work: str
    peer: str
    seconds: float
    cpu: float
    peak_mib: int
    source_requests: Mapping[str, int]
    in_flight: int
    storage_requests: Mapping[str, int]
    note: str = ""


@dataclass(frozen=True)
class Stage:
    """A running publisher and S3 server.

    Attributes:
        surveys: How many there are, with 12 files each.
        bytes: Of all files together, and of the one large file.
        against: Another checkout of this project to race, if any; `python` is its interpreter.
    """

    folder: Path
    origin: str
    s3: S3Server
    surveys: int
    bytes: int
    runs: int
    against: Path | None
    python: str

    def publish(self, **orders: Any) -> dict[str, Any]:
        """Set the publisher's latency, faults, site or releases; return its counts until now."""
        request = Request(f"{self.origin}/control", json.dumps(orders).encode())  # noqa: S310 - ours
        with urlopen(request) as answer:  # noqa: S310 - ours
            counts: dict[str, Any] = json.load(answer)
        return counts

    def racing(self, *contenders: Contender) -> Iterator[Contender]:
        """Yield those whose program is here, each of ours also from the other checkout."""
        for each in contenders:
            if peers() or not each.command[0].startswith("{peers}"):
                yield each
            if each.ours and self.against:
                yield each.at(self.against, self.python)

    def rounds(self, *contenders: Contender) -> Iterator[Contender]:
        """Let all take turns, so that what else the machine does meets them alike."""
        for _ in range(self.runs):
            yield from self.racing(*contenders)

    def filled(self, *contenders: Contender) -> dict[str, str]:
        """Return a bucket for each family, up to date."""
        buckets = {}
        for each in self.racing(*contenders):
            buckets[each.family] = self.s3.fresh_bucket()
            self.measure("", each, buckets[each.family])
        return buckets

    def measure(self, work: str, contender: Contender, bucket: str) -> Row:
        """Let one contender run once, alone; return what it cost both servers and the machine.

        An error of a run that is no row (its work is "") is raised.
        """
        terms = {"url": self.origin + ROOT, "bucket": bucket, "peers": peers()}
        command = [part.format(**terms) for part in contender.command]
        environment = {**os.environ, **self._environment(), **contender.environment}
        stored = self._stored()
        self.publish()
        with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
            began, peak, ended = time.perf_counter(), 0, 0
            process = subprocess.Popen(  # noqa: S603 - our own commands
                command, stdout=output, stderr=errors, env=environment, cwd=contender.folder
            )
            while not ended:
                time.sleep(0.005)
                peak = max(peak, _peak_kib(process.pid))
                ended, status, used = os.wait4(process.pid, os.WNOHANG)
            took = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            last = output.read().rstrip().rpartition("\n")[2]
            why = errors.read().rstrip().rpartition("\n")[2][-80:]
        asked = self.publish()
        own: dict[str, Any] = json.loads(last) if last.startswith("{") else {}
        note = f"exit code {process.returncode}: {why}" if process.returncode else ""
        if note and not work:
            raise RuntimeError(f"{contender.name}: {note}")
        return Row(
            work,
            contender.name,
            own.get("seconds", took - (_start() if contender.is_rclone else 0)),
            own.get("cpu", used.ru_utime + used.ru_stime),
            peak // 1024,
            asked["requests"],
            asked["in_flight"],
            dict(self._stored() - stored),
            note,
        )

    @contextmanager
    def bucket(self) -> Iterator[str]:
        """Lend a new bucket; SeaweedFS removes it with all that it holds: the disk is bounded."""
        bucket = self.s3.fresh_bucket()
        yield bucket
        self.s3.client().delete_bucket(Bucket=bucket)

    def _stored(self) -> Counter[str]:
        """Return the requests that the S3 server has had since its start, by method."""
        counts: Counter[str] = Counter()
        with urlopen(self.s3.metrics) as page:  # noqa: S310 - ours
            for kind, number in _COUNTED.findall(page.read().decode()):
                counts[kind] += int(number)
        return counts

    def _environment(self) -> dict[str, str]:
        return self.s3.environment | {
            "TMPDIR": str(self.folder),
            "RCLONE_CONFIG": "",
            "RCLONE_HTTP_URL": self.origin + ROOT,
            "RCLONE_USER_AGENT": "rclone (bench@example.org)",
            "RCLONE_S3_PROVIDER": "SeaweedFS",
            "RCLONE_S3_ENV_AUTH": "true",
            "RCLONE_S3_ENDPOINT": self.s3.endpoint,
            "RCLONE_S3_REGION": REGION,
        }


@contextmanager
def open_stage(
    folder: Path, *, scale: float, runs: int, against: Path | None, python: str
) -> Iterator[Stage]:
    """Start both servers; stop them at the end."""
    command = [sys.executable, "-m", "benchmarks.publisher"]
    with (
        contextmanager(run_seaweed)(folder) as s3,
        subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as publisher,
    ):
        assert publisher.stdout is not None  # noqa: S101 - it is a pipe
        try:
            origin = publisher.stdout.readline().strip()
            surveys = max(2, round(60 * min(1.0, scale * 20)))  # fewer below a twentieth
            other = against and against.resolve()
            yield Stage(folder, origin, s3, surveys, round(scale * (1 << 30)), runs, other, python)
        finally:
            publisher.kill()


def _peak_kib(process: int) -> int:
    """Return the most memory that a process had resident; wait4's begins with its starter's."""
    with suppress(OSError, IndexError):  # it has ended
        return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0])
    return 0


@cache
def _start() -> float:
    """Return the seconds that rclone needs to start and end."""
    command = [RCLONE_PROGRAM.format(peers=peers()), "version"]
    return min(repeat(lambda: subprocess.check_output(command), number=1, repeat=3))  # noqa: S603
