"""The period codes of BLS time-series files, and which of them make a year.

Source: the `*.period` code tables and the `*.txt` overviews beside the data files: months
M01-M12 with their annual average M13, quarters Q01-Q04 with Q05, halves S01-S02 with S03, and
A01 for annual figures.
"""

import re
from itertools import accumulate
from typing import NamedTuple

from blsquest.core.errors import Misuse
from blsquest.core.text import shown


class Basis(NamedTuple):
    """The periods that are summed into one year's value."""

    name: str
    periods: tuple[str, ...]


# Finest first: a series is answered from the first basis that it has. A survey may publish two
# annual averages for one series (CPI has M13 and S03), hence one basis for each of those codes:
# they are of the same year and are never added up.
BASES = (
    Basis("months", tuple(f"M{month:02}" for month in range(1, 13))),
    Basis("quarters", tuple(f"Q{quarter:02}" for quarter in range(1, 5))),
    Basis("halves", ("S01", "S02")),
    Basis("annual", ("M13",)),
    Basis("annual", ("Q05",)),
    Basis("annual", ("S03",)),
    Basis("annual", ("A01",)),
)

PERIODS = tuple(period for basis in BASES for period in basis.periods)
"""Every known code, in the order of the bases: a code's position tells its basis."""

BASIS_STARTS = tuple(accumulate((len(basis.periods) for basis in BASES[:-1]), initial=0))
"""The position in `PERIODS` of each basis's first code."""


def months_of(period: str) -> range:
    """Return the months of the year that a period covers; an annual average covers all."""
    if period in PERIODS[BASIS_STARTS[3] :]:
        return range(1, 13)
    length = {"M": 1, "Q": 3, "S": 6}[period[0]]
    first = (int(period[1:]) - 1) * length + 1
    return range(first, first + length)


MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WORDS = (
    {f"M{number:02}": name for number, name in enumerate(MONTHS, start=1)}
    | {f"Q{at:02}": f"{nth} quarter" for at, nth in enumerate(("1st", "2nd", "3rd", "4th"), 1)}
    | {"S01": "1st half", "S02": "2nd half"}
    | dict.fromkeys(("M13", "Q05", "S03"), "annual average")
)


def in_words(period: str, year: int | None = None) -> str:
    """Return a period's name for people, in the one form that they are shown.

    `March 2024`, `1st quarter 2024`, `2nd half 2024`, `annual average 2024`, and for an annual
    figure `2024`. Without a year, `March`, `1st quarter`, …, and `year`. Codes are kept where a
    person types them or a program reads them.
    """
    name = _WORDS.get(period, "")
    return f"{name} {year}".lstrip() if year is not None else name or "year"


_NUMBERED = re.compile(r"([MQS])([1-9])")
_BY_NAME = {
    name[:length].upper(): f"M{number:02}"
    for number, name in enumerate(MONTHS, start=1)
    for length in (3, len(name))
}


def period_code(text: str) -> str:
    """Return a period as BLS codes it: `Q01` of `q1`, `M12` of `December` or `dec`.

    Raises:
        Misuse: BLS has no such period.
    """
    code = text.strip().upper()
    numbered = _NUMBERED.fullmatch(code)
    code = f"{numbered[1]}0{numbered[2]}" if numbered else _BY_NAME.get(code, code)
    if code not in PERIODS:
        raise Misuse(
            f"{shown(text.strip())} is not a period of BLS's.",
            "Write M01 to M12, Q01 to Q04, S01, S02, or the annual M13, Q05, S03, A01.",
        )
    return code
