"""Judge a lake by what its publisher really had, and by the objects that lie there.

Nothing here reads a lake as the project does: keys, JSON and hashes are spelled out, so that a
mistake in a reader can't hide the same mistake in a writer.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote

from blsquest.sources.sample import pages
from blsquest.sources.sample.pages import PublishedFile, Reply
from blsquest.sources.sample.server import Request, SampleServer

VIEW, LOG, VINTAGES = "bls/pr/", "manifests/bls/pr/", "vintages/bls/pr/"
RECORD = "state/bls/pr/view.json"

Files = dict[str, "PublishedFile"]
Objects = dict[str, bytes]
Line = tuple[str, str]
"""A stamp, and the SHA-256 of the bytes that it stands for."""

DONE = {"Changed", "Restamped", "Unchanged", "Repaired"}
HOUR = 3600.0


# -- The publisher -----------------------------------------------------------------------------


@dataclass
class Moment:
    """What the URLs served, and the page listed: that may be less, or older, its stamps shifted.

    It may have been seen from `since` to `until`, seconds on the system's monotonic clock.
    """

    files: Files
    page: Files
    shift: timedelta
    since: float = 0.0
    until: float = inf

    def stamp(self, name: str) -> str:
        """Return the stamp that the page shows."""
        modified = self.page[name].last_modified
        assert modified is not None
        return pages.stamp(modified + self.shift)

    def lines(self, *, served: bool = False) -> dict[str, Line]:
        """Return what the page says, and what it stands for; or what was served for it."""
        files = self.files if served else self.page
        return {
            name: (self.stamp(name), digest(files[name].body)) for name in self.page.keys() & files
        }


class Publisher:
    """Answers in a sample server's place, and keeps the whole history of what it had."""

    def __init__(self, server: SampleServer, first: Moment) -> None:
        self.server = server
        self.moments: list[Moment] = []
        self.now = first
        self.move(first)
        server.faults = [self._answer]

    def move(self, moment: Moment) -> None:
        """Be in another state from now on, page and files at once."""
        moment.since = monotonic()
        before, self.now = self.now, moment
        before.until = monotonic()
        moment.until = inf
        self.moments.append(moment)

    def _answer(self, request: Request, _: Reply) -> Reply:
        now = self.now  # looked at once
        rows = [pages.Row(n, len(now.page[n].body), now.stamp(n)) for n in sorted(now.page)]
        path, today = unquote(request.path), self.server.now()
        reply = pages.bls(path, request.headers, {"pr": now.files}, lambda *_: rows, today)
        return reply.with_header("Date", pages.http_date(today))


def digest(body: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return sha256(body).hexdigest()


# -- The runs ----------------------------------------------------------------------------------


@dataclass
class Run:
    """One run from its beginning to its known end; its clock was fast by `skew` seconds.

    It said its outcome and its generation, or how it failed and why, or was killed and said
    nothing. Beside it, the storage broke, somebody meddled, or other runs were under way.
    """

    run_id: str
    skew: float = 0.0
    since: float = 0.0
    until: float = inf
    said: tuple[str, Any] | None = None
    beside: set[str] = field(default_factory=set)

    def saw(self, moments: Sequence[Moment]) -> list[Moment]:
        """Return the moments that it may have seen."""
        return [m for m in moments if m.since <= self.until and m.until >= self.since]


def false_alarms(run: Run, moments: Sequence[Moment]) -> Iterator[str]:
    """Find a run that failed, or was refused, without a reason."""
    if run.said is None:
        return
    name, why = run.said
    if abs(run.skew) > HOUR:
        if name in DONE:
            yield f"{run.run_id}: {name} with a clock that is wrong by {run.skew:.0f} s"
        return
    if name in DONE:
        return
    saw = run.saw(moments)
    # A publisher that moves or is sick excuses much; nothing excuses an alarm about the lake.
    excused = len(saw) > 1 or saw[0].page != saw[0].files
    if "storage" in run.beside or (run.beside and "keeps writing" in why):
        excused = True
    if any(word in why for word in ("--allow shortened-log", "--allow foreign-files", "clock")):
        excused = False
    if not excused:
        yield f"{run.run_id}: {name} for no reason: {why}"


# -- The lake ----------------------------------------------------------------------------------


def faults(
    objects: Objects, moments: Sequence[Moment], runs: Mapping[str, Run], seen: Objects
) -> Iterator[str]:
    """Find all in the objects of a lake that the history of its publisher and runs can't explain.

    `seen` are manifests that were there earlier.
    """
    for key, body in seen.items():
        if objects.get(key) != body:
            yield f"{key} was there, and is gone or another"
    log = [body for key, body in sorted(objects.items()) if key.startswith(LOG)]
    names = [key for key in sorted(objects) if key.startswith(LOG)]
    if names != [f"{LOG}{number:08}.json" for number in range(1, len(log) + 1)]:
        yield f"the log has gaps or strangers: {names}"
    before: dict[str, Any] = {}
    for number, body in enumerate(log, 1):
        manifest = json.loads(body)
        parent = digest(log[number - 2]) if number > 1 else None
        if (manifest["generation"], manifest["parent"]) != (number, parent):
            yield f"generation {number} does not follow its parent"
        if before and manifest["committed"] <= before["committed"]:
            yield f"generation {number} is not later than its parent"
        yield from _lost(manifest, objects)
        run = runs.get(manifest["run"])
        if run is None:
            yield f"generation {number} is of an unknown run"
            continue
        for problem in _invented(manifest, before, moments, run):
            yield f"generation {number}, by {run.run_id} which said {run.said}: {problem}"
        before = manifest


def _lost(manifest: dict[str, Any], objects: Objects) -> Iterator[str]:
    for entry in [*manifest["files"], *(t["last"] for t in manifest["tombstones"])]:
        body = objects.get(f"{VINTAGES}{entry['name']}/{entry['sha256']}", b"")
        if digest(body) != entry["sha256"] or len(body) != entry["bytes"]:
            yield f"generation {manifest['generation']}: {entry['name']}'s vintage is lost"


def _entries(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in manifest.get("files", ())}


def _invented(
    manifest: dict[str, Any], parent: dict[str, Any], moments: Sequence[Moment], run: Run
) -> Iterator[str]:
    """Find what a generation says that the publisher's history while its run went on does not."""
    held, before, saw = _entries(manifest), _entries(parent), run.saw(moments)
    kept = {name for name, entry in held.items() if _same(entry, before.get(name))}
    served = {(name, digest(file.body)) for m in saw for name, file in m.files.items()}
    stands_for = {(name, *line) for m in moments for name, line in m.lines().items()}
    for name in held.keys() - kept:
        sha, stamp = held[name]["sha256"], held[name]["stamp"]
        if (name, sha) not in served and sha != before.get(name, held[name])["sha256"]:
            yield f"{name} has bytes that were not served then"
        # A stale cache may show another file's stamp: then it is asked for until it is right.
        if held[name]["settled"] and (name, stamp, sha) not in stands_for:
            yield f"{name} is trusted under a stamp that was never its own, {stamp}"
    for name in before.keys() - held.keys():
        if not any(name not in m.files and name not in m.page for m in saw):
            yield f"{name} was removed, and the publisher had it all the time"
    graves = {t["last"]["name"] for t in manifest["tombstones"]}
    yield from (f"{name} was forgotten" for name in _ever(parent) - held.keys() - graves)
    # One state: what the page of one moment stands for, or what was then served for it. What it
    # lacks may stay if it was still served.
    kept &= {name for m in saw for name in m.files}
    states = [m.lines(served=as_served) for m in saw for as_served in (False, True)]
    differences = [
        {
            name: f"{_shown(before.get(name), saw)}, now {_shown(held.get(name), saw)}"
            for name in held.keys() | state.keys()
            if not (name in held and name in state and held[name]["sha256"] == state[name][1])
            and not (name in kept and name not in state)
        }
        for state in states
    ]
    if nearest := min(differences, key=len):
        yield f"it is no state of that time; in the nearest are otherwise: {nearest}"


def _same(one: dict[str, Any], other: dict[str, Any] | None) -> bool:
    return other is not None and all(one[key] == other[key] for key in ("stamp", "sha256"))


def _shown(entry: dict[str, Any] | None, moments: Sequence[Moment]) -> str:
    """Return what people can read of an entry: its bytes name the release that they are of."""
    if entry is None:
        return "absent"
    bodies = {digest(f.body): f.body for m in moments for f in m.files.values()}
    return f"{entry['stamp']} {bodies.get(entry['sha256'], b'older bytes').decode()[:12]!r}"


def _ever(manifest: dict[str, Any]) -> set[str]:
    return {e["name"] for e in manifest.get("files", ())} | {
        t["last"]["name"] for t in manifest.get("tombstones", ())
    }


def differs_from_the_publisher(objects: Objects, now: Moment) -> Iterator[str]:
    """Find where a lake at rest, its manifest or its view, is not what its publisher has."""
    newest = max(key for key in objects if key.startswith(LOG))
    held = _entries(json.loads(objects[newest]))
    lines = {name: (entry["stamp"], entry["sha256"]) for name, entry in held.items()}
    for name in sorted(dict(lines.items() ^ now.lines().items())):
        yield f"{newest} at rest has {name} as {_shown(held.get(name), [now])}"
    view = {key: body for key, body in objects.items() if key.startswith(VIEW)}
    yield from view_differs(view, {newest: objects[newest]})


def view_differs(view: Objects, log: Objects) -> Iterator[str]:
    """Find where a view is not what the newest generation of a log says."""
    held = _entries(json.loads(log[max(log)]))
    shown = {key.removeprefix(VIEW): digest(body) for key, body in view.items()}
    if shown != {name: entry["sha256"] for name, entry in held.items()}:
        yield f"the view is not that of {max(log)}: {sorted(shown)}"


def raw(root: Path, folder: str = "") -> Objects:
    """Return every object below a folder of a lake in a directory; what is half-written has no key.

    While runs go on, only of a folder from which nothing is removed.
    """
    return {
        key: path.read_bytes()
        for path in (root / folder).rglob("*")
        if path.is_file() and not (key := path.relative_to(root).as_posix()).startswith(".tmp/")
    }


def raw_bucket(client: Any, bucket: str, prefix: str, folder: str = "") -> Objects:
    """Return the same of a lake in a bucket."""
    found: Objects = {}
    pages = client.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=bucket, Prefix=prefix + folder):
        for each in page.get("Contents", ()):
            body = client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            found[each["Key"].removeprefix(prefix)] = body
    return found
