"""The benchmarks of mirroring: each yields its measured runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.contenders import COPYURL, RCLONE, RCLONE_64, US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.stage import Row, Stage

LATENCY = 0.05


def unchanged(stage: Stage) -> Iterator[Row]:
    """Change nothing, with 50 ms latency and without; then one small file."""
    stage.publish(site=_small(stage), latency=0.0)
    buckets = stage.filled(US, RCLONE)
    for latency in (LATENCY, 0.0):
        stage.publish(latency=latency)
        work = f"unchanged, {1000 * latency:.0f} ms"
        for each in stage.rounds(US, RCLONE, RCLONE_64):
            yield stage.measure(work, each, buckets[each.family])
    for each in stage.rounds(US, RCLONE, RCLONE_64):
        # Always the same file: whoever comes next sees one change, however many releases it was.
        stage.publish(latency=LATENCY, release={"pa": "pa.table00000"})
        yield stage.measure("one file changed, 50 ms", each, buckets[each.family])


def first(stage: Stage) -> Iterator[Row]:
    """Sync everything anew, 50 ms latency."""
    stage.publish(site=(stage.surveys, stage.bytes), latency=LATENCY)
    work = f"first sync of {stage.bytes / 1e9:.2f} GB, 50 ms"
    for each in stage.rounds(US, RCLONE, RCLONE_64):
        with stage.bucket() as bucket:
            yield stage.measure(work, each, bucket)


def large(stage: Stage) -> Iterator[Row]:
    """Sync one large file, beside rclone's sync and its copyurl, which only copies."""
    stage.publish(site=(1, stage.bytes, 1), latency=0.0)
    for each in stage.rounds(US, RCLONE, COPYURL):
        with stage.bucket() as bucket:
            yield stage.measure(f"one file of {stage.bytes / 1e9:.2f} GB", each, bucket)


RACES: dict[str, Callable[[Stage], Iterator[Row]]] = {
    race.__name__: race for race in (unchanged, first, large)
}


def _small(stage: Stage) -> tuple[int, int]:
    """Return the same files with a twentieth of the bytes: where none moves, they may be small."""
    return stage.surveys, stage.bytes // 20
