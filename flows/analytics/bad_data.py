"""What the analytics refuse, and how they say so."""

from __future__ import annotations

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
