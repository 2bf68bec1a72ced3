"""One run, start to end: list, plan, transfer, list again, commit, publish. Plain Python.

The steps that talk to the outside can be handed in wrapped (as Prefect tasks); what is decided,
and in which order, stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from flows.lake.log import ManifestLog
from flows.lake.manifest import FileChange, Generation, advance, diff
from flows.lake.model import (
    Allowance,
    Listing,
    Manifest,
    QuestError,
    Refused,
    RemoteFile,
    Source,
    SourceError,
    Store,
)
from flows.lake.outcome import Outcome
from flows.lake.plan import Arrival, Ask, Plan, entry_for, plan
from flows.lake.publish import Published, publish
from flows.lake.transfer import transfer

if TYPE_CHECKING:
    from flows.lake.model import OutcomeName

IN_FLIGHT = 4
"""Files asked for at once. The source's pacer, not this number, keeps the polite pace."""

COMMIT_TRIES = 50
"""Each lost race is another run's commit; so many in a row means that something is wrong."""

Answers = list[Arrival | QuestError]


def utcnow() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def list_source(source: Source) -> Listing:
    """The step that asks the publisher what there is."""
    return source.list()


def transfer_all(source: Source, store: Store, asks: Sequence[Ask]) -> Answers:
    """The step that brings files in; each ask is answered by an arrival or by its error."""

    def one(ask: Ask) -> Arrival | QuestError:
        try:
            return transfer(source, store, ask)
        except QuestError as error:
            return error

    if len(asks) == 1:
        return [one(asks[0])]
    with ThreadPoolExecutor(IN_FLIGHT, "transfer") as pool:
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
    options: Options = Options(),  # noqa: B008 - frozen
    *,
    steps: Steps = Steps(),  # noqa: B008 - frozen
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
        steps: The steps that reach outside.
        run_id: Recorded in the manifest; made up when absent.
        now: The clock.

    Raises:
        Refused: A guard fired; nothing was changed.
        SourceError, StoreError: Something did not answer; the lake is in its old state, and what
            already arrived will not be uploaded again.
    """
    log = ManifestLog(store, source.key)
    arrivals: dict[RemoteFile, Arrival] = {}
    base = log.latest()
    listing = steps.list(source)
    moved = False
    for _ in range(COMMIT_TRIES):
        todo = _plan(source, listing, base, options)
        if options.dry_run:
            return _dry_outcome(source, base, listing, todo)
        asked = [a for a in todo.ask if a.file not in arrivals]
        failures: list[QuestError] = []
        if asked:
            answers = steps.transfer(source, store, asked)
            arrivals |= {a.file: a for a in answers if isinstance(a, Arrival)}
            failures = [a for a in answers if isinstance(a, QuestError)]
        proposed = None
        if not failures:
            proposed = _advance(source, listing, base, todo, arrivals, run_id, now)
        if asked and (failures or proposed):
            # No commit mixes two states of the listing: it must still be what was planned from.
            again = steps.list(source)
            if again != listing:
                if moved:
                    raise SourceError(
                        f"The listing of {source.key} moved twice during one run.",
                        "Nothing was changed. Run again when the publisher has finished.",
                        transient=True,
                    )
                moved, listing = True, again
                continue
        if failures:
            raise together(source.key, failures)
        if proposed is None:
            assert base is not None  # noqa: S101 - a first run always proposes a generation
            return _finish(source, log, base, (), arrivals, steps)
        committed = steps.commit(log, proposed)
        if committed is not None:
            changes = diff(base.manifest if base else None, proposed)
            return _finish(source, log, committed, changes, arrivals, steps)
        # Another run was faster. Its listing may be newer than ours, so look again.
        base = log.latest()
        listing = steps.list(source)
    raise QuestError(
        f"{source.key}: {COMMIT_TRIES} other commits in a row were faster.",
        "Find out what else writes to this lake.",
    )


def _plan(
    source: Source, listing: Listing, base: Generation | None, options: Options
) -> Plan:
    return plan(
        listing,
        base.manifest if base else None,
        data_prefix=source.data_prefix,
        recheck=options.recheck,
        allow=options.allow,
    )


def _advance(
    source: Source,
    listing: Listing,
    base: Generation | None,
    todo: Plan,
    arrivals: dict[RemoteFile, Arrival],
    run_id: str | None,
    now: Callable[[], datetime],
) -> Manifest | None:
    moment = now()
    entries = list(todo.keep)
    entries += [entry_for(arrivals[a.file], a.prior, now=moment) for a in todo.ask]
    return advance(
        base,
        listing,
        entries,
        source=source.key,
        layout=source.layout,
        now=moment,
        run=run_id or str(uuid4()),
    )


def _dry_outcome(
    source: Source, base: Generation | None, listing: Listing, todo: Plan
) -> Outcome:
    held = base.manifest.files if base else ()
    return Outcome(
        source=source.key,
        name="Unchanged",
        generation=base.manifest.generation if base else 0,
        committed=base.manifest.committed if base else None,
        files=len(held),
        size=sum(e.size for e in held),
        sample=listing.sample,
        plan=todo,
    )


def _finish(
    source: Source,
    log: ManifestLog,
    generation: Generation,
    changes: tuple[FileChange, ...],
    arrivals: dict[RemoteFile, Arrival],
    steps: Steps,
) -> Outcome:
    published = steps.publish(log, generation)
    kinds = {c.change for c in changes}
    touched = len(published.copied) + len(published.deleted)
    name: OutcomeName = "Unchanged"
    if kinds & {"added", "changed", "removed"}:
        name = "Changed"
    elif "restamped" in kinds:
        name = "Restamped"
    elif touched:
        name = "Repaired"
    manifest = generation.manifest
    return Outcome(
        source=source.key,
        name=name,
        generation=manifest.generation,
        committed=manifest.committed,
        files=len(manifest.files),
        size=sum(e.size for e in manifest.files),
        changes=changes,
        uploaded=sum(a.uploaded for a in arrivals.values()),
        received=sum(a.received for a in arrivals.values()),
        repaired=touched if name in {"Repaired", "Restamped"} else 0,
        sample=manifest.sample,
    )


def together(source: str, failures: Sequence[QuestError]) -> QuestError:
    """One error for all files of a run that failed; Refused only when every file was refused."""
    if len(failures) == 1:
        return failures[0]
    refused = [f for f in failures if isinstance(f, Refused)]
    worst = next((f for f in failures if not isinstance(f, Refused)), failures[0])
    shown = "; ".join(f.what for f in failures[:3]) + ("; …" if len(failures) > 3 else "")  # noqa: PLR2004 - a readable message
    what = f"{source}: {len(failures)} files failed: {shown}"
    if len(refused) == len(failures):
        return Refused(what, worst.remedy)
    transient = any(getattr(f, "transient", False) for f in failures)
    return SourceError(what, worst.remedy, transient=transient)
