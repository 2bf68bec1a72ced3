"""How large surveys are, before any of their files is asked for. Plain Python over the rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blsquest.core.errors import QuestError
from blsquest.core.stop import Workers
from blsquest.lake.log import ManifestLog
from flows.grouping import Sized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blsquest.lake.stores.base import Store
    from blsquest.sources.bls import BlsRoot

READERS = 8


def sizes_of(store: Store, root: BlsRoot, codes: Sequence[str]) -> list[Sized]:
    """Each survey's files: as the lake has them, else as BLS lists them.

    A survey that is in the lake costs a LIST and a GET there; any other, one request at BLS. One
    that can't be listed counts as empty: its own run will say what is wrong with it.

    Raises:
        StoreError: The storage failed.
    """

    def one(code: str) -> Sized:
        source = root.survey(code)
        latest = ManifestLog(store, source.key).latest()
        if latest is not None:
            return Sized(code, tuple(e.size for e in latest.manifest.files))
        try:
            return Sized(code, tuple(f.size or 0 for f in source.list().files))
        except QuestError:
            return Sized(code, ())

    with Workers(READERS, "sizes") as pool:
        return list(pool.map(one, codes))
