"""Run the benchmarks and print a table: `make bench`, or `make bench ARGS="--size 100"`.

Each run is a process of its own against a loopback source and two lakes: a directory and a real
S3 server (SeaweedFS). The figures in docs/performance.md came from here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from benchmarks.trees import change_one, many_files, one_large_file
from flows.sources.sample import SampleServer
from tests.s3_servers import run_seaweed

MIB = 1 << 20


def measure(url: str, lake: str, environment: dict[str, str]) -> dict[str, Any]:
    """One run in a process of its own."""
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.worker", url, lake],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def main(
    size: Annotated[int, typer.Option(help="MiB of the large file.")] = 1024,
    output: Annotated[Path | None, typer.Option(help="Write the figures as JSON.")] = None,
) -> None:
    """Measure first, unchanged and changed runs, and one large file."""
    rows: list[dict[str, Any]] = []
    with TemporaryDirectory() as name, contextmanager(run_seaweed)(Path(name)) as s3:
        folder = Path(name)
        lakes = {"directory": f"{folder}/lake", "S3": f"s3://{s3.fresh_bucket()}/lake"}
        with SampleServer() as server:
            for kind, lake in lakes.items():

                def run(work: str, suffix: str, lake: str = lake, kind: str = kind) -> None:
                    found = measure(server.bls_url, f"{lake}-{suffix}", s3.environment)
                    rows.append({"work": work, "lake": kind, **found})
                    print_row(rows[-1])

                for count in (12, 1000):
                    many_files(server, count)
                    run(f"first run, {count} files", str(count))
                    run(f"unchanged, {count} files", str(count))
                    change_one(server)
                    run(f"one of {count} changed", str(count))
                one_large_file(server, folder, size * MIB)
                run(f"one file of {size} MiB", "large")
    if output is not None:
        output.write_text(json.dumps(rows, indent=2) + "\n")


def print_row(row: dict[str, Any]) -> None:
    """One line of the table, as markdown."""
    storage = row["storage_requests"]
    verbs = " ".join(f"{verb} {count}" for verb, count in sorted(storage.items()))
    typer.echo(
        f"| {row['work']} | {row['lake']} | {row['seconds']:.2f} | {row['cpu']:.2f} "
        f"| {row['peak_mib']} | {row['source_requests']} | {sum(storage.values())} ({verbs}) |"
    )


if __name__ == "__main__":
    typer.run(main)
