"""Load a block document by its reference, or say how to register it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar, cast

from blsquest.core.errors import Misuse

if TYPE_CHECKING:
    from prefect.blocks.core import Block

    B = TypeVar("B", bound=Block)

REFERENCE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+", re.ASCII)

_REGISTER = "Register the blocks with: .venv/bin/python -m blocks"


def load(kind: type[B], reference: str) -> B:
    """The block document that `type-slug/name` names.

    Raises:
        Misuse: The reference is of another type or form, nothing is registered under it, or what
            is does not fit this version of the block.
    """
    slug = kind.get_block_type_slug()
    if not REFERENCE.fullmatch(reference) or not reference.startswith(f"{slug}/"):
        raise Misuse(
            f"{reference!r} is no reference to a block of type {slug}.",
            f"Write {slug}/ and the name that it is registered under.",
        )
    try:
        block = find(kind, reference.removeprefix(f"{slug}/"))
    except RuntimeError as error:
        raise Misuse(
            f"The block {reference} was saved by another version and cannot be read.", _REGISTER
        ) from error
    if block is None:
        raise Misuse(f"No block {reference} is registered in this Prefect workspace.", _REGISTER)
    return block


def find(kind: type[B], name: str) -> B | None:
    """The block document of that name, or None where there is none.

    Raises:
        RuntimeError: It does not fit this version of the block.
    """
    try:
        return cast("B", kind.load(name))
    except ValueError:
        return None
