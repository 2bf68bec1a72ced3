"""One of several processes that share a publisher's patience: when its turns are. Pure.

Time is cut into turns, and each process has every n-th. So no two requests of the whole fleet come
closer than the pace allows, though no process asks another, or any service: their clocks, which
machines keep equal to some milliseconds (chrony, Amazon Time Sync), are all that they have in
common.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from blsquest.core.errors import Misuse
from blsquest.core.text import shown

LATE = 0.1
"""Share of an interval by which a request may leave late in its turn."""

SLACK = 0.1
"""Share of an interval added to each turn, beside `LATE`, for clocks that differ and for ways of
different length: at one request a second, 100 ms."""

LARGEST = 64
"""More processes than this would wait a minute for each of their turns."""

_TEXT = re.compile(r"([0-9]{1,2})/([0-9]{1,2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Share:
    """Every `of`-th turn, beginning with number `number` (1, 2, …)."""

    number: int
    of: int

    def wait(self, interval: float, moment: float) -> float:
        """Seconds from `moment` until a request may leave; 0 within an own turn.

        Args:
            interval: Seconds between two requests of the whole fleet, at least.
            moment: Seconds since the epoch.
        """
        turn = interval * (1 + LATE + SLACK)
        since = (moment - (self.number - 1) * turn) % (turn * self.of)
        # A wait ends a little within the turn: at its very beginning, rounding might miss it.
        aim = LATE * interval / 4
        return 0.0 if since <= LATE * interval else turn * self.of - since + aim


def pause(interval: float) -> float:
    """Seconds after a request's leaving by which its turn is over, and the next has not begun."""
    return 2 * LATE * interval


def parse_share(text: str) -> Share:
    """`2/4`: the second of four.

    Raises:
        Misuse: It is no such share.
    """
    match = _TEXT.fullmatch(text)
    share = Share(int(match[1]), int(match[2])) if match else Share(0, 0)
    if not 1 <= share.number <= share.of <= LARGEST:
        raise Misuse(
            f"{shown(text)} is no share of a pace.",
            f"Write which of how many, for example 2/4; at most {LARGEST} may share.",
        )
    return share
