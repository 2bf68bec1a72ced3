"""Measure this project beside its peers: `make bench`, or for one of them, and quickly,
`make bench ARGS="--only unchanged --runs 3 --scale 0.1"`.

Every run is a process of its own, against a loopback publisher and a real S3 server (SeaweedFS);
the peers take turns within a round, so that what else the machine does meets them alike. The
figures in docs/performance.md came from here.
"""  # noqa: D205 - the command is one line

from __future__ import annotations

import json
import os
import platform
import signal
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from benchmarks.answering import ANSWERING
from benchmarks.contenders import Row, rclone
from benchmarks.growing import GROWING
from benchmarks.mirroring import MIRRORING, Size
from benchmarks.prefect_part import PREFECT
from benchmarks.stage import stage
from benchmarks.table import markdown

ALL = MIRRORING | GROWING | PREFECT | ANSWERING


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(ALL)}.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Rounds; the peers take turns.")] = 3,
    scale: Annotated[float, typer.Option(min=0.0001, help="1 is 60 surveys and 1 GiB.")] = 1.0,
    output: Annotated[Path | None, typer.Option(help="Write every run as JSON.")] = None,
) -> None:
    """Run the benchmarks and print their tables."""
    unknown = sorted(set(only or ()) - ALL.keys())
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(ALL)}.")
    if rclone() is None:
        typer.echo("rclone is not here (make bench installs it): its rows are left out.", err=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: stop the servers
    size = Size(runs=runs).scaled(scale)
    rows: list[Row] = []
    typer.echo(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
    with TemporaryDirectory() as folder, stage(Path(folder)) as started:
        for name in only or ALL:
            found = list(ALL[name](started, size))
            rows += found
            typer.echo(f"\n{markdown(found)}\n\nload {os.getloadavg()[0]:.1f}")
            if output is not None:
                output.write_text(json.dumps(_document(rows, size), indent=2) + "\n")


def _document(rows: list[Row], size: Size) -> dict[str, Any]:
    return {"size": asdict(size), "cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}


if __name__ == "__main__":
    typer.run(main)
