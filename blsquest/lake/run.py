"""One run, start to end: list, plan, transfer, list again, commit, publish.

The four steps that reach outside can be handed in wrapped, as Prefect tasks are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from blsquest.core.clock import utcnow
from blsquest.core.errors import QuestError, Refused, SourceError, together
from blsquest.core.stop import Workers, stops_workers
from blsquest.lake.guards import check_kind
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import advance, diff
from blsquest.lake.outcome import CONTENT_CHANGES, Outcome
from blsquest.lake.plan import plan
from blsquest.lake.spool import room_for, sweep
from blsquest.lake.transfer import Arrival, entry_for, transfer
from blsquest.lake.view import Published, publish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from blsquest.core.source import Listing, Progress, RemoteFile, Source
    from blsquest.lake.manifest import FileChange, Generation
    from blsquest.lake.model import Allowance, Change, Manifest, OutcomeName
    from blsquest.lake.plan import Ask, Plan
    from blsquest.lake.stores.base import Store


IN_FLIGHT = 4
"""Files asked for at once. The source's pacer, not this number, keeps the polite pace."""

LISTED_ABOVE = 10
"""With more new files than this, one LIST says which vintages are there, not a HEAD a file."""

Answers = list[Arrival | QuestError]


def list_source(source: Source) -> Listing:
    """The step that asks the publisher what there is."""
    return source.list()


def transfer_all(
    source: Source, store: Store, asks: Sequence[Ask], *, progress: Progress | None = None
) -> Answers:
    """The step that brings files in; each ask is answered by an arrival or by its error."""
    vintages = None
    if sum(ask.prior is None for ask in asks) > LISTED_ABOVE:
        vintages = {s.key: s.size for s in store.list(f"vintages/{source.key}/")}

    def one(ask: Ask) -> Arrival | QuestError:
        try:
            return transfer(source, store, ask, progress=progress, vintages=vintages)
        except QuestError as error:
            return error

    if len(asks) == 1:
        return [one(asks[0])]
    with Workers(IN_FLIGHT, "transfer") as pool:
        return list(pool.map(one, asks))


def commit(log: ManifestLog, manifest: Manifest) -> Generation | None:
    """The step that makes the new state true; None when another run was faster."""
    return log.commit(manifest)


@dataclass(frozen=True, slots=True)
class Steps:
    """The four steps that reach outside, each replaceable by a wrapped one."""

    list: Callable[[Source], Listing] = list_source
    transfer: Callable[[Source, Store, Sequence[Ask]], Answers] = transfer_all
    commit: Callable[[ManifestLog, Manifest], Generation | None] = commit
    publish: Callable[[ManifestLog, Generation], Published] = publish


PLAIN = Steps()
"""As they are."""


COMMIT_TRIES = 50
"""Each lost race is another run's commit; so many in a row means that something is wrong."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a person wants one run.

    Attributes:
        recheck: Ask for every file, also for those whose stamp and size say unchanged.
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
    steps: Steps = PLAIN,
    run_id: str | None = None,
    now: Callable[[], datetime] = utcnow,
) -> Outcome:
    """Bring the lake up to date with one source.

    An unchanged, settled run costs one request at the source and four small storage calls
    (LIST and GET of the log, GET of the view's record, LIST of the view).

    Args:
        source: The publisher's folder.
        store: The lake's storage.
        options: See `Options`.
        steps: See `Steps`.
        run_id: Recorded in the manifest; made up when absent.
        now: The clock.

    Raises:
        Refused: A guard fired; nothing was changed.
        SourceError, StoreError: Something did not answer; the lake is in its old state, and what
            already arrived will not be uploaded again.
    """
    with stops_workers():
        return _Run(source, store, options, steps, run_id or str(uuid4()), now).go()


class _Run:
    """The state of one run: what it planned from, and what has arrived so far."""

    def __init__(
        self,
        source: Source,
        store: Store,
        options: Options,
        steps: Steps,
        run_id: str,
        now: Callable[[], datetime],
    ) -> None:
        self.source, self.store, self.options, self.steps = source, store, options, steps
        self.run_id, self.now = run_id, now
        self.log = ManifestLog(store, source.key)
        self.arrivals: dict[RemoteFile, Arrival] = {}
        self.base = self.log.latest()
        if self.base is None and "foreign-files" not in options.allow:
            self._refuse_foreign_files()
        if source.surely_real:  # then what the lake holds decides, before anything is asked
            check_kind(self.base.manifest if self.base else None, sample=False)
        self.listing = steps.list(source)
        self.moved = False

    def _refuse_foreign_files(self) -> None:
        """Keep a first run from publishing over somebody else's files: the view is made exact."""
        found = self.store.list(f"{self.source.key}/")
        if not found:
            return
        # Another first run may just have published: then its manifest is there by now.
        self.base = self.log.latest()
        if self.base is None:
            raise Refused(
                f"{self.store.url}/{self.source.key}/ holds {len(found)} objects, {found[0].key} "
                "the first, and no manifest of this project names them.",
                "Choose another lake or move them away; --allow foreign-files replaces them.",
            )

    def go(self) -> Outcome:
        for _ in range(COMMIT_TRIES):
            todo = self._plan()
            if self.options.dry_run:
                return self._dry_outcome(todo)
            if not self._bring_in(todo):
                continue
            proposed = self._advance(todo)
            if proposed is None:
                assert self.base is not None  # noqa: S101 - a first run always proposes
                return self._finish(self.base, ())
            committed = self.steps.commit(self.log, proposed)
            if committed is not None:
                return self._finish(
                    committed, diff(self.base.manifest if self.base else None, proposed)
                )
            # Another run was faster. Its listing may be newer than ours, so look again.
            self.base = self.log.latest()
            self.listing = self.steps.list(self.source)
        raise QuestError(
            f"{self.source.key}: {COMMIT_TRIES} other commits in a row were faster.",
            "Find out what else writes to this lake.",
        )

    def _plan(self) -> Plan:
        return plan(
            self.listing,
            self.base.manifest if self.base else None,
            now=self.now(),
            data_prefix=self.source.data_prefix,
            recheck=self.options.recheck,
            allow=self.options.allow,
        )

    def _bring_in(self, todo: Plan) -> bool:
        """Transfer what the plan asks for; False if the listing moved and must be planned anew.

        Raises:
            QuestError: A file failed, the listing moved a second time, this machine's disk has no
                room, or the process is to end.
        """
        asked = [a for a in todo.ask if a.file not in self.arrivals]
        if not asked:
            return True
        sweep()
        with room_for((a.file.size or 0 for a in asked), at_once=IN_FLIGHT):
            answers = self.steps.transfer(self.source, self.store, asked)
        self.arrivals |= {a.file: a for a in answers if isinstance(a, Arrival)}
        failures = [a for a in answers if isinstance(a, QuestError)]
        if not failures and self._advance(todo) is None:
            return True
        # No commit mixes two states of the listing: it must still be what was planned from.
        try:
            again = self.steps.list(self.source)
        except QuestError as error:
            if failures:
                raise together(self.source.key, failures) from error
            raise
        if again == self.listing:
            if failures:
                raise together(self.source.key, failures)
            return True
        if self.moved:
            raise SourceError(
                f"The listing of {self.source.key} moved twice during one run.",
                "Nothing was changed. Run again when the publisher has finished.",
                transient=True,
            )
        self.moved, self.listing = True, again
        return False

    def _advance(self, todo: Plan) -> Manifest | None:
        moment = self.now()
        kept = [replace(entry, last_seen=moment) for entry in todo.keep]
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

    def _dry_outcome(self, todo: Plan) -> Outcome:
        manifest = self.base.manifest if self.base else None
        held = manifest.files if manifest else ()
        return Outcome(
            source=self.source.key,
            name="Unchanged",
            generation=manifest.generation if manifest else 0,
            committed=manifest.committed if manifest else None,
            files=len(held),
            size=sum(e.size for e in held),
            sample=self.listing.sample,
            asked=self.source.meter.spent(),
            stored=self.store.meter.spent(),
            plan=todo,
        )

    def _finish(self, generation: Generation, changes: tuple[FileChange, ...]) -> Outcome:
        published = self.steps.publish(self.log, generation)
        touched = len(published.copied) + len(published.deleted)
        uploaded = sum(a.uploaded for a in self.arrivals.values())
        content = any(c.change in CONTENT_CHANGES for c in changes)
        # Without new content, what was uploaded had been named by a manifest, and was gone.
        repaired, restored = (0, 0) if content else (touched, uploaded)
        manifest = generation.manifest
        return Outcome(
            source=self.source.key,
            name=_name({c.change for c in changes}, repaired=touched + uploaded > 0),
            generation=manifest.generation,
            committed=manifest.committed,
            files=len(manifest.files),
            size=sum(e.size for e in manifest.files),
            changes=changes,
            uploaded=uploaded,
            received=sum(a.received for a in self.arrivals.values()),
            repaired=repaired,
            restored=restored,
            sample=manifest.sample,
            asked=self.source.meter.spent(),
            stored=self.store.meter.spent(),
        )


def _name(kinds: set[Change], *, repaired: bool) -> OutcomeName:
    if kinds & CONTENT_CHANGES:
        return "Changed"
    if "restamped" in kinds:
        return "Restamped"
    return "Repaired" if repaired else "Unchanged"
