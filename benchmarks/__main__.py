"""Measure this project beside rclone; the figures in docs/performance.md came from here."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from timeit import repeat
from typing import Any
from urllib.request import Request, urlopen

from blsquest.sources.sample.pages import ROOT
from tests.support.s3_servers import REGION, S3Server, run_seaweed

LATENCY = 0.05

PROGRAM = Path(os.environ.get("RCLONE") or Path(sys.prefix) / "servers" / "bin" / "rclone")
"""rclone: the environment's, else make's."""

HEAD = (
    "| work | who | seconds | times ours (spread) | cpu s | peak MiB | source requests "
    "| most in flight | storage requests | |\n|---|---|---|---|---|---|---|---|---|---|"
)

_COUNTED = re.compile(r'^SeaweedFS_s3_request_total\{.*type="(\w+)".*\} (\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that does the work: a command with `{url}` and `{bucket}`, and where it is run."""

    name: str
    command: tuple[str, ...]
    folder: Path | None = None


US = Contender(
    "ours",
    (sys.executable, "-m", "benchmarks.worker", "{url}", "s3://{bucket}/lake", "--surveys", "all"),
)
RCLONE = Contender("rclone", (str(PROGRAM), "sync", ":http:", ":s3:{bucket}"))
COPYURL = Contender(
    "rclone copyurl",
    (str(PROGRAM), "copyurl", "{url}pa/pa.data.0.Current", ":s3:{bucket}/pa.data.0.Current"),
)
RCLONE_64 = Contender("rclone, 64 + 64", (*RCLONE.command, "--transfers", "64", "--checkers", "64"))


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
    """A running publisher and S3 server, and what the arguments ask of them.

    Attributes:
        surveys: How many there are, with 12 files each.
        bytes: Of all files together, and of the one large file.
        others: This project in another checkout, if one is to be raced.
    """

    folder: Path
    origin: str
    s3: S3Server
    surveys: int
    bytes: int
    runs: int
    others: tuple[Contender, ...]

    def publish(self, **orders: Any) -> dict[str, Any]:
        """Set the publisher's latency, site or releases; return its counts until now."""
        request = Request(f"{self.origin}/control", json.dumps(orders).encode())  # noqa: S310 - ours
        with urlopen(request) as answer:  # noqa: S310 - ours
            counts: dict[str, Any] = json.load(answer)
        return counts

    def racing(self, *peers: Contender) -> list[Contender]:
        """Return ours of each checkout, and the peers where rclone is here."""
        return [US, *self.others, *(peers if PROGRAM.exists() else ())]

    def rounds(self, *peers: Contender) -> Iterator[Contender]:
        """Let all take turns, so that what else the machine does meets them alike."""
        for _ in range(self.runs):
            yield from self.racing(*peers)

    def measure(self, work: str, contender: Contender, bucket: str) -> Row:
        """Let one contender run once, alone; return what it cost both servers and the machine."""
        terms = {"url": self.origin + ROOT, "bucket": bucket}
        command = [part.format(**terms) for part in contender.command]
        environment = self.s3.environment | {
            "TMPDIR": str(self.folder),
            "RCLONE_CONFIG": "",
            "RCLONE_HTTP_URL": self.origin + ROOT,
            "RCLONE_USER_AGENT": "rclone (bench@example.org)",
            "RCLONE_S3_PROVIDER": "SeaweedFS",
            "RCLONE_S3_ENV_AUTH": "true",
            "RCLONE_S3_ENDPOINT": self.s3.endpoint,
            "RCLONE_S3_REGION": REGION,
        }
        stored = self._stored()
        self.publish()
        with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
            began, peak, ended = time.perf_counter(), 0, 0
            process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                stdout=output,
                stderr=errors,
                env=os.environ | environment,
                cwd=contender.folder,
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
        # Ours says what it took beyond its imports.
        own: dict[str, Any] = json.loads(last) if last.startswith("{") else {}
        return Row(
            work,
            contender.name,
            own.get("seconds", took - (_start() if command[0] == str(PROGRAM) else 0)),
            own.get("cpu", used.ru_utime + used.ru_stime),
            peak // 1024,
            asked["requests"],
            asked["in_flight"],
            dict(self._stored() - stored),
            f"exit code {process.returncode}: {why}" if process.returncode else "",
        )

    def measure_anew(self, work: str, *peers: Contender) -> Iterator[Row]:
        """Measure all into new buckets, each removed with what it holds: the disk is bounded."""
        for each in self.rounds(*peers):
            bucket = self.s3.fresh_bucket()
            yield self.measure(work, each, bucket)
            self.s3.client().delete_bucket(Bucket=bucket)

    def _stored(self) -> Counter[str]:
        """Return the requests that the S3 server has had since its start, by method."""
        counts: Counter[str] = Counter()
        with urlopen(self.s3.metrics) as page:  # noqa: S310 - ours
            for kind, number in _COUNTED.findall(page.read().decode()):
                counts[kind] += int(number)
        return counts


def _peak_kib(process: int) -> int:
    """Return the most memory that a process had resident; wait4's begins with its starter's."""
    with suppress(OSError, IndexError):  # it has ended
        return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0])
    return 0


@cache
def _start() -> float:
    """Return the seconds that rclone needs to start and end."""
    command = [str(PROGRAM), "version"]
    return min(repeat(lambda: subprocess.check_output(command), number=1, repeat=3))  # noqa: S603


def unchanged(stage: Stage) -> Iterator[Row]:
    """Change nothing, with 50 ms latency and without; then one small file."""
    # The same files with a twentieth of the bytes: where none moves, they may be small.
    stage.publish(site=(stage.surveys, stage.bytes // 20), latency=0.0)
    peers = RCLONE, RCLONE_64
    buckets = {each.name: stage.s3.fresh_bucket() for each in stage.racing(*peers)}
    for each in stage.racing(*peers):
        if note := stage.measure("", each, buckets[each.name]).note:
            raise RuntimeError(f"{each.name}: {note}")
    for latency in (LATENCY, 0.0):
        stage.publish(latency=latency)
        for each in stage.rounds(*peers):
            yield stage.measure(f"unchanged, {1000 * latency:.0f} ms", each, buckets[each.name])
    for each in stage.rounds(*peers):
        # Always the same file: the next contender sees one change, however many releases it was.
        stage.publish(latency=LATENCY, release={"pa": "pa.table00000"})
        yield stage.measure("one file changed, 50 ms", each, buckets[each.name])


def first(stage: Stage) -> Iterator[Row]:
    """Sync everything anew, 50 ms latency."""
    stage.publish(site=(stage.surveys, stage.bytes), latency=LATENCY)
    work = f"first sync of {stage.bytes / 1e9:.2f} GB, 50 ms"
    yield from stage.measure_anew(work, RCLONE, RCLONE_64)


def large(stage: Stage) -> Iterator[Row]:
    """Sync one large file, beside rclone's sync and its copyurl, which only copies."""
    stage.publish(site=(1, stage.bytes, 1), latency=0.0)
    yield from stage.measure_anew(f"one file of {stage.bytes / 1e9:.2f} GB", RCLONE, COPYURL)


RACES = {race.__name__: race for race in (unchanged, first, large)}


@contextmanager
def open_stage(folder: Path, given: argparse.Namespace) -> Iterator[Stage]:
    """Start both servers; stop them at the end."""
    others = []
    if given.against:
        checkout = given.against.resolve()
        command = (given.python, *US.command[1:])
        others = [replace(US, name=f"ours, {checkout.name}", command=command, folder=checkout)]
    surveys = max(2, round(60 * min(1.0, given.scale * 20)))  # fewer below a twentieth
    size = round(given.scale * (1 << 30))
    with (
        contextmanager(run_seaweed)(folder) as s3,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.publisher"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as publisher,
    ):
        assert publisher.stdout is not None  # noqa: S101 - it is a pipe
        try:
            origin = publisher.stdout.readline().strip()
            yield Stage(folder, origin, s3, surveys, size, given.runs, tuple(others))
        finally:
            publisher.kill()


def markdown(rows: Sequence[Row]) -> str:
    """Return a line for each work and peer: medians, and how many times longer than the first."""
    works: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        works[row.work][row.peer].append(row)
    all_peers = [list(peers.values()) for peers in works.values()]
    return "\n".join([HEAD, *(_line(own, peers[0]) for peers in all_peers for own in peers)])


def _line(own: Sequence[Row], ours: Sequence[Row]) -> str:
    row, spread = own[-1], "1"
    # Of each round.
    ratios = [a.seconds / b.seconds for a, b in zip(own, ours, strict=False) if b.seconds]
    if own is not ours and ratios:
        spread = f"{median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"
    cells = [
        row.work,
        row.peer,
        f"{median(r.seconds for r in own):.2f}",
        spread,
        f"{median(r.cpu for r in own):.2f}",
        str(max(r.peak_mib for r in own)),
        _counted(row.source_requests),
        str(max(r.in_flight for r in own) or ""),
        _counted(row.storage_requests),
        row.note,
    ]
    return f"| {' | '.join(cells)} |"


def _counted(requests: Mapping[str, int]) -> str:
    named = " ".join(f"{name} {count}" for name, count in sorted(requests.items()))
    return f"{sum(requests.values())} ({named})" if len(requests) > 1 else named


def main() -> None:
    """Run the benchmarks and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", choices=RACES, help="may be repeated")
    add("--runs", type=int, default=3, help="rounds; the peers take turns")
    add("--scale", type=float, default=1.0, help="1 is 60 surveys and 1 GiB")
    add("--output", type=Path, help="write every run as JSON")
    add("--against", type=Path, metavar="CHECKOUT", help="race also this project as it is there")
    add("--python", default=sys.executable, help="the interpreter of that checkout")
    given = parser.parse_args()
    if not PROGRAM.exists():
        print("rclone is not here: make bench installs it.", file=sys.stderr)  # noqa: T201
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: stop the servers
    rows: list[Row] = []
    with TemporaryDirectory() as folder, open_stage(Path(folder), given) as stage:
        for name in given.only or RACES:
            found = list(RACES[name](stage))
            rows += found
            print(f"\n{markdown(found)}", flush=True)  # noqa: T201
            if given.output is not None:
                given.output.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
