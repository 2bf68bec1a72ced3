"""When one request is tried again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

LONGEST_WAIT = 120.0
"""Seconds: a `Retry-After` beyond it ends the request instead of holding up the run."""


def is_passing(status: int) -> bool:
    """Whether a status says that the same request may work in a moment."""
    return status in {408, 429} or 500 <= status < 600  # noqa: PLR2004 - the 5xx class


@dataclass(frozen=True, slots=True)
class Retries:
    """Exponential back-off with jitter, for one request.

    Attributes:
        attempts: In all, the first included.
        first_wait: Seconds before the second attempt; doubled for each further one.
        longest_wait: Seconds between two attempts at most.
    """

    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 30.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait after `attempt` (1, 2 …) failed: between half and all of the step."""
        step = min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1))
        return step * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
