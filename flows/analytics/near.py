"""Which names a person may have meant by one that does not exist. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SUGGESTED = 3


def near(typed: str, names: Sequence[str]) -> list[str]:
    """The names that begin with what was typed, and then those most like it: three at most.

    A series id is built from left to right, so that half of one is the beginning of what is meant.

    Args:
        typed: In any case, with any spaces around it.
        names: Those that there are, sorted, in upper case.
    """
    meant = typed.strip().upper()
    begun = [name for name in names if meant and name.startswith(meant)][:SUGGESTED]
    others = get_close_matches(meant, names, n=SUGGESTED, cutoff=0.0)
    return [*begun, *(name for name in others if name not in begun)][:SUGGESTED]
