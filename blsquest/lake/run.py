"""One run, start to end: list, plan, transfer, list again, commit, publish.

The steps that reach outside can be replaced by wrapped ones, such as Prefect tasks.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from blsquest.core.clock import utcnow
from blsquest.core.errors import (
    Contradicted,
    QuestError,
    Refused,
    SourceError,
    StoreError,
    together,
)
from blsquest.core.progress import Ended, Transfer, emit
from blsquest.core.source import Listing, Progress, RemoteFile, Source
from blsquest.core.stop import Workers, sleep_unless_stopped, stops_workers
from blsquest.core.text import some
from blsquest.lake.guards import Allowance, check_clock, check_gone, check_kind
from blsquest.lake.keys import vintage_folder
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import FileChange, Generation, Manifest, advance, diff
from blsquest.lake.outcome import CONTENT_CHANGES, Outcome, OutcomeName
from blsquest.lake.plan import Ask, Plan, plan
from blsquest.lake.record import Made, Record, made_for, read_record
from blsquest.lake.rollback import trusted_newest
from blsquest.lake.spool import room_for, sweep
from blsquest.lake.stores.base import Store, prove_put_if_absent
from blsquest.lake.transfer import Arrival, SizeOf, entry_for, transfer
from blsquest.lake.view import Published, publish

IN_FLIGHT = 4
"""Files requested at once. The source's pacer, not this number, keeps the polite pace."""

COMMIT_TRIES = 50
"""Each lost race is another run's commit; so many in a row means that something is wrong."""

NOTED = 20
"""Files that a note names."""

LISTED_ABOVE = 10
"""With more new files than this, one LIST says which vintages are there, not a HEAD a file."""

Answers = list[Arrival | QuestError]


def vintage_sizes(source: Source, store: Store, asks: Sequence[Ask]) -> SizeOf:
    """Return a lookup of vintage sizes: one LIST for many new files, else a HEAD each."""
    if sum(ask.prior is None for ask in asks) > LISTED_ABOVE:
        with suppress(StoreError):  # the HEADs say why
            return {s.key: s.size for s in store.list(vintage_folder(source.key))}.get
    return store.size


def transfer_all(
    source: Source, store: Store, asks: Sequence[Ask], *, progress: Progress | None = None
) -> Answers:
    """Bring files in; return an arrival, or its error, for each."""
    size_of = vintage_sizes(source, store, asks)

    def one(ask: Ask) -> Arrival | QuestError:
        try:
            return transfer(source, store, ask, progress=progress, size_of=size_of)
        except QuestError as error:
            return error

    if len(asks) == 1:
        return [one(asks[0])]
    with Workers(IN_FLIGHT, "transfer") as pool:
        return list(pool.map(one, asks))


def wait(source: Source, names: Sequence[str]) -> None:  # noqa: ARG001 - for those who tell of it
    """Wait before a second listing may confirm that files are gone."""
    sleep_unless_stopped(source.removal_wait)
    source.meter.add(waited=source.removal_wait)


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps that reach outside, each replaceable by a wrapped one."""

    list: Callable[[Source], Listing] = lambda source: source.list()
    wait: Callable[[Source, Sequence[str]], None] = wait
    serves: Callable[[Source, str], bool] = lambda source, name: source.serves(name)
    transfer: Callable[[Source, Store, Sequence[Ask]], Answers] = transfer_all
    commit: Callable[[ManifestLog, Manifest], Generation | None] = ManifestLog.commit
    publish: Callable[[ManifestLog, Generation, Record], Published] = publish


@dataclass(frozen=True, slots=True)
class Options:
    """How a person wants one run.

    Attributes:
        recheck: Request every file, also those whose stamp and size say unchanged.
        dry_run: Plan and say so; change nothing.
        allow: Guards lifted for this run.
    """

    recheck: bool = False
    dry_run: bool = False
    allow: frozenset[Allowance] = frozenset()


def run(
    source: Source,
    store: Store,
    options: Options = Options(),
    *,
    steps: Steps = Steps(),
    run_id: str | None = None,
    now: Callable[[], datetime] = utcnow,
) -> Outcome:
    """Bring the lake up to date with one source.

    A stamp only decides what to request; the answer decides what changed. A file no longer listed
    is removed when a second listing, `Source.removal_wait` later, lacks it too and its own URL
    answers 404 or 410. A listing that its files contradict is stale, and nothing is committed.

    An unchanged, settled run costs one request at the source and four small storage calls
    (LIST and GET of the log, GET of the view's record, LIST of the view); a removal the second
    listing and a request for each file that is gone.

    The manifest records the run's id, which is made up when absent; `now` is the clock.

    Raises:
        Refused: A guard fired, the log lost its end, or the storage can't keep a log; nothing was
            changed.
        SourceError, StoreError: Something did not answer; the lake is in its old state, and what
            already arrived will not be uploaded again.
    """
    with stops_workers():
        return _Run(source, store, options, steps, run_id or str(uuid4()), now).go()


@dataclass
class _Run:
    source: Source
    store: Store
    options: Options
    steps: Steps
    run_id: str
    now: Callable[[], datetime]
    arrivals: dict[RemoteFile, Arrival] = field(default_factory=dict)
    served: dict[str, bool] = field(default_factory=dict)
    moved: bool = False

    def __post_init__(self) -> None:
        self.log = ManifestLog(self.store, self.source.key)
        newest = self.log.latest()
        self.record = read_record(self.store, self.source.key)
        self.base = trusted_newest(self.log, newest, self.record, self.options.allow)
        if self.source.surely_real:  # then the lake decides, before any request
            check_kind(self.manifest, sample=False)
        self.listing = self.steps.list(self.source)

    @property
    def manifest(self) -> Manifest | None:
        return self.base.manifest if self.base else None

    def go(self) -> Outcome:
        for _ in range(COMMIT_TRIES):
            todo = plan(
                self.listing,
                self.manifest,
                now=self.now(),
                data_prefix=self.source.data_prefix,
                recheck=self.options.recheck,
                allow=self.options.allow,
            )
            check_clock(self.now(), self.listing, self.manifest, self.options.allow)
            if self.options.dry_run:
                return self._outcome("Unchanged", plan=todo)
            if self.manifest is None and not self.listing.files:
                return self._outcome("Unchanged")
            if self.record.own(self.store) is None:  # else an earlier run did
                prove_put_if_absent(self.store)
            if not self._bring_in(todo):
                continue
            before, proposed = self.manifest, self._advance(todo)
            if proposed is None:
                return self._finish(())
            committed = self.steps.commit(self.log, proposed)
            if committed is not None:
                self.base = committed
                return self._finish(diff(before, proposed))
            # Another run was faster. Its listing may be newer than ours, so look again.
            self.base = trusted_newest(self.log, self.log.latest(), self.record, self.options.allow)
            self.listing = self.steps.list(self.source)
        raise QuestError(
            f"{self.source.key}: {COMMIT_TRIES} other commits in a row were faster.",
            "Find out what else writes to this lake.",
        )

    def _bring_in(self, todo: Plan) -> bool:
        """Transfer new files, check missing ones; return False if the listing has changed."""
        asked = [a for a in todo.ask if a.file not in self.arrivals]
        failures = self._transfer(asked) if asked else []
        sure = "removals" in self.options.allow
        doubted = [e.name for e in todo.remove if not sure and e.name not in self.served]
        if not (failures or doubted) and (not asked or self._advance(todo) is None):
            return True
        if doubted and not failures:
            self.steps.wait(self.source, doubted)
        # No commit mixes two states of the listing: it must still equal the planned one.
        try:
            again = self.steps.list(self.source)
        except QuestError as error:
            if failures:
                raise together(self.source.key, failures) from error
            raise
        if again == self.listing:
            if failures:
                raise self._why(failures)
            self._look_for(doubted)
            return True
        if self.moved:
            raise SourceError(
                f"The listing of {self.source.key} moved twice during one run.",
                "Nothing was changed. Run again when the publisher has finished.",
                transient=True,
            )
        self.moved, self.listing = True, again
        return False

    def _look_for(self, unlisted: Sequence[str]) -> None:
        """Ask for files that two listings lack.

        One listed in other case was renamed: a server that ignores case serves both names.
        """
        listed = {f.name.lower() for f in self.listing.files}
        found = {
            name: name.lower() not in listed and self.steps.serves(self.source, name)
            for name in unlisted
        }
        if self.manifest is not None:
            gone = [name for name in found if not found[name]]
            check_gone(gone, self.manifest, self.source.data_prefix)
        self.served |= found

    def _transfer(self, asked: Sequence[Ask]) -> list[QuestError]:
        sweep()
        key, sizes = self.source.key, [a.file.size or 0 for a in asked]
        with room_for(sizes, at_once=IN_FLIGHT):
            emit(Transfer(key, len(asked), sum(sizes), len(asked) * self.source.interval))
            try:
                answers = self.steps.transfer(self.source, self.store, asked)
            finally:
                emit(Ended(key))
        self.arrivals |= {a.file: a for a in answers if isinstance(a, Arrival)}
        return [a for a in answers if isinstance(a, QuestError)]

    def _why(self, failures: Sequence[QuestError]) -> QuestError:
        """Return the error for failed files whose listing did not change."""
        contradicted = [f for f in failures if isinstance(f, Contradicted)]
        if not contradicted:
            return together(self.source.key, failures)
        return Refused(
            f"The listing of {self.source.key} is stale, or the file is: {contradicted[0].what}",
            "Nothing was changed. A cache may still hold the listing of before: the next run looks "
            "again. If it stays so, --allow stale takes the file as it is dated.",
        )

    def _advance(self, todo: Plan) -> Manifest | None:
        moment = self.now()
        kept = [replace(entry, last_seen=moment) for entry in todo.keep]
        kept += [entry for entry in todo.remove if self.served.get(entry.name, False)]
        arrived = [entry_for(self.arrivals[ask.file], ask.prior, now=moment) for ask in todo.ask]
        return advance(
            self.base,
            self.listing,
            [*kept, *arrived],
            source=self.source.key,
            layout=self.source.layout,
            now=moment,
            run=self.run_id,
        )

    def _finish(self, changes: tuple[FileChange, ...]) -> Outcome:
        assert self.base is not None  # noqa: S101 - a first run always commits
        published = self.steps.publish(self.log, self.base, self.record)
        touched = len(published.copied) + len(published.deleted)
        uploaded = sum(a.uploaded for a in self.arrivals.values())
        kinds = {c.change for c in changes}
        # Without new content, what was uploaded had been named by a manifest, and was gone.
        repaired, restored = (0, 0) if kinds & CONTENT_CHANGES else (touched, uploaded)
        name: OutcomeName = "Repaired" if touched + uploaded else "Unchanged"
        if kinds & CONTENT_CHANGES:
            name = "Changed"
        elif "restamped" in kinds:
            name = "Restamped"
        return self._outcome(
            name,
            changes=changes,
            uploaded=uploaded,
            received=sum(a.received for a in self.arrivals.values()),
            repaired=repaired,
            restored=restored,
        )

    def _outcome(self, name: OutcomeName, **more: Any) -> Outcome:
        manifest, made = self.manifest, dict[str, Made | None]()
        for what in ("tables", "index", "feed"):
            made[what] = made_for(self.store, self.base, self.record, what)
        return Outcome(
            source=self.source.key,
            name=name,
            generation=manifest.generation if manifest else 0,
            committed=manifest.committed if manifest else None,
            files=len(manifest.files) if manifest else 0,
            size=sum(e.size for e in manifest.files) if manifest else 0,
            sample=self.listing.sample,
            notes=self._notes(),
            asked=self.source.meter.spent(),
            stored=self.store.meter.spent(),
            tables=made["tables"],
            front_page=made["feed"] and made["index"],
            **more,
        )

    def _notes(self) -> tuple[str, ...]:
        listing, notes = self.listing, []
        listed = {f.name for f in listing.files}
        kept = sorted(n for n, served in self.served.items() if served and n not in listed)
        if kept:
            notes.append(f"Not listed, still served, and kept: {some(kept, NOTED)}.")
        if listing.unsafe:
            notes.append(f"Left out for their names: {some(listing.unsafe, NOTED)}.")
        if self.manifest is None and not listing.files:
            notes.append("The folder has no file, and the lake never held it: nothing to mirror.")
        if listing.time is None:
            notes.append("The publisher gave no time: this machine's clock was not checked.")
        return tuple(notes)
