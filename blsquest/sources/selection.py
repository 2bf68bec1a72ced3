"""Which surveys a person means: patterns over the folders that BLS offers. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from blsquest.core.errors import Misuse
from blsquest.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_CODE = re.compile(r"[a-z0-9]{2}", re.ASCII)
"""A series id begins with its survey's two characters (https://www.bls.gov/help/hlpforma.htm), and
a survey's folder is named by them. Other folders beside them (`compressed`) hold no survey."""

_ALL = "all"
_EXCEPT = "-"
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Offered:
    """The folders directly under the root, sorted.

    Attributes:
        surveys: Those whose name is a survey's code.
        others: The rest, which no pattern selects.
    """

    surveys: tuple[str, ...]
    others: tuple[str, ...]


def offered(directories: Iterable[str]) -> Offered:
    """Tell the surveys' folders from the others."""
    names = sorted(directories)
    surveys = tuple(n for n in names if _CODE.fullmatch(n))
    return Offered(surveys, tuple(n for n in names if n not in surveys))


def select(patterns: Sequence[str], at: Offered) -> tuple[str, ...]:
    """The surveys that the patterns mean, sorted; the order of the patterns does not matter.

    A pattern is a code (`pr`), a code with `*` or `?` (`c*`), `all`, or one of these after a `-`,
    which leaves out what it matches. Where all patterns leave something out, it is from all.

    Args:
        patterns: At least one.
        at: What there is.

    Raises:
        Misuse: There is no pattern, one is empty or matches no survey, or nothing is left. All
            such patterns are named, with the surveys that exist.
    """
    texts = [p.strip() for p in patterns]
    bodies = {p: p.removeprefix(_EXCEPT).strip() for p in texts}
    if not texts or not all(bodies.values()):
        raise Misuse("A pattern for surveys is missing or empty.", _existing(at))
    unknown = [p for p, body in bodies.items() if not _matches(body, at.surveys)]
    if unknown:
        raise Misuse(" ".join(_unknown(bodies[p], at) for p in unknown), _existing(at))
    meant = _meant(texts, at.surveys)
    if not meant:
        raise Misuse(f"The patterns {' '.join(texts)} leave no survey.", _existing(at))
    return meant


def unlisted(patterns: Sequence[str], at: Offered, held: Iterable[str]) -> tuple[str, ...]:
    """The surveys that the patterns mean but that are no longer offered, sorted.

    Args:
        patterns: As `select` took them.
        at: What there is.
        held: The folders that a lake holds.
    """
    return _meant(patterns, offered(set(held) - set(at.surveys)).surveys)


def _meant(patterns: Sequence[str], surveys: Sequence[str]) -> tuple[str, ...]:
    texts = [p.strip() for p in patterns]
    given = [p for p in texts if not p.startswith(_EXCEPT)] or [_ALL]
    left_out = [p.removeprefix(_EXCEPT).strip() for p in texts if p.startswith(_EXCEPT)]
    wanted = {s for p in given for s in _matches(p, surveys)}
    return tuple(sorted(wanted - {s for p in left_out for s in _matches(p, surveys)}))


def _matches(pattern: str, surveys: Sequence[str]) -> frozenset[str]:
    if pattern == _ALL:
        return frozenset(surveys)
    # Only * and ? have a meaning here: [ would begin a set of characters.
    return frozenset(s for s in surveys if fnmatchcase(s, pattern.replace("[", "[[]")))


def _unknown(pattern: str, at: Offered) -> str:
    if pattern in at.others:
        return f"{pattern} is a folder at BLS but no survey: a survey's code has two characters."
    near = get_close_matches(pattern.lower(), at.surveys, n=_NEAREST, cutoff=0.5)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    return f"No survey matches {shown(pattern)}{hint}."


def _existing(at: Offered) -> str:
    return (
        f"The surveys are: {' '.join(at.surveys) or 'none'}. Patterns are a code (pr), a code with "
        "* or ? (c*), all, and any of these after a - to leave it out (-oe)."
    )
