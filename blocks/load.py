"""Load a block document by its reference, or say how to register it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar, cast

from flows.lake.model import Misuse

if TYPE_CHECKING:
    from prefect.blocks.core import Block

    B = TypeVar("B", bound=Block)

REFERENCE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+", re.ASCII)


def load(kind: type[B], reference: str) -> B:
    """The block document that `type-slug/name` names.

    Raises:
        Misuse: The reference is of another type or form, or nothing is registered under it.
    """
    slug = kind.get_block_type_slug()
    if not REFERENCE.fullmatch(reference) or not reference.startswith(f"{slug}/"):
        raise Misuse(f"{reference!r} is no reference to a block of type {slug}.", "")
    try:
        return cast("B", kind.load(reference.removeprefix(f"{slug}/")))
    except ValueError as error:
        raise Misuse(
            f"No block {reference} is registered in this Prefect workspace.",
            "Register the blocks with: python -m blocks",
        ) from error
