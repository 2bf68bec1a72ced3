"""The audit of logs, vintages and views: is the lake what its manifests say?

It reads everything. It writes only to repair, and then only derived objects. Its memory grows with
the vintages and not with the log. `blsquest.products.audit` audits reports and tables.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from blsquest.core.clock import time_text, utcnow
from blsquest.core.errors import Corrupt, Missing
from blsquest.core.source import POPULATION, SURVEYS, source_of
from blsquest.lake.findings import MADE, REPAIR, RESTORE, Audited, Finding, Findings
from blsquest.lake.guards import CLOCKS_APART
from blsquest.lake.keys import (
    MANIFESTS,
    VINTAGES,
    generation_of,
    manifest_folder,
    manifest_key,
    sha256_of,
    view_folder,
    view_record_key,
    vintage_folder,
    vintage_key,
)
from blsquest.lake.log import ManifestLog, last_gap, no_lake
from blsquest.lake.manifest import Generation
from blsquest.lake.reader import hash_of
from blsquest.lake.record import Record, read_record
from blsquest.lake.stores.base import Store, Stored
from blsquest.lake.view import folder_of, publish, repair, sizes_of, view_of

PUT_BACK = (
    "Restore it from the bucket's versions or a backup. Or, if the publisher still serves these "
    "bytes, delete the rest of it and run the mirror with --recheck, which puts it back."
)
MOVE_AWAY = "Move it away."
REMOVE = "Run the audit with --repair, which removes it."
RUN = "Run the mirror, or the audit with --repair: both make it equal to the log."

ABORT = "On S3 the bucket's lifecycle rule should abort it; a directory's next run does."

ABANDONED = timedelta(hours=24)
"""A write that began longer ago than this was left by a run that was killed."""
NAMED = 5
"""Keys that a finding names."""
YOUNG = timedelta(hours=1)
"""A generation that was committed so lately may still be on its way into the view."""
PARTS = (MANIFESTS, VINTAGES, "state/", "tables/", "")
"""Each has a folder for each source; the last is the view."""


class Named(NamedTuple):
    """A manifest that something derived, at the key `by`, says it was made from."""

    source: str
    generation: int
    sha256: str
    by: str


@dataclass
class Log:
    """An audit's notes on one source's log.

    Attributes:
        newest: The newest generation that could be read.
        hashes: Of the bytes of each generation that could be read.
        vintages: Key → size, of everything that any generation names.
        days: View key → vintage, of all days of a `daily` view.
        unread: Generations that are missing or could not be read.
        trusted: Whether nothing is wrong with it, so that derived objects may be made from it.
    """

    source: str
    newest: Generation | None = None
    hashes: dict[int, str] = field(default_factory=dict)
    vintages: dict[str, int] = field(default_factory=dict)
    days: dict[str, str] = field(default_factory=dict)
    unread: set[int] = field(default_factory=set)
    trusted: bool = True

    def take(self, generation: Generation) -> None:
        """Remember what matters of the next generation."""
        manifest = generation.manifest
        self.newest = generation
        self.hashes[manifest.generation] = generation.sha256
        for entry in (*manifest.files, *(t.last for t in manifest.tombstones)):
            key = vintage_key(manifest.source, entry.name, entry.sha256)
            self.vintages.setdefault(key, entry.size)
        if manifest.layout == "daily":
            self.days |= view_of(manifest)

    def has(self, named: Named) -> bool:
        """Return whether that manifest is in the log, with the same bytes."""
        return self.hashes.get(named.generation) == named.sha256


# -- Sources -----------------------------------------------------------------------------------


def sources_in(store: Store, part: str) -> tuple[list[str], list[str]]:
    """Return the sources that have a folder in one of `PARTS`, and the names of other folders."""
    top = store.folders(part)
    found = [source_of(name) for name in store.folders(f"{part}{SURVEYS}/")] * (SURVEYS in top)
    found += [POPULATION] * (POPULATION in top)
    return sorted(found), [name for name in top if name not in {SURVEYS, POPULATION}]


def sources_of(store: Store) -> list[str]:
    """Return the keys of all sources that have a log in this lake."""
    return sources_in(store, MANIFESTS)[0]


def check_lake(store: Store) -> None:
    """Refuse (Misuse) a place where there is nothing of a lake: mostly one LIST."""
    if not any(sources_in(store, part)[0] for part in PARTS):
        raise no_lake(store)


def audit_logs(
    store: Store,
    *,
    share: float = 1.0,
    now: datetime | None = None,
    found: Findings | None = None,
    named: Sequence[Named] = (),
) -> tuple[Audited, dict[str, Log]]:
    """Check every log, vintage and view of a lake; return the result, and the logs by source.

    `share`, from 0 to 1, is the part of the vintages, and of their copies in the view, to
    re-hash: the same part each time, so that a small share is quick and a whole one complete.
    Presence and size are always checked. What can't be read is a finding, and the audit goes on.
    `named` are the manifests that derived objects were made from, read before the logs are.

    Raises:
        Misuse: There is no lake.
        StoreError: Its top can't be listed.
    """
    run = _Audit(store, share, now or utcnow(), Findings() if found is None else found)
    parts: dict[str, set[str]] = defaultdict(set)
    for part in PARTS:
        with run.found.seen(part or f"{SURVEYS}/", ends=part == MANIFESTS):
            mine, others = sources_in(store, part)
            for source in mine:
                parts[source].add(part)
            for name in others if part in {MANIFESTS, VINTAGES} else ():
                what = "is nothing that this project writes, and was not looked at"
                run.found.add("note", f"{part}{name}/", what, MOVE_AWAY)
    claims: dict[str, list[Named]] = defaultdict(list)
    for one in named:
        claims[one.source].append(one)
        parts[one.source].add(one.by)
    logs: dict[str, Log] = {}
    for source in sorted(parts):
        with run.found.seen(manifest_folder(source)):
            log = run.source(source, parts[source], claims[source])
            if log is not None:
                logs[source] = log
    if not logs and all(f.severity == "note" for f in run.found.all):
        raise no_lake(store)
    with run.found.seen("writes that never ended", severity="note"):
        for each in store.unfinished():
            if run.now - each.started > ABANDONED:
                what = f"was begun {each.started:%Y-%m-%d %H:%M} UTC and never ended"
                run.found.add("note", each.name, what, ABORT)
    audited = Audited(
        tuple(logs),
        sum(len(log.hashes) for log in logs.values()),
        sum(len(log.vintages) for log in logs.values()),
        run.hashed,
        run.hashed_bytes,
        run.found.sorted(),
    )
    return audited, logs


@dataclass
class _Audit:
    """One audit under way: how it is wanted, and what it found and re-hashed so far."""

    store: Store
    share: float
    now: datetime
    found: Findings
    hashed: int = 0
    hashed_bytes: int = 0

    def source(self, source: str, parts: Collection[str], named: Sequence[Named]) -> Log | None:
        """Audit one source; return None where it is none of this lake's."""
        # Before the log: whatever was published by now is in it.
        record, shown = Record(copied={}), list[Stored]()
        with self.found.seen(view_record_key(source)):
            record = read_record(self.store, source)
        if source == POPULATION:
            with self.found.seen(view_folder(source)):
                shown += self.store.list(view_folder(source))
        numbers = [each.generation for each in named]
        if own := record.own(self.store):
            numbers.append(own.generation)
        log = read_log(self.store, source, self.found, numbers, self.now)
        if not log.hashes and not log.unread:
            return self._without_a_log(log, parts)
        claims = list(named)
        if (last := record.published) and (own or last.generation in log.hashes):
            # A copy of a lake that was being written to may have a record that is ahead.
            key = view_record_key(source)
            claims.append(Named(source, last.generation, last.manifest_sha256, key))
        for finding in contradictions(log, claims):
            self.found.all.append(finding)
            log.trusted = False
        log.unread |= {each.generation for each in claims} - log.hashes.keys()
        sound: dict[str, str] = {}
        with self.found.seen(vintage_folder(source)):
            sound = self._vintages(log)
        if log.newest is not None:
            with self.found.seen(view_folder(source)):
                self._view(log, log.newest, record, sound)
                if log.days:
                    self._days(log, log.newest, shown, sound)
        return log

    def _without_a_log(self, log: Log, parts: Collection[str]) -> Log | None:
        made = set(parts) - {MANIFESTS}
        if not made:
            return None
        if made == {""}:
            what = "holds files, and no manifest of this project names them"
            self.found.add("note", view_folder(log.source), what, MOVE_AWAY)
            return None
        what, how = "holds no manifest, and objects made from manifests are there", RESTORE
        if made == {VINTAGES}:
            what = "holds no manifest of the vintages that are there, unless no run committed yet"
            how = f"{RESTORE} Or, where there never was one, run the mirror."
        self.found.add("damage", manifest_folder(log.source), f"{what}: the log is lost", how)
        return log

    def _vintages(self, log: Log) -> dict[str, str]:
        """Check a source's vintages; return key → token of those in which nothing is wrong."""
        listed = self.store.list(vintage_folder(log.source))
        present = {s.key: s.size for s in listed}
        found = list(compare(log.vintages, present))
        wrong = {f.key for f in found}
        # What only a manifest names that can't be read is no orphan.
        self.found.all += [f for f in found if f.severity != "note" or not log.unread]
        for key, size in sorted(log.vintages.items() & present.items()):
            # What is missing or of another size is found already.
            if in_share(key, self.share):
                with self.found.seen(key, of_many=True):
                    self.hashed += 1
                    self.hashed_bytes += size
                    if what := altered(self.store, key, sha256_of(key)):
                        wrong.add(key)
                        self.found.add("damage", key, what, PUT_BACK)
        return {s.key: s.token for s in listed if s.key not in wrong}

    def _copy(
        self, key: str, there: Stored | None, vintage: str, size: int, sound: Mapping[str, str]
    ) -> str:
        """Say what is wrong with a vintage's copy in the view; "" for nothing.

        It is re-hashed, unless it has the token of a sound vintage (on S3 the ETag, which only the
        same bytes have).
        """
        if there is None:
            return "is missing"
        if there.size != size:
            return f"has {there.size:,} bytes and not {size:,}"
        if there.token != sound.get(vintage) and in_share(vintage, self.share):
            with self.found.seen(key, of_many=True):
                return altered(self.store, key, sha256_of(vintage))
        return ""

    def _view(self, log: Log, newest: Generation, record: Record, sound: Mapping[str, str]) -> None:
        """Find where the public view differs from the newest generation.

        The next run finds most differences, by one LIST and the record; not a copy that was made
        while its vintage was damaged.
        """
        reader = ManifestLog(self.store, log.source)
        for _ in range(2):
            listed = {s.key: s for s in self.store.list(folder_of(newest.manifest))}
            todo = repair(newest.manifest, listed.values(), record.copied)
            newer = reader.newer_than(newest) if todo and log.trusted else None
            if newer is None:
                break
            # Committed since: its run has just published it.
            newest, record = newer, read_record(self.store, log.source)
        sizes = sizes_of(newest.manifest)
        seen = {key for _, key in todo.copies}
        wrong = [
            Finding("repairable", k, "is not in the newest manifest", RUN) for k in todo.deletes
        ]
        for key, vintage in view_of(newest.manifest).items():
            if what := self._copy(key, listed.get(key), vintage, sizes[key], sound):
                wrong.append(Finding("repairable", key, what, RUN if key in seen else REPAIR))
        others = seen - {finding.key for finding in wrong}
        if others:
            number = f"{len(others)} copies" if len(others) > 1 else "a copy"
            what = f"holds {number} of the right size that no run's record names"
            self.found.add("note", view_folder(log.source), what, "The next run copies again.")

        known, committed = record.own(self.store), newest.manifest.committed
        shown = known is not None and known.generation >= newest.manifest.generation
        if not shown and committed > self.now - YOUNG:
            how = f"Its run may be about to make it so. If it is not: {RUN}"
            self.found.all += [replace(f, severity="note", remedy=how) for f in wrong]
            return

        def publish_anew() -> None:
            view = view_of(newest.manifest)
            self._require(*(view[f.key] for f in wrong if f.key in view))
            for finding in wrong:
                if finding.key not in seen:  # the record takes it for what it copied
                    self.store.delete(finding.key)
            publish(reader, newest)

        self.found.mend(wrong, publish_anew, trusted=log.trusted, done="Made equal to the log.")

    def _days(
        self, log: Log, newest: Generation, shown: Iterable[Stored], sound: Mapping[str, str]
    ) -> None:
        """Find where the earlier days of a daily view are not what their generation says."""
        today = folder_of(newest.manifest)
        listed = {s.key: s for s in shown if not s.key.startswith(today)}
        wrong: list[Finding] = []
        for key, vintage in sorted(log.days.items()):
            if not key.startswith(today) and (
                what := self._copy(key, listed.get(key), vintage, log.vintages[vintage], sound)
            ):
                wrong.append(Finding("repairable", key, what, REPAIR))
        names = {key.rpartition("/")[2] for key in log.days}
        for key in sorted(listed.keys() - log.days.keys()):
            # A day's folder may hold a person's notes.
            if key.rpartition("/")[2] in names:
                what = "is of a day on which no generation was committed"
                wrong.append(Finding("repairable", key, what, REMOVE))
        for each in wrong:
            wanted = log.days.get(each.key)
            make = partial(self._copy_anew, each.key, wanted)
            done = MADE if wanted else "Removed."
            self.found.mend([each], make, trusted=log.trusted, done=done)

    def _copy_anew(self, key: str, vintage: str | None) -> None:
        if vintage is None:
            self.store.delete(key)
        else:
            self._require(vintage)
            self.store.copy(vintage, key)

    def _require(self, *vintages: str) -> None:
        """Refuse to copy vintages that are not what their names say."""
        for vintage in vintages:
            if what := altered(self.store, vintage, sha256_of(vintage)):
                raise Corrupt(f"{self.store.url}/{vintage} {what}.", PUT_BACK)


# -- The log -----------------------------------------------------------------------------------


def read_log(
    store: Store,
    source: str,
    found: Findings,
    named: Collection[int] = (),
    now: datetime | None = None,
) -> Log:
    """Read one source's log, a manifest at a time, and find what is wrong with it.

    `named` are generations that something derived was made from.

    Raises:
        StoreError: The log can't be listed, or one manifest after the other can't be read.
    """
    log, reader = Log(source), ManifestLog(store, source)
    keys = {s.key: generation_of(s.key) or 0 for s in store.list(manifest_folder(source))}
    numbers = sorted(n for key, n in keys.items() if n and key == manifest_key(source, n))
    others = sorted(keys.keys() - {manifest_key(source, n) for n in numbers})
    if others:
        more = f", nor are {len(others) - 1} others there" if len(others) > 1 else ""
        found.add("note", others[0], f"is no manifest of this project{more}", MOVE_AWAY)
    before, away = len(found.all), strays(numbers, named)
    last, previous = 0, None
    for number in numbers:
        key, follows = manifest_key(source, number), previous
        if number in away:
            what = f"is no part of the log, which ends with generation {last}"
            found.add("damage", key, what, f"{MOVE_AWAY} Nothing derived names it.")
            continue
        if number > last + 1:
            missing = range(last + 1, number)
            log.unread |= set(missing)
            more = f", as are those up to generation {number - 1}" if len(missing) > 1 else ""
            what = f"is missing below a later one{more}"
            found.add("damage", manifest_key(source, last + 1), what, RESTORE)
            follows = None
        last, previous = number, None
        with found.seen(key, of_many=True):
            try:
                previous = reader.read(number)
            except (Corrupt, Missing) as error:
                found.add("damage", key, error.what, error.remedy)
        if previous is None:
            log.unread.add(number)
            continue
        for what, how in _breaks(follows, previous, now):
            found.add("damage", key, what, how)
        log.take(previous)
    log.trusted = not any(f.severity in {"damage", "unseen"} for f in found.all[before:])
    return log


def strays(numbers: Sequence[int], named: Collection[int]) -> set[int]:
    """Return the numbers after the last gap if they were put there, not committed. Pure.

    They were if publications and derived objects name no generation after the gap. If nothing
    names any, a gap wider than the count of numbers after it decides.
    """
    gap = last_gap(numbers)
    if not gap:
        return set()
    last, after = numbers[gap - 1], numbers[gap:]
    put = max(named) <= last if named else after[0] - last - 1 > len(after)
    return set(after) if put else set()


def _breaks(
    previous: Generation | None, generation: Generation, now: datetime | None
) -> Iterator[tuple[str, str]]:
    """Yield how a generation does not follow from the one before (None if unknown)."""
    manifest, ahead = generation.manifest, now and now + CLOCKS_APART
    if previous is not None and manifest.parent != previous.sha256:
        last = previous.manifest.generation
        what = f"does not name the bytes of generation {last}: one of the two was altered"
        yield what, f"{RESTORE} What no run committed is to be moved away."
    if previous is not None and manifest.committed <= previous.manifest.committed:
        yield "is not later than its parent", RESTORE
    first = previous is None or (ahead and previous.manifest.committed <= ahead)
    if ahead and manifest.committed > ahead and first:
        what = f"was committed in the future, {time_text(manifest.committed)}"
        yield what, "Check this machine's clock. A run goes on from it with --allow clock."


def contradictions(log: Log, named: Iterable[Named]) -> Iterator[Finding]:
    """Find manifests that differ from those that derived objects were made from. Pure."""
    by: dict[tuple[int, str], list[str]] = defaultdict(list)
    for each in named:
        if each.generation not in log.unread and not log.has(each):
            by[each.generation, each.sha256].append(each.by)
    for (generation, _), keys in sorted(by.items()):
        names = ", ".join(keys[:NAMED])
        more = f" and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
        verb = "name" if len(keys) > 1 else "names"
        there = generation in log.hashes
        what = "is not the manifest that" if there else "is missing, and"
        it = ": it was altered or replaced" if there else " it"
        how = f"{RESTORE} Or, if the log was put back on purpose, delete what names it."
        key = manifest_key(log.source, generation)
        yield Finding("damage", key, f"{what} {names}{more} {verb}{it}", how)


# -- Objects -----------------------------------------------------------------------------------


def compare(named: Mapping[str, int], present: Mapping[str, int]) -> Iterator[Finding]:
    """Find what is missing, of another size, or named by no manifest. Pure."""
    for key, size in sorted(named.items()):
        if key not in present:
            yield Finding("damage", key, "is named by a manifest and missing", PUT_BACK)
        elif present[key] != size:
            what = f"has {present[key]:,} bytes and not {size:,}"
            yield Finding("damage", key, what, PUT_BACK)
    for key in sorted(present.keys() - named.keys()):
        yield Finding("note", key, "is named by no manifest (a run ended before its commit)", "")


def in_share(key: str, share: float) -> bool:
    """Return whether a share of the vintages includes this one; a larger includes a smaller. Pure.

    The digest in the key is the file's own and could be chosen by a publisher: it is hashed again.
    """
    place = int.from_bytes(sha256(key.encode()).digest()[:8])
    return place < share * 2**64


def altered(store: Store, key: str, expected: str) -> str:
    """Say what is wrong where an object's bytes don't have this SHA-256; "" where they do."""
    try:
        digest = hash_of(store, key)
    except Missing:
        return "is missing"
    return "" if digest == expected else f"was altered: its SHA-256 is {digest}"


def checksums(store: Store) -> Iterator[str]:
    """Yield lines for `sha256sum -c` at the lake's root: the view first, then every vintage."""
    for source in sources_of(store):
        log = read_log(store, source, Findings())
        if log.newest:
            for key, vintage in sorted(view_of(log.newest.manifest).items()):
                yield f"{sha256_of(vintage)}  {key}\n"
        for key in sorted(log.vintages):
            yield f"{sha256_of(key)}  {key}\n"
