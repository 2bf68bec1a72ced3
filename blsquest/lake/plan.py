"""The plan of a run, decided from two values: a listing and the last manifest. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from blsquest.lake.guards import check_listing

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from blsquest.core.source import Listing, RemoteFile
    from blsquest.lake.guards import Allowance
    from blsquest.lake.manifest import Entry, Manifest


SETTLED_AFTER = timedelta(hours=24)
"""When a file that looked unsettled is trusted, if the publisher still sends the same bytes."""

Why = Literal["new", "returned", "resized", "restamped", "unsettled", "recheck"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One file to request from the publisher.

    Attributes:
        file: As listed.
        prior: What the manifest, or a tombstone, holds under that name.
        why: What makes the stored copy not good enough.
        if_modified_since: The stored `Last-Modified`, verbatim, for a conditional GET; None for
            an unconditional one.
    """

    file: RemoteFile
    prior: Entry | None
    why: Why
    if_modified_since: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to keep without a request, what to request, and what the publisher removed."""

    keep: tuple[Entry, ...]
    ask: tuple[Ask, ...]
    remove: tuple[Entry, ...]


def plan(
    listing: Listing,
    manifest: Manifest | None,
    *,
    now: datetime,
    data_prefix: str = "",
    recheck: bool = False,
    allow: Collection[Allowance] = (),
) -> Plan:
    """Decide what to keep, request and remove; the manifest is None for the first run.

    A recheck requests every file, also those that stamp and size say are unchanged.

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


def _validator(file: RemoteFile, known: Entry | None, *, now: datetime) -> str | None:
    """Return the `Last-Modified` to ask with; None where only the bytes themselves can answer."""
    if known is None or file.size not in {None, known.size}:
        # A file of another size has other bytes: a 304 could only come from a stale cache.
        return None
    doubtful = file.stamp == known.stamp and not known.settled
    if doubtful and now - known.first_seen >= SETTLED_AFTER:
        # This answer settles the file, so it must not rest on the date that is in doubt: two
        # publications within a second, or older bytes put back, would be 304 for ever.
        return None
    return known.last_modified
