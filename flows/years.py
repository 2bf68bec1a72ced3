"""The years that a person may ask for: a mistyped one is told, and not counted out. Pure."""

from __future__ import annotations

from flows.lake.errors import Misuse
from flows.sources.payload import YEARS


def asked_years(first: int, last: int) -> range:
    """The years from `first` to `last`, both included.

    Raises:
        Misuse: They are fewer than two, or a population can't be of such years.
    """
    if last <= first:
        raise Misuse(
            f"The years {first} to {last} are no range.",
            "Give a first year before the last (--first-year 2013 --last-year 2018).",
        )
    if first not in YEARS or last not in YEARS:
        raise Misuse(
            f"The years {first} to {last} do not lie within {YEARS[0]} to {YEARS[-1]}.",
            "Ask for years that the population may have (--first-year 2013 --last-year 2018).",
        )
    return range(first, last + 1)
