"""The benchmarks of mirroring: each yields its measured runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.contenders import COPYURL, RCLONE, RCLONE_8, RCLONE_64, SCRIPT, SCRIPT_16, US
from benchmarks.publisher import site
from blsquest.lake.keys import manifest_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import encode
from blsquest.lake.stores.s3 import S3Store
from tests.support.prefect_server import run_prefect_server

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
        for each in stage.rounds(US, RCLONE, RCLONE_8, RCLONE_64):
            yield stage.measure(work, each, buckets[each.family])
    for each in stage.rounds(US, RCLONE, RCLONE_64):
        # Always the same file: whoever comes next sees one change, however many releases it was.
        stage.publish(latency=LATENCY, release={"pa": "pa.table00000"})
        yield stage.measure("one file changed, 50 ms", each, buckets[each.family])


def first(stage: Stage) -> Iterator[Row]:
    """Sync everything anew, 50 ms latency; the usual script, which takes minutes, once."""
    stage.publish(site=(stage.surveys, stage.bytes), latency=LATENCY)
    work = f"first sync of {stage.bytes / 1e9:.2f} GB, 50 ms"
    for each in (*stage.rounds(US, RCLONE, RCLONE_64, SCRIPT_16), SCRIPT):
        with stage.bucket() as bucket:
            yield stage.measure(work, each, bucket)


def sick(stage: Stage) -> Iterator[Row]:
    """Answer 5 % with 503 and end 3 % of bodies halfway; count what is missing afterwards."""
    stage.publish(site=_small(stage), latency=0.0, sick=True)
    sizes = {
        f"{code}/{name}": size
        for code, files in site(*_small(stage)).items()
        for name, size in files.items()
    }
    for each in stage.rounds(US, RCLONE, SCRIPT_16):
        with stage.bucket() as bucket:
            row = stage.measure("sick publisher", each, bucket)
            view = S3Store(bucket, "lake/bls" if each.ours else "", stage.s3.options)
            held = {found.key: found.size for found in view.list("")}
            wrong = sum(held.get(key) != size for key, size in sizes.items())
            yield replace(row, note=f"{row.note} {wrong} files wrong or missing".strip())
    stage.publish(sick=False)


def large(stage: Stage) -> Iterator[Row]:
    """Sync one large file, beside rclone's sync and its copyurl, which only copies."""
    stage.publish(site=(1, stage.bytes, 1), latency=0.0)
    for each in stage.rounds(US, RCLONE, COPYURL):
        with stage.bucket() as bucket:
            yield stage.measure(f"one file of {stage.bytes / 1e9:.2f} GB", each, bucket)


def growth(stage: Stage) -> Iterator[Row]:
    """Change nothing in ever more files, and under logs of up to three pages. Only ours."""
    for files in (1200, 120, 12):
        bucket = stage.s3.fresh_bucket()
        stage.publish(site=(1, 10_000, files), latency=0.0)
        stage.measure("", US, bucket)
        yield stage.measure(f"unchanged, {files:,} files in one survey", US, bucket)
    store = S3Store(bucket, "lake", stage.s3.options)
    newest = ManifestLog(store, f"bls/{next(iter(site(1, 10_000)))}").newest().manifest
    for last, generations in pairwise((1, 999, 1000, 1001, 2001)):
        # Only the newest is read: those between need only to be there.
        between = [manifest_key(newest.source, n) for n in range(last + 1, generations)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: store.put(key, b"{}"), between))
        longer = replace(newest, generation=generations, parent=newest.files[0].sha256)
        store.put(manifest_key(newest.source, generations), encode(longer))
        yield stage.measure(f"unchanged, a log of {generations:,}", US, bucket)


def pace(stage: Stage) -> Iterator[Row]:
    """Sync anew at one request a second: the pace demands a second between two requests."""
    stage.publish(site=(2, 100_000), latency=0.0)
    polite = US.with_arguments("ours", "--per-second", "1")
    with stage.bucket() as bucket:
        row = stage.measure("first run, one request a second", polite, bucket)
        demanded = sum(row.source_requests.values()) - 1
        share = f"{row.seconds / demanded:.3f} of the {demanded} s that the pace demands"
        yield replace(row, note=share)


def prefect(stage: Stage) -> Iterator[Row]:
    """Run flows against a running server beside the plain run, the heartbeat included."""
    home = stage.folder / "prefect"
    home.mkdir()
    stage.publish(site=_small(stage), latency=0.0)
    with contextmanager(run_prefect_server)(home) as server:
        reached = replace(US, environment=server.environment)
        every = reached.with_arguments("flow mirror", "--flow", "mirror")
        one = every.with_arguments("flow mirror", "--surveys", next(iter(site(1, 1))))
        nothing = reached.with_arguments("flow that does nothing", "--flow", "trivial")
        bucket = stage.filled(US)[US.family]
        for each in (nothing, one) * stage.runs:
            yield stage.measure("unchanged, one survey", each, bucket)
        for each in (US, every) * stage.runs:
            with stage.bucket() as bucket:
                yield stage.measure("all files new", each, bucket)


RACES: dict[str, Callable[[Stage], Iterator[Row]]] = {
    race.__name__: race for race in (unchanged, first, sick, large, growth, pace, prefect)
}


def _small(stage: Stage) -> tuple[int, int]:
    """Return the same files with a twentieth of the bytes: where none moves, they may be small."""
    return stage.surveys, stage.bytes // 20
