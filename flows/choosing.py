"""Which surveys a run is about: what patterns select of BLS's, and what BLS no longer lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blsquest.core.source import SURVEYS
from blsquest.core.stop import Workers
from blsquest.lake.keys import manifest_folder
from blsquest.sources.selection import select, unlisted
from flows.grouping import grouped
from flows.sizing import sizes_of
from flows.spread import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blsquest.lake.stores.base import Store
    from blsquest.sources.bls import BlsRoot
    from flows.spread import Spread


@dataclass(frozen=True, slots=True)
class Choice:
    """What patterns mean at BLS and in a lake, each sorted.

    Attributes:
        codes: The surveys that BLS lists.
        unlisted: Those that the lake holds, but BLS no longer lists.
    """

    codes: tuple[str, ...]
    unlisted: tuple[str, ...]


def choose(root: BlsRoot, store: Store, patterns: Sequence[str] | None) -> Choice:
    """Ask BLS which surveys there are, and meanwhile the lake which it holds: a request, a LIST.

    Raises:
        SourceError, Refused: As `BlsRoot.list`.
        Misuse: As `select`.
        StoreError: The storage failed.
    """
    with Workers(1, "lake") as beside:
        held = beside.submit(store.folders, manifest_folder(SURVEYS))
        at = root.list()
    codes = select(patterns or (), at)
    return Choice(codes, unlisted(patterns or (), at, held.result()))


def decide(root: BlsRoot, store: Store, patterns: Sequence[str] | None, tasks: int) -> Spread:
    """Spread what the patterns mean over tasks, by the surveys' sizes.

    Raises:
        QuestError: As `choose` and `sizes_of`.
    """
    choice = choose(root, store, patterns)
    return spread(grouped(sizes_of(store, root, choice.codes)), tasks, choice.unlisted)
