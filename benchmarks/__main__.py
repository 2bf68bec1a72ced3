"""Measure this project beside its peers; the figures in docs/performance.md came from here."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.contenders import peers
from benchmarks.races import RACES
from benchmarks.stage import open_stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.stage import Row

HEAD = (
    "| work | who | seconds | times ours (spread) | cpu s | peak MiB | source requests "
    "| most in flight | storage requests | |\n|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Run the benchmarks and print their tables."""
    given = vars(_arguments())
    only, output = given.pop("only") or RACES, given.pop("output")
    if peers() is None:
        print("rclone is not here: make bench installs it.", file=sys.stderr)  # noqa: T201
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: stop the servers
    rows: list[Row] = []
    with TemporaryDirectory() as folder, open_stage(Path(folder), **given) as stage:
        for name in only:
            load = os.getloadavg()[0]
            found = list(RACES[name](stage))
            rows += found
            print(f"\n{markdown(found)}\n\nload before it: {load:.1f}", flush=True)  # noqa: T201
            if output is not None:
                output.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def markdown(rows: Sequence[Row]) -> str:
    """Return a line for each work and peer: medians, and how many times longer than the first."""
    works: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        works[row.work][row.peer].append(row)
    all_peers = [list(peers.values()) for peers in works.values()]
    return "\n".join([HEAD, *(_line(own, peers[0]) for peers in all_peers for own in peers)])


def ratios(own: Sequence[Row], first: Sequence[Row]) -> list[float]:
    """Return seconds of each run over those of the first peer's run in the same round."""
    return [a.seconds / b.seconds for a, b in zip(own, first, strict=False) if b.seconds]


def _line(own: Sequence[Row], first: Sequence[Row]) -> str:
    row, spread, found = own[-1], "1", ratios(own, first)
    if own is not first and found:
        spread = f"{median(found):.1f} ({min(found):.1f}-{max(found):.1f})"
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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", choices=RACES, help="may be repeated")
    add("--runs", type=int, default=3, help="rounds; the peers take turns")
    add("--scale", type=float, default=1.0, help="1 is 60 surveys and 1 GiB")
    add("--output", type=Path, help="write every run as JSON")
    add("--against", type=Path, metavar="CHECKOUT", help="race also this project as it is there")
    add("--python", default=sys.executable, help="the interpreter of that checkout")
    return parser.parse_args()


if __name__ == "__main__":
    main()
