"""When to say that something still waits. Plain Python, on a clock of the caller's."""

from __future__ import annotations

from dataclasses import dataclass, field

WAITED = 120.0
"""Seconds that a run may wait for a worker until the log says so; then twice as long, and so on."""


@dataclass(slots=True)
class Waiting:
    """Says when it is time to tell that something still waits, at growing intervals.

    Attributes:
        since: When it began to wait, on the caller's clock; None while it does not.
        due: After how many seconds to say so next.
    """

    since: float | None = None
    due: float = field(default_factory=lambda: WAITED)

    def tells(self, now: float, *, waits: bool) -> float | None:
        """For how many seconds it has waited, when it is time to say so; else None."""
        if not waits:
            self.since, self.due = None, WAITED
            return None
        if self.since is None:
            self.since, self.due = now, WAITED
        waited = now - self.since
        if waited < self.due:
            return None
        while self.due <= waited:
            self.due *= 2
        return waited
