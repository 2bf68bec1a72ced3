"""Bring one file from its publisher into the lake: spool, check, keep as a vintage."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from blsquest.core.errors import Contradicted, Corrupt
from blsquest.core.progress import Arrived, emit
from blsquest.core.source import NotModified, Progress, RemoteFile, Source
from blsquest.lake.keys import vintage_key
from blsquest.lake.manifest import Entry
from blsquest.lake.plan import (
    SETTLED_AFTER,
    Ask,
    contradicts,
    is_clock_change,
    is_other_lag,
    lag,
    stamp_moved,
)
from blsquest.lake.spool import spool_folder
from blsquest.lake.stores.base import Store

SizeOf = Callable[[str], int | None]

SETTLED_AGE = timedelta(minutes=15)
"""A body whose `Last-Modified` is younger than this may be replaced within the listing's minute."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The content of one listed file, from its body or from 304 Not Modified.

    Attributes:
        file: The row of the listing that it answers.
        identity: See `Fetched.identity`.
        last_modified: The `Last-Modified` header, verbatim.
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


def transfer(
    source: Source,
    store: Store,
    ask: Ask,
    *,
    progress: Progress | None = None,
    size_of: SizeOf | None = None,
) -> Arrival:
    """Request one file; put its bytes into the lake unless they are there already.

    The body is spooled to a temporary file and hashed as it arrives, so memory does not grow with
    it and nothing unchecked reaches the lake. Costs one source request; for new content one HEAD
    and one PUT (parts beyond one), for content that the lake has ever seen no PUT.
    `size_of` gives the size of the vintage at a key, None where there is none; by default the store
    is asked.

    Raises:
        SourceError: The publisher did not deliver the file whole; Contradicted, where its date
            or size is not the one listed.
        Refused: What it delivered is not the file.
        StoreError: The lake or the temporary folder failed; Corrupt, if the lake holds something
            else under the content's name.
    """
    file, prior, since = ask.file, ask.prior, ask.if_modified_since

    def arrived(received: int) -> None:
        emit(Arrived(source.key, received))
        if progress is not None:
            progress(received)

    with spool_folder() as folder:
        spool = folder / "body"
        with spool.open("w+b") as body:
            answer = source.fetch(file, body, if_modified_since=since, progress=arrived)
        if contradicts(ask, answer):
            raise Contradicted(
                f"{source.key}/{file.name} was modified {answer.last_modified}, and not when "
                f"the listing says ({file.stamp}).",
                "The publisher may have just replaced it: run again in a few minutes.",
            )
        if isinstance(answer, NotModified):
            assert prior is not None  # noqa: S101 - a condition comes from a prior entry
            return Arrival(
                file, prior.size, prior.sha256, prior.identity, prior.last_modified, answer.age
            )
        # The stored bytes stay, also where the publisher spells the same content another way.
        kept = _same_content(prior, answer.identity)
        stored = kept or answer
        key = vintage_key(source.key, file.name, stored.sha256)
        # Bytes that came unconditionally also put back a vintage that someone removed.
        wanted = kept is None or (since is None and kept.sha256 == answer.sha256)
        held = (size_of or store.size)(key) if wanted else None
        if held is not None and held != stored.size:
            raise Corrupt(
                f"{store.url}/{key} was altered: it has {held:,} bytes and not {stored.size:,}.",
                "Nothing was changed. Delete it (an administrator may) and run again with a "
                "recheck: the publisher still sends these bytes.",
            )
        uploaded = wanted and held is None
        if uploaded:
            store.upload(spool, key)
    return Arrival(
        file=file,
        size=stored.size,
        sha256=stored.sha256,
        identity=answer.identity,
        last_modified=answer.last_modified,
        age=answer.age,
        uploaded=uploaded,
        received=answer.size,
    )


def entry_for(arrival: Arrival, prior: Entry | None, *, now: datetime) -> Entry:
    """Return the manifest entry for an arrival, given the prior entry of that name."""
    file = arrival.file
    kept = _same_content(prior, arrival.identity)
    stored = kept or arrival
    return Entry(
        name=file.name,
        size=stored.size,
        sha256=stored.sha256,
        identity=arrival.identity,
        stamp=file.stamp,
        last_modified=arrival.last_modified,
        first_seen=kept.first_seen if kept and kept.stamp == file.stamp else now,
        last_seen=now,
        settled=is_settled(arrival, prior, now=now),
    )


def _same_content(prior: Entry | None, identity: str) -> Entry | None:
    return prior if prior is not None and prior.identity == identity else None


def is_settled(arrival: Arrival, prior: Entry | None, *, now: datetime) -> bool:
    """Return whether stamp and size alone may be trusted from now on.

    A listing has minute resolution, and a cache may serve yesterday's body under today's stamp.
    So a body counts as settled when it was at least `SETTLED_AGE` old as it was served and its
    `Last-Modified` moved whenever the stamp did; otherwise only when the publisher still sends
    the same bytes `SETTLED_AFTER` after first sight (git calls this "racily clean"). The same
    holds if its date differs from its stamp, hours aside: the page or the file was old. A stamp
    that moved by whole hours only, with the same `Last-Modified`, leaves it as it was. A file
    without a stamp never settles: only a request can tell.
    """
    file = arrival.file
    if not file.stamp:
        return False
    dated = prior is not None and prior.last_modified == arrival.last_modified
    if prior is not None and prior.identity == arrival.identity:
        moved = stamp_moved(prior.stamp, file.stamp)
        if prior.stamp == file.stamp or (dated and is_clock_change(moved)):
            return prior.settled or now - prior.first_seen >= SETTLED_AFTER
    stale = prior is not None and prior.stamp != file.stamp and dated
    own = lag(file.stamp, arrival.last_modified)
    if own is not None and is_other_lag(own):
        return False
    return not stale and arrival.age is not None and arrival.age >= SETTLED_AGE.total_seconds()
