"""Which surveys a run is about: what patterns select of BLS's, and what BLS no longer lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.lake.keys import manifest_folder
from flows.sources.selection import select, unlisted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.lake.store import Store
    from flows.sources.root import BlsRoot


@dataclass(frozen=True, slots=True)
class Choice:
    """What patterns mean at BLS and in a lake, each sorted.

    Attributes:
        codes: The surveys that BLS lists.
        unlisted: Those that the lake holds, but BLS no longer lists.
    """

    codes: tuple[str, ...]
    unlisted: tuple[str, ...]


def choose(root: BlsRoot, store: Store, patterns: Sequence[str]) -> Choice:
    """Ask BLS which surveys there are (one request), and the lake which it holds (one LIST).

    Raises:
        SourceError, Refused: As `BlsRoot.list`.
        Misuse: As `select`.
        StoreError: The storage failed.
    """
    at = root.list()
    codes = select(patterns, at)
    return Choice(codes, unlisted(patterns, at, store.folders(manifest_folder("bls"))))
