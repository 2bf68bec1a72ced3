"""The races between mirrors: nothing changed, one file changed, a first sync, a sick publisher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.contenders import (
    RCLONE,
    RCLONE_8,
    RCLONE_64,
    SCRIPT,
    SCRIPT_16,
    US,
    Contender,
    Row,
    measure,
    present,
    rclone,
)
from benchmarks.site import Site, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.stage import Stage

LATENCY = 0.05


@dataclass(frozen=True, slots=True)
class Size:
    """How large the benchmarks are; `scale` shrinks them all for a quick look.

    Attributes:
        surveys: Folders.
        files: In each.
        size: Bytes of all of them together.
        large: Bytes of one large file.
        runs: How often each peer runs, in turn with the others.
    """

    surveys: int = 60
    files: int = 12
    size: int = 1 << 30
    large: int = 1 << 30
    runs: int = 3

    def scaled(self, scale: float) -> Size:
        """So much of it, at least two surveys."""
        return replace(
            self,
            surveys=max(2, round(self.surveys * min(1.0, scale * 10))),
            size=round(self.size * scale),
            large=round(self.large * scale),
        )


def unchanged(stage: Stage, size: Size) -> Iterator[Row]:
    """Nothing changed, with 50 ms latency and without."""
    # What is not asked for may be small: 50 MB make the lakes in a twentieth of the time.
    stage.publish(site=[size.surveys, size.files, size.size // 20], latency=0.0)
    buckets = _mirrored(stage, (US, RCLONE))
    for latency in (LATENCY, 0.0):
        stage.publish(latency=latency)
        work = f"unchanged, {1000 * latency:.0f} ms"
        for _ in range(size.runs):
            for each in present(US, RCLONE, RCLONE_8, RCLONE_64):
                yield measure(stage, work, each, buckets[each.is_rclone])
    _drop(stage, buckets)


def changed(stage: Stage, size: Size) -> Iterator[Row]:
    """One small file changed, 50 ms latency."""
    stage.publish(site=[size.surveys, size.files, size.size // 20], latency=0.0)
    buckets = _mirrored(stage, (US, RCLONE))
    code, files = next(iter(site(size.surveys, size.files, size.size // 20).items()))
    # Always the same file: whoever comes next sees one change, however many releases it was.
    name = max(files, key=lambda name: -files[name].size)
    for _ in range(size.runs):
        for each in present(US, RCLONE, RCLONE_64):
            stage.publish(latency=LATENCY, release={code: [name]})
            yield measure(stage, "one file changed, 50 ms", each, buckets[each.is_rclone])
    _drop(stage, buckets)


def first(stage: Stage, size: Size) -> Iterator[Row]:
    """A first sync of everything, 50 ms latency; the usual script, which takes minutes, once."""
    stage.publish(site=[size.surveys, size.files, size.size], latency=LATENCY, sick=False)
    for run in range(size.runs):
        racing = present(US, RCLONE, RCLONE_64, SCRIPT_16, SCRIPT)
        for each in racing if run == 0 else racing[:-1]:
            bucket = stage.s3.fresh_bucket()
            yield measure(stage, "first sync, 50 ms", each, bucket)
            stage.empty(bucket)


def sick(stage: Stage, size: Size) -> Iterator[Row]:
    """5 % of answers are 503 and 3 % of bodies end halfway; what is missing afterwards."""
    published = site(size.surveys, size.files, size.size // 20)
    stage.publish(site=[size.surveys, size.files, size.size // 20], latency=0.0, sick=True)
    for _ in range(size.runs):
        for each in present(US, RCLONE, SCRIPT_16):
            bucket = stage.s3.fresh_bucket()
            row = measure_anyhow(stage, "sick publisher", each, bucket)
            lacking = _lacking(stage, bucket, "lake/bls/" if each is US else "", published)
            yield replace(row, note=f"{row.note} {lacking} of 720 files wrong or missing".strip())
            stage.empty(bucket)
    stage.publish(sick=False)


def large(stage: Stage, size: Size) -> Iterator[Row]:
    """One large file: as rclone's copyurl, which only copies, and as its sync."""
    stage.publish(site=[1, 1, size.large], latency=0.0)
    code, files = next(iter(site(1, 1, size.large).items()))
    name = next(iter(files))
    for _ in range(size.runs):
        for each in present(US, RCLONE):
            bucket = stage.s3.fresh_bucket()
            yield measure(stage, "one large file", each, bucket)
            stage.empty(bucket)
        if rclone():
            bucket = stage.s3.fresh_bucket()
            command = [
                str(rclone()),
                "copyurl",
                f"{stage.url}{code}/{name}",
                f":s3:{bucket}/{name}",
            ]
            copyurl = Contender("rclone copyurl")
            yield measure(stage, "one large file", copyurl, bucket, command=command)
            stage.empty(bucket)


MIRRORING: dict[str, Callable[[Stage, Size], Iterator[Row]]] = {
    "unchanged": unchanged,
    "changed": changed,
    "first": first,
    "sick": sick,
    "large": large,
}


def measure_anyhow(stage: Stage, work: str, contender: Contender, bucket: str) -> Row:
    """As `measure`; a peer that gives up on the first error is a result too."""
    try:
        return measure(stage, work, contender, bucket)
    except RuntimeError:
        return Row(work, contender.name, 0.0, 0.0, 0, {}, 0, 0, {}, note="gave up:")


def _mirrored(stage: Stage, contenders: tuple[Contender, ...]) -> dict[bool, str]:
    """A bucket for us and one for rclone, both up to date."""
    buckets = {}
    for each in present(*contenders):
        buckets[each.is_rclone] = stage.s3.fresh_bucket()
        measure(stage, "", each, buckets[each.is_rclone])
    return buckets


def _drop(stage: Stage, buckets: dict[bool, str]) -> None:
    for bucket in buckets.values():
        stage.empty(bucket)


def _lacking(stage: Stage, bucket: str, prefix: str, published: Site) -> int:
    """How many files the bucket lacks, or holds in another size."""
    pages = stage.s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
    held = {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", ())}
    wanted = {
        f"{prefix}{code}/{file.name}": file.size
        for code, files in published.items()
        for file in files.values()
    }
    return sum(held.get(key) != size for key, size in wanted.items())
