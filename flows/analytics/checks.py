"""Named checks as data: what was looked at, whether it must hold, and whether it did.

The checks themselves are plain functions of frames in the `*_checks` modules. polars does them in
one pass over a file of any size; the libraries made for this (pandera, patito, dataframely)
validate the columns of one frame in memory, while most of these compare two files, two vintages, or
an answer with its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.analytics.bad_data import BadData

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAMED = 3
"""How many of the things that failed a check are named; the detail counts the others."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result.

    Attributes:
        name: What should hold, in words.
        subject: What was looked at: a file's name, or `answers`.
        required: Whether a report may be published without it.
        passed: None where the check could not be made; `detail` says why.
        detail: What was seen, with numbers.
    """

    name: str
    subject: str
    required: bool
    passed: bool | None
    detail: str

    @property
    def result(self) -> str:
        """For people: `passed`, `failed` or `not made`."""
        return {True: "passed", False: "failed", None: "not made"}[self.passed]


def required(name: str, subject: str, detail: str, *, passed: bool | None) -> Check:
    """A check without which no report is published. See `Check` for the arguments."""
    return Check(name, subject, required=True, passed=passed, detail=detail)


def advisory(name: str, subject: str, detail: str, *, passed: bool | None) -> Check:
    """A check whose failure is shown. See `Check` for the arguments."""
    return Check(name, subject, required=False, passed=passed, detail=detail)


def require(checks: Iterable[Check]) -> None:
    """Refuse the data when a required check failed.

    Raises:
        BadData: Names every one that did, with what was seen.
    """
    failed = [c for c in checks if c.required and c.passed is False]
    if failed:
        told = "; ".join(f"{c.subject}: {c.name}: {c.detail}" for c in failed)
        raise BadData(
            f"Required checks failed. {told}.",
            "Look at the files named: the mirror keeps them exactly as the publisher sent them.",
        )


def verdict(checks: Sequence[Check]) -> str:
    """All results in one sentence, the failed ones by name."""
    failed = [c for c in checks if c.passed is False]
    skipped = sum(c.passed is None for c in checks)
    passed = sum(c.passed is True for c in checks)
    told = f"{passed} of {len(checks) - skipped} checks passed"
    told += f", {skipped} could not be made" if skipped else ""
    named = "; ".join(f"{c.name} ({c.subject})" for c in failed)
    return f"{told}; failed: {named}." if failed else f"{told}."


def some(things: Sequence[object]) -> str:
    """The first few things by name, and how many more there are."""
    more = len(things) - NAMED
    named = ", ".join(map(str, things[:NAMED]))
    return f"{named} and {more:,} more" if more > 0 else named
