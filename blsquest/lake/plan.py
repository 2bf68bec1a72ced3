"""The plan of a run, decided from two values: a listing and the last manifest. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from blsquest.core.clock import http_date
from blsquest.core.source import Fetched, Listing, NotModified, RemoteFile
from blsquest.lake.guards import Allowance, check_listing
from blsquest.lake.manifest import Entry, Manifest

SETTLED_AFTER = timedelta(hours=24)
"""When a file that looked unsettled is trusted, if the publisher still sends the same bytes."""

_HOUR = timedelta(hours=1)
_ROUNDING = timedelta(minutes=2)
"""A stamp has minutes, a `Last-Modified` seconds."""
_ZONES = timedelta(hours=14)
"""No clock change is larger, also where a server moves to another zone."""

Why = Literal["new", "returned", "resized", "restamped", "unsettled", "recheck"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One file to request from the publisher.

    Attributes:
        prior: What the manifest, or a tombstone, holds under that name.
        why: Why the stored copy is not good enough.
        if_modified_since: The stored `Last-Modified`, verbatim, for a conditional GET; None for
            an unconditional one.
        lag: How much later this publisher's files are dated than their stamps; None if unknown,
            and for a file with an unusual lag.
    """

    file: RemoteFile
    prior: Entry | None
    why: Why
    if_modified_since: str | None
    lag: timedelta | None = None


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
        Refused: A guard rejects this listing.
    """
    check_listing(listing, manifest, data_prefix=data_prefix, allow=allow)
    stored = {e.name: e for e in manifest.files} if manifest else {}
    shifted = not recheck and _is_shifted(listing, stored)
    buried = {t.last.name: t.last for t in manifest.tombstones} if manifest else {}
    keep: list[Entry] = []
    ask: list[Ask] = []
    for file in listing.files:
        prior = stored.get(file.name)
        if shifted and prior is not None and prior.settled:
            keep.append(replace(prior, stamp=file.stamp, first_seen=now))
            continue
        why = _why_ask(file, prior, returned=file.name in buried, recheck=recheck)
        if why is None and prior is not None:
            keep.append(prior)
            continue
        known = prior or buried.get(file.name)
        # A recheck distrusts what was stored, dates included: only the bytes can answer it.
        since = None if recheck else _validator(file, known, now=now)
        ask.append(Ask(file, known, why or "new", since))
    listed = {f.name for f in listing.files}
    remove = tuple(e for e in stored.values() if e.name not in listed)
    usual = _usual_lag(stored) if ask and "stale" not in allow else None
    asks = tuple(replace(each, lag=_lag_of(each.prior, usual)) for each in ask)
    return Plan(tuple(keep), asks, remove)


def _read_stamp(stamp: str) -> datetime | None:
    try:
        return datetime.strptime(stamp, "%m/%d/%Y %I:%M %p").replace(tzinfo=UTC)
    except ValueError:
        return None


def stamp_moved(old: str, new: str) -> timedelta | None:
    """Return by how much a file's stamp moved; None where either is no stamp as BLS writes it."""
    then, now = _read_stamp(old), _read_stamp(new)
    return now - then if then and now else None


def is_clock_change(moved: timedelta | None) -> bool:
    """Return whether a stamp's move may be a change of its server's clock.

    IIS writes local times: those of all files move by an hour when summer time begins or ends, and
    by whole hours when the server's zone is changed.
    """
    if moved is None:
        return False
    hours = round(moved / _HOUR)
    return abs(moved) <= _ZONES and hours != 0 and abs(moved - hours * _HOUR) <= _ROUNDING


def _is_shifted(listing: Listing, stored: Mapping[str, Entry]) -> bool:
    """Return whether all stamps moved by the same whole hours, and nothing else.

    Then the server's clock changed and not its files. If all have the same stamp, they may as
    well have been published again some hours later, and are requested.
    """
    pairs = [(stored[f.name], f) for f in listing.files if f.name in stored]
    if any(prior.stamp == file.stamp for prior, file in pairs):
        return False  # as almost always, and no date was read
    moves = {stamp_moved(prior.stamp, file.stamp) for prior, file in pairs}
    moved = moves.pop() if len(moves) == 1 else None
    return (
        moved is not None
        and is_clock_change(moved)
        and not moved % _HOUR  # a stamp has minutes, so an hour moves it by exactly an hour
        and len({prior.stamp for prior, _ in pairs}) > 1
        and all(prior.size == file.size for prior, file in pairs)
    )


def lag(stamp: str, last_modified: str | None) -> timedelta | None:
    """Return how much later a file's `Last-Modified` is than its stamp, read as UTC.

    None where either is missing, or no stamp as BLS writes it.
    """
    modified, stamped = http_date(last_modified), _read_stamp(stamp)
    return modified - stamped if modified and stamped else None


def is_other_lag(one: timedelta, other: timedelta = timedelta(0)) -> bool:
    """Return whether two lags differ by more than a zone, or a clock change, explains."""
    return abs(one - other) > _ROUNDING and not is_clock_change(one - other)


def _usual_lag(stored: Mapping[str, Entry]) -> timedelta | None:
    """Return the lag of more than half of the files; None if there is none."""
    known = [each for e in stored.values() if (each := _own_lag(e)) is not None]
    usual, votes = timedelta(0), 0
    for each in known:  # whatever more than half of them have is left over
        if votes == 0:
            usual = each
        votes += -1 if is_other_lag(usual, each) else 1
    alike = sum(not is_other_lag(usual, each) for each in known)
    return usual if 2 * alike > len(known) else None


def _own_lag(entry: Entry | None) -> timedelta | None:
    """Return a file's lag if its stamp is trusted, or equals its date, whole hours aside."""
    if entry is None:
        return None
    own = lag(entry.stamp, entry.last_modified)
    return own if own is not None and (entry.settled or not is_other_lag(own)) else None


def _lag_of(prior: Entry | None, usual: timedelta | None) -> timedelta | None:
    """Return the lag that a file's next answer must have; None if its own lag is unusual."""
    own = _own_lag(prior)
    odd = own is not None and usual is not None and is_other_lag(own, usual)
    return None if odd else usual


def contradicts(ask: Ask, answer: Fetched | NotModified) -> bool:
    """Return whether a file's `Last-Modified` can't be the date in its row of the listing.

    The time zone of stamps is unknown: what counts is their usual distance from the files' own
    dates. A date of this very second may be a future one, cut off.
    """
    prior, times = ask.prior, (ask.file.stamp, answer.last_modified)
    if prior is not None and times == (prior.stamp, prior.last_modified):
        return False  # as odd as it was, so nothing new is believed
    found = lag(*times)
    cut_off = answer.age is not None and answer.age <= 0
    if cut_off or found is None or ask.lag is None:
        return False
    return is_other_lag(found, ask.lag)


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
    """Return the `Last-Modified` for a conditional request; None if the bytes are needed."""
    if known is None or file.size not in {None, known.size}:
        # A file of another size has other bytes: a 304 could only come from a stale cache.
        return None
    doubtful = file.stamp == known.stamp and not known.settled
    if doubtful and now - known.first_seen >= SETTLED_AFTER:
        # This answer settles the file, so it must not rest on the date that is in doubt: two
        # publications within a second, or older bytes put back, would be 304 for ever.
        return None
    return known.last_modified
