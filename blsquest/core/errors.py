"""Errors that end a run: each says what happened, to what, and what to do next."""

from collections.abc import Sequence


class QuestError(Exception):
    """An error that a person can act on; all of this project's are of this family.

    Attributes:
        what: One sentence that names the thing (file, key, URL) and the cause.
        remedy: What the person who reads it can do next.
        transient: Whether trying again later may help.
        exit_code: What the command line exits with.
        outcome: How a run that it ends is called.
    """

    exit_code = 1
    outcome = "Failed"

    def __init__(self, what: str, remedy: str = "", *, transient: bool = False) -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy
        self.transient = transient

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class Misuse(QuestError):
    """A parameter or a setting is missing or invalid. No request was made."""

    exit_code = 2


class NotInData(Misuse):
    """A question names a series, a period or years that the data does not have."""


class Refused(QuestError):
    """A guard refused what a publisher sent. Nothing was changed; running again won't help."""

    exit_code = 3
    outcome = "Refused"


class Mixed(Refused):
    """A source and a lake of which one holds real data and the other a generated sample."""


class BadData(Refused):
    """Data from a publisher is not what the questions need. No answer was made from it."""


class SourceError(QuestError):
    """A publisher did not deliver."""


class NoSurvey(SourceError):
    """The publisher has no folder of that name (404)."""


class Contradicted(SourceError):
    """A file is of another date or size than the listing says: one of the two is stale."""


class StoreError(QuestError):
    """The lake's storage, or this machine's temporary folder, failed."""


class Missing(StoreError):
    """There is no object at that key."""


class Corrupt(StoreError):
    """An object does not match the manifest, or its own name."""


class Damaged(QuestError):
    """An audit found that the lake falls short of its log."""

    outcome = "Damaged"


class Repairable(QuestError):
    """An audit found derived objects that do not match the log."""

    outcome = "Repairable"


LOOK = "Look at the file: the mirror keeps it exactly as the publisher sent it."
"""What to do about a file that makes no sense."""

SHOWN = 3


def together(source: str, failures: Sequence[QuestError]) -> QuestError:
    """Return one error for all files of a run that failed; Refused only if all were refused."""
    if len(failures) == 1:
        return failures[0]
    broken = [f for f in failures if not isinstance(f, Refused)]
    worst = (broken or failures)[0]
    causes = list(dict.fromkeys(f.what for f in failures))
    shown = "; ".join(causes[:SHOWN]) + ("; …" if len(causes) > SHOWN else "")
    what = f"{source}: {len(failures)} files failed: {shown}"
    if not broken:
        return Refused(what, worst.remedy)
    kind = StoreError if isinstance(worst, StoreError) else SourceError
    return kind(what, worst.remedy, transient=any(f.transient for f in failures))
