"""One thing that lint found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where.

    Attributes:
        where: The file, and the place in it.
        what: What is wrong and what would be right, in a sentence or two.
    """

    where: str
    what: str

    def sentence(self) -> str:
        """One line for people."""
        return f"{self.where}: {self.what}"
