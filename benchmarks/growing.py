"""What a run costs as a survey or its log grows, and what politeness costs. Only this project."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.contenders import US, Contender, Row, measure
from benchmarks.site import site
from blsquest.lake.keys import manifest_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import encode
from blsquest.lake.stores.s3 import S3Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.mirroring import Size
    from benchmarks.stage import Stage

_FILES = (12, 120, 1200)
_GENERATIONS = (999, 1000, 1001, 2001)


def growth(stage: Stage, _size: Size) -> Iterator[Row]:
    """Unchanged runs over ten times the files, and over logs of up to three pages."""
    for files in _FILES:
        bucket = stage.s3.fresh_bucket()
        stage.publish(site=[1, files, 10_000], latency=0.0)
        measure(stage, "", US, bucket)
        yield measure(stage, f"unchanged, {files} files in one survey", US, bucket)
        stage.empty(bucket)
    code = next(iter(site(1, 12, 10_000)))
    bucket = stage.s3.fresh_bucket()
    stage.publish(site=[1, 12, 10_000], latency=0.0)
    measure(stage, "", US, bucket)
    store = S3Store(bucket, "lake", stage.s3.options)
    newest = ManifestLog(store, f"bls/{code}").read(1).manifest
    last = 1
    for generations in _GENERATIONS:
        # Only the newest is read: those between need only to be there.
        between = [manifest_key(newest.source, n) for n in range(last + 1, generations)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: store.put(key, b"{}"), between))
        longer = encode(replace(newest, generation=generations, parent=newest.files[0].sha256))
        store.put(manifest_key(newest.source, generations), longer)
        last = generations
        yield measure(stage, f"unchanged, a log of {generations:,}", US, bucket)
    stage.empty(bucket)


def pace(stage: Stage, size: Size) -> Iterator[Row]:
    """A first run at one request a second: the pace demands a second between two requests."""
    stage.publish(site=[2, size.files, 100_000], latency=0.0)
    polite = Contender(US.name, ("--per-second", "1"))
    bucket = stage.s3.fresh_bucket()
    row = measure(stage, "first run, one request a second", polite, bucket)
    demanded = sum(row.source_requests.values()) - 1
    yield replace(
        row, note=f"{row.seconds / demanded:.3f} of the {demanded} s that the pace demands"
    )
    stage.empty(bucket)


GROWING: dict[str, Callable[[Stage, Size], Iterator[Row]]] = {"growth": growth, "pace": pace}
