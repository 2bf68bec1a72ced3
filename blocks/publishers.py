"""A source's reference (block or URL) → the source that a run asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.lake.model import Source

HINT = "Write a URL (https://…) or a block (bls-source/bls, population-source/datausa)."


def open_bls(reference: str, survey: str, contact: str | None) -> Source:
    """The source of one survey. `contact` overrides the block's own.

    Raises:
        Misuse: The reference names nothing, or there is no contact with an `@`.
    """
    raise NotImplementedError


def open_population(reference: str, contact: str | None, years: tuple[int, int]) -> Source:
    raise NotImplementedError
