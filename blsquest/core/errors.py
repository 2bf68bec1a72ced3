"""Errors that end a run: each says what happened, to what, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class QuestError(Exception):
    """Anything that ends a run badly: what happened, to what, and what to do next.

    Attributes:
        what: One sentence that names the thing (file, key, URL) and the cause.
        remedy: What the person who reads it can do next.
        exit_code: What the command line exits with.
        outcome: How a run that it ends is called.
    """

    exit_code = 1
    outcome = "Failed"

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class Misuse(QuestError):
    """A parameter or a setting is missing or impossible. Nothing was asked of anyone."""

    exit_code = 2


class Refused(QuestError):
    """A guard refused what a publisher sent. Nothing was changed; running again won't help."""

    exit_code = 3
    outcome = "Refused"


class Mixed(Refused):
    """A source and a lake of which one holds real data and the other a generated sample."""


class SourceError(QuestError):
    """A publisher did not deliver. `transient` says whether trying again later may help."""

    def __init__(self, what: str, remedy: str = "", *, transient: bool = False) -> None:
        super().__init__(what, remedy)
        self.transient = transient


class NoSurvey(SourceError):
    """The publisher has no folder of that name (404)."""


class StoreError(QuestError):
    """The lake's storage did not do as asked. `transient` as for `SourceError`."""

    def __init__(self, what: str, remedy: str = "", *, transient: bool = False) -> None:
        super().__init__(what, remedy)
        self.transient = transient


class Damaged(QuestError):
    """An audit found that the lake is less than its log promises."""

    outcome = "Damaged"


class Missing(StoreError):
    """There is no object at that key."""


class Corrupt(StoreError):
    """An object is not what the manifest, or its own name, says it is."""


def together(source: str, failures: Sequence[QuestError]) -> QuestError:
    """One error for all files of a run that failed; Refused only when every file was refused."""
    if len(failures) == 1:
        return failures[0]
    refused = [f for f in failures if isinstance(f, Refused)]
    worst = next((f for f in failures if not isinstance(f, Refused)), failures[0])
    said = list(dict.fromkeys(f.what for f in failures))
    shown = "; ".join(said[:3]) + ("; …" if len(said) > 3 else "")  # noqa: PLR2004 - a readable message
    what = f"{source}: {len(failures)} files failed: {shown}"
    if len(refused) == len(failures):
        return Refused(what, worst.remedy)
    transient = any(getattr(f, "transient", False) for f in failures)
    kind = StoreError if isinstance(worst, StoreError) else SourceError
    return kind(what, worst.remedy, transient=transient)


LOOK = "Look at the file: the mirror keeps it exactly as the publisher sent it."
"""What to do about a file that makes no sense."""


class BadData(ValueError):
    """Data from a publisher is not what the questions need. No answer was made from it.

    Attributes:
        what: One sentence that names the thing (file, line, series, years) and the cause.
        remedy: What the person who reads it can do next.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class NotInData(BadData, LookupError):
    """A question names a series, a period or years that the data does not have."""
