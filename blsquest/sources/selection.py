"""Selection of surveys, by patterns over the folders that BLS offers. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from blsquest.core.errors import Misuse
from blsquest.core.text import shown

_CODE = re.compile(r"[a-z0-9]{2}", re.ASCII)
"""A series id begins with its survey's two characters (https://www.bls.gov/help/hlpforma.htm), and
a survey's folder is named by them. Other folders beside them (`compressed`) hold no survey."""

_EXCEPT = "-"


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
    """Separate the surveys' folders from the others."""
    names = sorted(directories)
    surveys = tuple(n for n in names if _CODE.fullmatch(n))
    return Offered(surveys, tuple(n for n in names if n not in surveys))


def select(patterns: Sequence[str], at: Offered) -> tuple[str, ...]:
    """Return the surveys that the patterns select, sorted, whatever the patterns' order.

    A pattern is a code (`pr`), a code with `*` or `?` (`c*`), `all`, or one of these after a `-`,
    which leaves out what it matches. If all patterns begin with `-`, they apply to `all`.

    Raises:
        Misuse: There is no pattern, one is empty or matches no survey, or nothing is left. All
            such patterns are named, with the surveys that exist.
    """
    texts = [p.strip() for p in patterns]
    bodies = [p.removeprefix(_EXCEPT).strip() for p in texts]
    existing = (
        f"The surveys are: {' '.join(at.surveys) or 'none'}. Patterns are a code (pr), a code with "
        "* or ? (c*), all, and any of these after a - to leave it out (-oe)."
    )
    if not texts or not all(bodies):
        raise Misuse("A pattern for surveys is missing or empty.", existing)
    unknown = [body for body in dict.fromkeys(bodies) if not _matches([body], at.surveys)]
    if unknown:
        raise Misuse(" ".join(_unknown(body, at) for body in unknown), existing)
    meant = _meant(texts, at.surveys)
    if not meant:
        raise Misuse(f"The patterns {' '.join(texts)} leave no survey.", existing)
    return meant


def unlisted(patterns: Sequence[str], at: Offered, held: Iterable[str]) -> tuple[str, ...]:
    """Return the surveys, sorted, that the patterns mean and a lake holds, but BLS lacks."""
    return _meant(patterns, offered(set(held) - set(at.surveys)).surveys)


def means(patterns: Sequence[str], code: str) -> bool:
    """Say whether the patterns mean a survey, whichever others there are."""
    return bool(_meant(patterns, [code]))


def is_code(pattern: str) -> bool:
    """Say whether a pattern is one survey's code, and so means no other."""
    return _CODE.fullmatch(pattern) is not None


def _meant(patterns: Sequence[str], surveys: Sequence[str]) -> tuple[str, ...]:
    texts = [p.strip() for p in patterns]
    given = [p for p in texts if not p.startswith(_EXCEPT)] or ["all"]
    left_out = [p.removeprefix(_EXCEPT).strip() for p in texts if p.startswith(_EXCEPT)]
    return tuple(sorted(_matches(given, surveys) - _matches(left_out, surveys)))


def _matches(patterns: Sequence[str], surveys: Sequence[str]) -> set[str]:
    # Only * and ? have a meaning here: [ would begin a set of characters.
    globs = ["*" if p == "all" else p.replace("[", "[[]") for p in patterns]
    return {s for s in surveys if any(fnmatchcase(s, glob) for glob in globs)}


def _unknown(pattern: str, at: Offered) -> str:
    if pattern in at.others:
        return f"{pattern} is a folder at BLS but no survey: a survey's code has two characters."
    near = get_close_matches(pattern.lower(), at.surveys, n=3, cutoff=0.5)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    return f"No survey matches {shown(pattern)}{hint}."
