"""The content of the front page and of the feed: its sources, their reports, the newest releases.

It is read from the newest manifests and from what lies in the lake: no clock, no address.
"""

from __future__ import annotations

from bisect import insort
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from blsquest.analytics.overview import LARGEST as OVERVIEW_BYTES
from blsquest.analytics.overview import overview
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
from blsquest.products.report_folders import reports

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from blsquest.analytics.report.latest_values import Tile
    from blsquest.lake.manifest import Change, FileChange, Generation, Manifest
    from blsquest.lake.stores.base import Store


RELEASES = 50
"""Releases that the feed has; the page has fewer."""
LOOKED_AT = 200
"""Generations read to find them, with those of one log that are read ahead: there may be many
states in which nothing but dates changed, and the log may be long."""
AHEAD = 8
"""Manifests of one log that are read at once."""
IN_FLIGHT = 8
NOTHING = "No observation changed."
EARLIER = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
"""Errors of reading a document that is of an earlier version, or absent."""


@dataclass(frozen=True, slots=True)
class Held:
    """One source, at its newest generation.

    Attributes:
        newest: That generation.
        since: When the first one was committed.
        name: The source's name for people.
        days: The days of its reports, the newest first.
        report: The folder of the newest report; "" for none.
        headline: The figure that this report shows first.
        tables: Whether it has tables.
    """

    newest: Generation
    since: datetime
    name: str
    days: tuple[str, ...]
    report: str
    headline: Tile | None
    tables: bool

    @property
    def manifest(self) -> Manifest:
        """The manifest of its newest generation."""
        return self.newest.manifest

    @property
    def code(self) -> str:
        """Its survey's code, or `census`."""
        return survey_of(self.manifest.source)

    @property
    def root(self) -> str:
        """The folder of its reports."""
        return report_root(self.code)


@dataclass(frozen=True, slots=True)
class Release:
    """A generation in which the publisher's files changed.

    Attributes:
        held: Its source.
        now: The generation.
        is_first: Whether it is the log's first.
        files: The names of the files that it changed, by kind of change.
        values: Its revisions, a sentence each; none if they are not known.
        folder: The folder of the comparison with the generation before; "" for none.
        day: The day of the report that was made of it; "" for none.
    """

    held: Held
    now: Generation
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
    """The content of page and feed.

    `sources` are sorted by their keys; `releases` are the newest ones, the newest first; `first` is
    the hash of the lake's oldest manifest, which identifies its feed.
    """

    sources: tuple[Held, ...]
    releases: tuple[Release, ...]
    first: str

    @property
    def sample(self) -> bool:
        """Whether any of it is a generated sample."""
        return any(held.manifest.sample for held in self.sources)

    @property
    def updated(self) -> datetime:
        """When the newest change was committed."""
        newest = [r.now for r in self.releases] or [held.newest for held in self.sources]
        return max(each.manifest.committed for each in newest)


# -- What there is -------------------------------------------------------------------------------


def look(store: Store) -> Content:
    """Look at the newest state of a lake.

    Costs three LISTs; for each source a LIST and two GETs, for each survey a LIST and a GET of its
    newest report, or of its overview where it has none; up to `LOOKED_AT` GETs of manifests of one
    log, twice as many of many, and up to `RELEASES` of comparisons. None of it grows with the
    logs, except that a LIST has 1,000 generations, or days.

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
        held = {each.manifest.source: each for each in sources}
        earlier = {source: _earlier(log, numbers[source], pool) for source, log in logs.items()}
        found = _changes(newest, earlier)
        releases = list(pool.map(lambda change: _release(store, held, *change), found))
    first = min(firsts, key=lambda g: (g.manifest.committed, g.sha256), default=None)
    once = _without_replaced_reports(releases)
    return Content(tuple(sources), once, first.sha256 if first else "")


def _held(store: Store, tabled: Collection[str], first: Generation, newest: Generation) -> Held:
    manifest, code = newest.manifest, survey_of(newest.manifest.source)
    days: tuple[str, ...] = ()
    name, report, headline = "US population by year", None, None
    if manifest.source != POPULATION:
        days, report = reports(store, report_root(code))
        name = "" if report else _overview(store, manifest)
    if report is not None:
        with suppress(*EARLIER):
            name = str(report["overview"]["name"])
        with suppress(*EARLIER):
            headline = next(iter(tiles(report["answers"]["latest"])), None)
    return Held(
        newest=newest,
        since=first.manifest.committed,
        name=particulars(code).subject or name or overview(code, None).name,
        days=days,
        report=report["folder"] if report else "",
        headline=headline,
        tables=manifest.source in tabled,
    )


def _overview(store: Store, manifest: Manifest) -> str:
    code = survey_of(manifest.source)
    entry = entry_named(manifest, f"{code}.txt")
    if entry is not None and entry.size <= OVERVIEW_BYTES:
        with suppress(Missing):  # the audit reports it
            key = vintage_key(manifest.source, entry.name, entry.sha256)
            return overview(code, store.read(key).decode("latin-1")).name
    return ""


# -- What changed --------------------------------------------------------------------------------


def _earlier(log: ManifestLog, numbers: Sequence[int], pool: Workers) -> Iterator[Generation]:
    """Yield a log's generations before its newest one, backwards, reading ever more at once."""
    left, ahead = list(numbers[:-1]), 1
    while left:
        left, some = left[:-ahead], left[-ahead:]
        yield from pool.map(log.read, reversed(some))
        ahead = min(2 * ahead, AHEAD)


def _changes(
    newest: Iterable[Generation], earlier: Mapping[str, Iterator[Generation]]
) -> Iterator[tuple[Generation, Generation | None, list[FileChange]]]:
    """Yield the newest generations in which content changed, with their parents and changes."""
    queue, found = sorted(newest, key=_committed), 0
    for _ in range(LOOKED_AT - AHEAD):
        if not queue or found == RELEASES:
            return
        now = queue.pop()
        before = next(earlier[now.manifest.source], None)
        changes = diff(before.manifest if before else None, now.manifest)
        if content := [each for each in changes if each.change in CONTENT_CHANGES]:
            yield now, before, content
            found += 1
        if before is not None:
            insort(queue, before, key=_committed)


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
    if before is not None and manifest.source != POPULATION:
        compared = kept_comparison(store, manifest.source, now, before.manifest.generation)
    values: tuple[str, ...] = ()
    if compared:
        with suppress(*EARLIER):
            values = tuple(notice_text(compared, {}).splitlines()[1:]) or (NOTHING,)
    day = manifest.committed.date()
    days = {f"{day}", f"{day + timedelta(days=1)}"}  # a report may come after midnight
    return Release(
        held=source,
        now=now,
        is_first=before is None,
        files={
            kind: tuple(each.name for each in changes if each.change == kind)
            for kind in REASONS
            if any(each.change == kind for each in changes)
        },
        values=values,
        folder=revisions_folder(source.code, manifest.generation) if compared else "",
        day=min(days.intersection(source.days), default=""),
    )


def _without_replaced_reports(releases: Sequence[Release]) -> tuple[Release, ...]:
    """Keep a day's report only at the last release that it may be of; the newest come first."""
    last = {release.page: release for release in reversed(releases)}
    return tuple(r if r is last[r.page] else replace(r, day="") for r in releases)
