"""What a run should do, decided from two values: a listing and the last manifest. Pure.

The guards stand here too: a publisher that hiccups must never look like one that removed its
files. A refusal changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from flows.lake.errors import Refused
from flows.lake.model import Entry

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from flows.lake.model import Allowance, Listing, Manifest, RemoteFile

Why = Literal["new", "returned", "resized", "restamped", "unsettled", "recheck"]

SETTLED_AGE = timedelta(minutes=15)
"""A body whose `Last-Modified` is younger than this may be replaced within the listing's minute."""

SETTLED_AFTER = timedelta(hours=24)
"""When a file that looked unsettled is trusted, if the publisher still sends the same bytes."""

REMOVED_SHARE = 0.25
SHRUNK_TO = 0.5


@dataclass(frozen=True, slots=True)
class Ask:
    """One file to ask the publisher for.

    Attributes:
        file: As listed.
        prior: What the manifest, or a tombstone, holds under that name.
        why: What makes the stored copy not good enough.
        if_modified_since: The stored `Last-Modified`, verbatim, for a conditional GET; None asks
            unconditionally.
    """

    file: RemoteFile
    prior: Entry | None
    why: Why
    if_modified_since: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to keep without asking, what to ask for, and what the publisher removed."""

    keep: tuple[Entry, ...]
    ask: tuple[Ask, ...]
    remove: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """The content of one listed file, however it was learned (a body, or 304 Not Modified).

    Attributes:
        file: The row of the listing that it answers.
        age: Seconds between `Last-Modified` and the response's `Date`; None if unknown.
        uploaded: Whether its vintage was put into the lake by this run.
        received: Bytes of body that came over the wire; 0 for Not Modified.
    """

    file: RemoteFile
    size: int
    sha256: str
    identity: str
    last_modified: str | None
    age: float | None
    uploaded: bool = False
    received: int = 0


def plan(
    listing: Listing,
    manifest: Manifest | None,
    *,
    now: datetime,
    data_prefix: str = "",
    recheck: bool = False,
    allow: Collection[Allowance] = (),
) -> Plan:
    """Decide what to keep, ask for and remove.

    Args:
        listing: What the publisher offers now.
        manifest: The last generation; None for the first run.
        now: UTC.
        data_prefix: What the names of data files begin with; "" when the source has none.
        recheck: Ask for every file, also for those that stamp and size say are unchanged.
        allow: Guards that a person lifted for this run.

    Raises:
        Refused: A guard says that this listing is not to be believed.
    """
    check_listing(listing, manifest, data_prefix=data_prefix, allow=allow)
    stored = {e.name: e for e in manifest.files} if manifest else {}
    buried = {t.last.name: t.last for t in manifest.tombstones} if manifest else {}
    keep: list[Entry] = []
    ask: list[Ask] = []
    for file in listing.files:
        prior = stored.get(file.name)
        why = _why_ask(file, prior, returned=file.name in buried, recheck=recheck)
        if why is None and prior is not None:
            keep.append(prior)
            continue
        known = prior or buried.get(file.name)
        # A recheck distrusts what was stored, dates included: only the bytes can answer it.
        since = None if why == "recheck" else _validator(file, known, now=now)
        ask.append(Ask(file, known, why or "new", since))
    listed = {f.name for f in listing.files}
    remove = tuple(e for e in stored.values() if e.name not in listed)
    return Plan(tuple(keep), tuple(ask), remove)


def _validator(file: RemoteFile, known: Entry | None, *, now: datetime) -> str | None:
    """The `Last-Modified` to ask with, or None where only the bytes themselves can answer."""
    if known is None or file.size not in {None, known.size}:
        # A file of another size has other bytes: a 304 could only come from a stale cache.
        return None
    doubtful = file.stamp == known.stamp and not known.settled
    if doubtful and now - known.first_seen >= SETTLED_AFTER:
        # This answer settles the file, so it must not rest on the date that is in doubt: two
        # publications within a second, or older bytes put back, would be 304 for ever.
        return None
    return known.last_modified


def _why_ask(file: RemoteFile, prior: Entry | None, *, returned: bool, recheck: bool) -> Why | None:
    if prior is None:
        return "returned" if returned else "new"
    if file.size is not None and file.size != prior.size:
        return "resized"
    if file.stamp != prior.stamp:
        return "restamped"
    if not prior.settled:
        return "unsettled"
    return "recheck" if recheck else None


def check_listing(
    listing: Listing,
    manifest: Manifest | None,
    *,
    data_prefix: str,
    allow: Collection[Allowance] = (),
) -> None:
    """Refuse a listing that a sick publisher is more likely to have sent than a healthy one.

    Raises:
        Refused: Names the guard that fired, the numbers, and the allowance that lifts it.
    """
    if not listing.files:
        raise Refused(
            "The publisher's listing is empty.",
            "Nothing was changed. Look at the listing in a browser and run again when it is back.",
        )
    if manifest is not None and listing.sample != manifest.sample:
        lake, source = ("sample", "real") if manifest.sample else ("real", "sample")
        raise Refused(
            f"The lake holds {lake} data for {manifest.source} and the source serves {source} "
            "data: they are never mixed.",
            "Choose another lake (LAKE=… or --lake).",
        )
    if listing.directories and "subdirectories" not in allow:
        names = ", ".join(f"{d}/" for d in listing.directories[:5])
        raise Refused(
            f"The listing has sub-directories, which a mirror of one survey leaves out: {names}.",
            "Mirror the files beside them with --allow subdirectories.",
        )
    if "no-data" not in allow and _lost_its_data(listing, manifest, data_prefix):
        raise Refused(
            f"The listing names {len(listing.files)} files but no data file ({data_prefix}*).",
            "If the publisher really has none, run once with --allow no-data.",
        )
    if manifest is not None:
        _check_removals(listing, manifest, allow)
        _check_shrinkage(listing, manifest, data_prefix, allow)


def _lost_its_data(listing: Listing, manifest: Manifest | None, data_prefix: str) -> bool:
    """Whether data files are missing, which one of the survey's other files would stand beside.

    A survey none of whose files was ever named by the convention has no data files to lose.
    """
    listed = [f.name for f in listing.files]
    if any(name.startswith(data_prefix) for name in listed):
        return False
    stored = [e.name for e in manifest.files] if manifest else []
    survey = data_prefix.partition(".")[0] + "."
    return any(name.startswith(survey) for name in [*listed, *stored])


def _check_removals(listing: Listing, manifest: Manifest, allow: Collection[Allowance]) -> None:
    listed = {f.name for f in listing.files}
    gone = [e.name for e in manifest.files if e.name not in listed]
    too_many = len(gone) > 1 and len(gone) > REMOVED_SHARE * len(manifest.files)
    if too_many and "removals" not in allow:
        shown = ", ".join(gone[:5]) + (", …" if len(gone) > 5 else "")  # noqa: PLR2004 - a line's worth
        raise Refused(
            f"The listing lacks {len(gone)} of the {len(manifest.files)} files of "
            f"{manifest.source}: {shown}.",
            "If the publisher really removed them, run once with --allow removals.",
        )


def _check_shrinkage(
    listing: Listing, manifest: Manifest, data_prefix: str, allow: Collection[Allowance]
) -> None:
    if "shrink" in allow:
        return
    stored = {e.name: e.size for e in manifest.files}
    for file in listing.files:
        before = stored.get(file.name)
        if before is None or file.size is None or not file.name.startswith(data_prefix):
            continue
        if file.size < SHRUNK_TO * before:
            raise Refused(
                f"{file.name} shrank from {before:,} to {file.size:,} bytes, by more than half.",
                "If the publisher really cut it, run once with --allow shrink.",
            )


def entry_for(arrival: Arrival, prior: Entry | None, *, now: datetime) -> Entry:
    """What a manifest records of an arrival, given what it held before under that name."""
    file = arrival.file
    same_state = (
        prior is not None and prior.identity == arrival.identity and prior.stamp == file.stamp
    )
    same_bytes = prior is not None and prior.identity == arrival.identity
    return Entry(
        name=file.name,
        # The same identity keeps the stored bytes: a publisher's unstable key order is no news.
        size=prior.size if same_bytes and prior else arrival.size,
        sha256=prior.sha256 if same_bytes and prior else arrival.sha256,
        identity=arrival.identity,
        stamp=file.stamp,
        last_modified=arrival.last_modified,
        first_seen=prior.first_seen if same_state and prior else now,
        last_seen=now,
        settled=is_settled(arrival, prior, now=now),
    )


def is_settled(arrival: Arrival, prior: Entry | None, *, now: datetime) -> bool:
    """Whether stamp and size alone may be trusted from now on.

    A listing has minute resolution, and a cache may serve yesterday's body under today's stamp.
    So a body counts as settled when it was at least `SETTLED_AGE` old as it was served and its
    `Last-Modified` moved whenever the stamp did; otherwise only when the publisher still sends
    the same bytes `SETTLED_AFTER` after first sight (git calls this "racily clean"). A file
    without a stamp never settles: only asking tells.
    """
    file = arrival.file
    if not file.stamp:
        return False
    if prior is not None and prior.stamp == file.stamp and prior.identity == arrival.identity:
        return prior.settled or now - prior.first_seen >= SETTLED_AFTER
    stale = (
        prior is not None
        and prior.stamp != file.stamp
        and prior.last_modified == arrival.last_modified
    )
    return not stale and arrival.age is not None and arrival.age >= SETTLED_AGE.total_seconds()
