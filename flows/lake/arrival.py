"""What became of a file that was asked for, and what a manifest records of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.lake.model import Entry

if TYPE_CHECKING:
    from datetime import datetime

    from flows.lake.model import RemoteFile

SETTLED_AGE = timedelta(minutes=15)
"""A body whose `Last-Modified` is younger than this may be replaced within the listing's minute."""

SETTLED_AFTER = timedelta(hours=24)
"""When a file that looked unsettled is trusted, if the publisher still sends the same bytes."""


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
