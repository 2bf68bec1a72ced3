"""What the front page and the feed of a lake tell: its sources, their reports, the newest releases.

It is read from the newest manifests and from what lies in the lake: no clock, no address.
"""

from __future__ import annotations

import re
from bisect import insort
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from blsquest.analytics.overview import LARGEST as OVERVIEW_BYTES
from blsquest.analytics.overview import Overview, overview
from blsquest.analytics.report.latest_values import tiles
from blsquest.analytics.surveys import survey as particulars
from blsquest.core.errors import Missing
from blsquest.core.source import POPULATION, SURVEYS, survey_of
from blsquest.core.stop import Workers, stops_workers
from blsquest.lake.audit import sources_of
from blsquest.lake.keys import TABLES, report_root, revisions_folder, vintage_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import diff
from blsquest.lake.outcome import CONTENT_CHANGES, REASONS
from blsquest.lake.reader import entry_named
from blsquest.products.notice import kept_comparison, notice_text
from blsquest.products.report_folders import read_report

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from blsquest.analytics.report.latest_values import Tile
    from blsquest.lake.manifest import Change, FileChange, Generation, Manifest
    from blsquest.lake.stores.base import Store


RELEASES = 50
"""Releases that the feed has; the page has fewer."""
LOOKED_AT = 200
"""Manifests that are read to find them: of states in which nothing but dates changed there may be
many, and the log may be long."""
AHEAD = 8
"""Manifests of one log that are read at once."""
IN_FLIGHT = 8
NOTHING = "No observation changed."

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Held:
    """One source, at its newest generation.

    Attributes:
        source: Its key.
        name: What people call it.
        measures: What it says of itself; "" for nothing.
        generation: The number of the newest generation.
        committed: When that was committed.
        since: When the first one was.
        manifest_sha256: Of the newest manifest.
        sample: Whether it is a generated sample.
        files: How many.
        size: Bytes that they hold together.
        days: The days of its reports, the newest first.
        report: The folder of the newest report; "" for none.
        headline: The figure that this report shows first.
        tables: Whether it has tables.
    """

    source: str
    name: str
    measures: str
    generation: int
    committed: datetime
    since: datetime
    manifest_sha256: str
    sample: bool
    files: int
    size: int
    days: tuple[str, ...]
    report: str
    headline: Tile | None
    tables: bool

    @property
    def code(self) -> str:
        """Its survey's code, or `census`."""
        return survey_of(self.source)

    @property
    def root(self) -> str:
        """Where its reports lie."""
        return report_root(self.code)


@dataclass(frozen=True, slots=True)
class Release:
    """A generation in which the publisher's files changed.

    Attributes:
        held: Its source.
        generation: Its number.
        committed: When it was committed.
        manifest_sha256: Of its manifest.
        is_first: Whether it is the log's first.
        files: The names of the files that it changed, by how.
        values: What it revised, a sentence each; none where that is not known.
        folder: Where the comparison with the generation before is; "" for none.
        day: The day of the report that was made of it; "" for none.
    """

    held: Held
    generation: int
    committed: datetime
    manifest_sha256: str
    is_first: bool
    files: Mapping[Change, tuple[str, ...]]
    values: tuple[str, ...]
    folder: str
    day: str

    @property
    def page(self) -> str:
        """The key of the page to read on."""
        return f"{self.held.root}{self.day}/report.html" if self.day else ""


@dataclass(frozen=True, slots=True)
class Content:
    """All that page and feed tell.

    `sources` are sorted by their keys; `releases` are the newest ones, the newest first; `first` is
    the hash of the lake's oldest manifest, by which its feed is known.
    """

    sources: tuple[Held, ...]
    releases: tuple[Release, ...]
    first: str

    @property
    def sample(self) -> bool:
        """Whether any of it is a generated sample."""
        return any(held.sample for held in self.sources)

    @property
    def updated(self) -> datetime:
        """When the newest change was committed."""
        some = self.releases or self.sources
        return max(each.committed for each in some)


# -- What there is -------------------------------------------------------------------------------


def look(store: Store) -> Content:
    """Look at the newest state of a lake.

    Costs three LISTs; for each source a LIST and two GETs, for each survey a LIST and a GET of its
    newest report, or of its overview where it has none; up to `LOOKED_AT` GETs of manifests, and
    up to `RELEASES` of comparisons. None of it grows with the logs, but that a LIST has 1,000
    generations, or days.

    Raises:
        StoreError: The storage failed, or a log is damaged.
    """
    logs = {source: ManifestLog(store, source) for source in sources_of(store)}
    tabled = {f"{SURVEYS}/{name}" for name in store.folders(f"{TABLES}{SURVEYS}/")}
    with stops_workers(), Workers(IN_FLIGHT, "front page") as pool:
        numbers = dict(zip(logs, pool.map(ManifestLog.generations, logs.values()), strict=True))
        logs = {source: log for source, log in logs.items() if numbers[source]}
        firsts = list(pool.map(lambda log: log.read(numbers[log.source][0]), logs.values()))
        newest = list(pool.map(lambda log: log.read(numbers[log.source][-1]), logs.values()))
        sources = list(pool.map(partial(_held, store, tabled), firsts, newest))
        held = {each.source: each for each in sources}
        found = _changes(logs, numbers, newest, pool)
        releases = list(pool.map(lambda change: _release(store, held, *change), found))
    releases = _without_replaced_reports(releases)
    first = min(firsts, key=lambda g: (g.manifest.committed, g.sha256), default=None)
    return Content(tuple(sources), tuple(releases), first.sha256 if first else "")


def _held(store: Store, tabled: Collection[str], first: Generation, newest: Generation) -> Held:
    manifest, code = newest.manifest, survey_of(newest.manifest.source)
    days: tuple[str, ...] = ()
    report = None
    if manifest.source != POPULATION:
        days, report = _reports(store, report_root(code))
    about = _about(report, code) if report else _overview(store, manifest)
    name = "US population by year" if manifest.source == POPULATION else about.name
    return Held(
        source=manifest.source,
        name=particulars(code).subject or name,
        measures=about.measures,
        generation=manifest.generation,
        committed=manifest.committed,
        since=first.manifest.committed,
        manifest_sha256=newest.sha256,
        sample=manifest.sample,
        files=len(manifest.files),
        size=sum(entry.size for entry in manifest.files),
        days=days,
        report=report["folder"] if report else "",
        headline=_headline(report) if report else None,
        tables=manifest.source in tabled,
    )


def _reports(store: Store, root: str) -> tuple[tuple[str, ...], dict[str, Any] | None]:
    """Return the days that have reports, the newest first, and the newest report."""
    names = sorted((name for name in store.folders(root) if _DAY.fullmatch(name)), reverse=True)
    for at, day in enumerate(names):
        if report := read_report(store, f"{root}{day}/"):
            return tuple(names[at:]), report
    return (), None


def _about(report: Mapping[str, Any], code: str) -> Overview:
    try:
        return Overview(str(report["overview"]["name"]), str(report["overview"]["measures"]))
    except (LookupError, TypeError):  # an older version's
        return overview(code, None)


def _overview(store: Store, manifest: Manifest) -> Overview:
    code = survey_of(manifest.source)
    entry = entry_named(manifest, f"{code}.txt")
    text = None
    if entry is not None and entry.size <= OVERVIEW_BYTES:
        with suppress(Missing):  # the audit tells of it
            key = vintage_key(manifest.source, entry.name, entry.sha256)
            text = store.read(key).decode("latin-1")
    return overview(code, text)


def _headline(report: Mapping[str, Any]) -> Tile | None:
    """Return what a report shows first; None where it is an older version's, or has nothing."""
    try:
        return next(iter(tiles(report["answers"]["latest"])), None)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
        return None


# -- What changed --------------------------------------------------------------------------------


_Changed = tuple["Generation", "Generation | None", "list[FileChange]"]


def _changes(
    logs: Mapping[str, ManifestLog],
    numbers: Mapping[str, Sequence[int]],
    newest: Iterable[Generation],
    pool: Workers,
) -> list[_Changed]:
    """Return the newest generations in which content changed, with their parents and changes.

    Of all logs together, from the newest on; parents are read ahead, more at once each time.
    """
    earlier = {source: deque(sorted(found, reverse=True)) for source, found in numbers.items()}
    ahead = dict.fromkeys(logs, 1)
    read: dict[str, deque[Generation]] = {source: deque() for source in logs}
    queue = sorted(newest, key=_committed)
    for source in logs:
        earlier[source].popleft()
    found: list[_Changed] = []
    looked = 0
    while queue and len(found) < RELEASES:
        now = queue.pop()
        source = now.manifest.source
        if not read[source] and earlier[source]:
            some = [
                earlier[source].popleft() for _ in range(min(ahead[source], len(earlier[source])))
            ]
            looked += len(some)
            if looked > LOOKED_AT:
                break
            ahead[source] = min(2 * ahead[source], AHEAD)
            read[source] += pool.map(logs[source].read, some)
        before = read[source].popleft() if read[source] else None
        changes = diff(before.manifest if before else None, now.manifest)
        if content := [each for each in changes if each.change in CONTENT_CHANGES]:
            found.append((now, before, content))
        if before is not None:
            insort(queue, before, key=_committed)
    return found


def _committed(generation: Generation) -> tuple[datetime, str]:
    return generation.manifest.committed, generation.manifest.source


def _release(
    store: Store,
    held: Mapping[str, Held],
    now: Generation,
    before: Generation | None,
    changes: Sequence[FileChange],
) -> Release:
    manifest, source = now.manifest, held[now.manifest.source]
    compared = None
    if before is not None and source.source != POPULATION:
        compared = kept_comparison(store, source.source, now, before.manifest.generation)
    day = manifest.committed.date()
    days = {f"{day}", f"{day + timedelta(days=1)}"}  # a report may come after midnight
    return Release(
        held=source,
        generation=manifest.generation,
        committed=manifest.committed,
        manifest_sha256=now.sha256,
        is_first=before is None,
        files={
            kind: tuple(each.name for each in changes if each.change == kind)
            for kind in REASONS
            if any(each.change == kind for each in changes)
        },
        values=_values(compared) if compared else (),
        folder=revisions_folder(source.code, manifest.generation) if compared else "",
        day=min(days.intersection(source.days), default=""),
    )


def _without_replaced_reports(releases: Iterable[Release]) -> list[Release]:
    """Leave a day's report to the last release that it may be of: the newest come first."""
    taken: set[str] = set()
    kept = []
    for release in releases:
        kept.append(replace(release, day="") if release.page in taken else release)
        taken.add(release.page)
    return kept


def _values(compared: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what a comparison found, as a notice does; nothing where it is an older version's."""
    try:
        return tuple(notice_text(compared, {}).splitlines()[1:]) or (NOTHING,)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
        return ()
