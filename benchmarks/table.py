"""Measured rows → a table of medians, and of how many times longer each peer took."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.contenders import Row

HEAD = (
    "| work | who | seconds | times ours (spread) | cpu s | peak MiB | source requests "
    "| most in flight | storage requests | |\n|---|---|---|---|---|---|---|---|---|---|"
)


def markdown(rows: Sequence[Row]) -> str:
    """One line for each work and peer; the first peer of a work is what the others are held to."""
    lines = [HEAD]
    for work in dict.fromkeys(row.work for row in rows):
        peers: dict[str, list[Row]] = {}
        for row in rows:
            if row.work == work:
                peers.setdefault(row.peer, []).append(row)
        first = next(iter(peers.values()))
        lines += [_line(own, first) for own in peers.values()]
    return "\n".join(lines)


def ratios(own: Sequence[Row], first: Sequence[Row]) -> list[float]:
    """Seconds of each run over those of the first peer's run in the same round."""
    return [a.seconds / b.seconds for a, b in zip(own, first, strict=False) if b.seconds]


def _line(own: Sequence[Row], first: Sequence[Row]) -> str:
    row = own[-1]
    spread = "1"
    found = ratios(own, first)
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
    if not requests:
        return ""
    named = " ".join(f"{name} {count}" for name, count in sorted(requests.items()))
    return f"{sum(requests.values())} ({named})" if len(requests) > 1 else named
