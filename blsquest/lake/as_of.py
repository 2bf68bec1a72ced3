"""The moment of the lake that a person means: a day, a time, or a generation. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from blsquest.core.clock import TICK
from blsquest.core.errors import Misuse


@dataclass(frozen=True, slots=True)
class AsOf:
    """A state of the lake: exactly one of the three is given.

    Attributes:
        day: The state at the end of that day in UTC.
        moment: The state at that moment.
        generation: That generation of the survey, and the population at its commit (or the
            population's first, where that came at most `reports.ONE_RUN` later).
    """

    day: date | None = None
    moment: datetime | None = None
    generation: int | None = None

    @property
    def until(self) -> datetime | None:
        """The last moment that counts; None for a generation, whose commit time decides."""
        if self.day is not None:
            return datetime.combine(self.day, time(), UTC) + timedelta(days=1) - TICK
        return self.moment


def parse_as_of(text: str) -> AsOf:
    """Read `2025-08-15`, `2025-08-15T12:00:00Z` (any zone), or a generation's number, or Misuse."""
    text = text.strip()
    hint = "Write a date (2025-08-15), a time with its zone (2025-08-15T12:00:00Z), or a number."
    if re.fullmatch(r"[1-9]\d{0,6}", text, re.ASCII):
        return AsOf(generation=int(text))
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            # The last day that a datetime can name has no end inside its range.
            day = min(date.fromisoformat(text), date.max - timedelta(days=1))
            return AsOf(day=day)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Misuse(f"{text!r} has no time zone.", hint)
        return AsOf(moment=moment.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise Misuse(f"{text!r} is not a date, time or generation.", hint) from error


def as_of_from(given: str | int | date) -> AsOf:
    """Read what a program gives: text as `parse_as_of`, a number, a date, or an aware time."""
    return parse_as_of(given.isoformat() if isinstance(given, date) else str(given))


def check_known(as_of: AsOf, *, now: datetime) -> None:
    """Refuse (Misuse) a moment that has yet to come; today means now."""
    until = as_of.until
    if until is not None and until > now and as_of.day != now.date():
        raise Misuse(
            f"{as_of.day or as_of.moment} lies in the future.",
            "Leave it out for the newest state.",
        )


def is_past(as_of: AsOf, *, now: datetime) -> bool:
    """Return whether no run can change that state any more; today is not past."""
    until = as_of.until
    return until is None or until < now


def in_words(text: str) -> str:
    """Return `generation 1` for `1`; dates and times as they are."""
    return f"generation {text.strip()}" if text.strip().isdecimal() else text
