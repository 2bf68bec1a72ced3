"""Whether a lake's storage honours put-if-absent: the log is the lock, and nothing without it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from blsquest.core.errors import Refused
from blsquest.lake.keys import PROOF

if TYPE_CHECKING:
    from blsquest.lake.stores.base import Store

_proven: set[str] = set()
"""Addresses of lakes, in this process: surveys side by side need one proof."""


def prove_put_if_absent(store: Store) -> None:
    """Put twice, other bytes, to a key of its own: the second must be refused, the first be there.

    Costs six to eight small requests, once a process; a directory none: there the operating
    system's `link` refuses.

    Raises:
        Refused: The server lets the second put win.
        StoreError: The storage failed.
    """
    if not store.url.startswith("s3://") or store.address in _proven:
        return
    store.put_new(PROOF, uuid4().bytes)  # or one of an earlier proof is there
    first = store.read(PROOF)
    if store.put_new(PROOF, uuid4().bytes) or store.read(PROOF) != first:
        raise Refused(
            f"The S3 server of {store.address} ignores If-None-Match: of two runs at once one "
            "would lose its commit, and both would end well.",
            "Nothing was mirrored. Keep the lake in S3 itself, at a server that honours "
            "conditional writes, or in a directory.",
        )
    _proven.add(store.address)
