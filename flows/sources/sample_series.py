"""The generated numbers of `pr`: invented series in the real survey's structure.

Deterministic: only integers, and `Random.random`, whose sequence Python promises to keep.
Values are integers in units of the last decimal: thousandths for an index, tenths for a percent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from random import Random
from typing import TYPE_CHECKING

from flows.sources.sample_text import MEASURES, SECTORS

if TYPE_CHECKING:
    from collections.abc import Mapping

Period = tuple[int, int]
"""Year and quarter 1-4; 5 is the annual average, as in the files."""

TIED_SERIES = "PRS84006112"
_TIED_CODES = ("8400", "11", "2")
TIED_YEARS = {2003: (147, 142, 137, 154), 2010: (141, 133, 156, 150)}
"""Planted quarters, in tenths, of that series' two best years: both add up to exactly 58.0, but
as floats the first comes to 57.99999999999999 and would lose."""

INDEX = "3"
"""The duration code of an index; 1 and 2 are percent changes, from a year and a quarter ago."""

_SEED = 20250206
_QUARTERS = range(1, 5)
_ANNUAL = 5
_NEWEST = 2024
_REVISED_FROM = 2022
_LATE_SECTOR = "8800"
"""Corporations: their newest quarter comes a release later; the one before it is a revision."""
_MANUFACTURING = ("3000", "3100", "3200")
_ANNUAL_MEASURE = "08"
_ANNUAL_NEWEST = 2022
"""For manufacturing this measure has annual averages alone, and later than the others."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its codes, and each period's value and footnote in time order."""

    sector: str
    measure: str
    duration: str
    rows: Mapping[Period, tuple[int, str]]

    @property
    def class_code(self) -> str:
        """Employees for corporations, all workers elsewhere."""
        return "3" if self.sector == _LATE_SECTOR else "6"

    @property
    def series_id(self) -> str:
        """As BLS composes it from the codes."""
        return f"PRS{self.sector}{self.class_code}{self.measure}{self.duration}"


@cache
def first_release() -> tuple[Series, ...]:
    """All series, sorted by id, as the first release has them."""
    random = Random(_SEED)  # noqa: S311 invented data, no secret
    made = []
    for sector, measure in product(SECTORS, MEASURES):
        index = _index(random, sector)
        durations = {"1": _changes(index, 4), "2": _changes(index, 1), INDEX: index}
        for duration, values in durations.items():
            if (sector, measure, duration) == _TIED_CODES:
                for year, quarters in TIED_YEARS.items():
                    values |= {(year, number): v for number, v in enumerate(quarters, 1)}
            made.append(Series(sector, measure, duration, _rows(sector, measure, values)))
    return tuple(made)


def second_release() -> tuple[Series, ...]:
    """The same rows with about half of the recent values moved a little, and marked as revised."""
    random = Random(_SEED + 1)  # noqa: S311 invented data, no secret
    result = []
    for series in first_release():
        largest = 400 if series.duration == INDEX else 6
        moved: dict[Period, int] = {}
        for (year, number), (value, _) in series.rows.items():
            revise = year >= _REVISED_FROM and random.random() < 0.5  # noqa: PLR2004 about half
            sign = 1 if random.random() < 0.5 else -1  # noqa: PLR2004 either way
            moved[year, number] = value + revise * sign * (1 + int(random.random() * largest))
        moved |= _with_averages({key: moved[key] for key in moved if key[1] != _ANNUAL})
        rows = {
            key: (moved[key], "R" if moved[key] != value else note)
            for key, (value, note) in series.rows.items()
        }
        result.append(replace(series, rows=rows))
    return tuple(result)


def _index(random: Random, sector: str) -> dict[Period, int]:
    """A quarterly index that wanders upward, with the mean of 2017 at 100.000."""
    begin = 1987 if sector in _MANUFACTURING else 1947
    periods = list(product(range(begin, _NEWEST + 1), _QUARTERS))
    level, walk = 1_000_000, {}
    for period in periods[:-1] if sector == _LATE_SECTOR else periods:
        walk[period] = level
        level += level * (int(random.random() * 25) - 8) // 1000
    base = sum(walk[2017, number] for number in _QUARTERS)
    return {period: level * 400_000 // base for period, level in walk.items()}


def _changes(index: Mapping[Period, int], back: int) -> dict[Period, int]:
    """Percent changes from `back` quarters ago, at an annual rate, in tenths."""
    values, power = list(index.values()), 4 // back
    return {
        period: _rounded((now**power - before**power) * 1000, before**power)
        for period, now, before in zip(list(index)[back:], values[back:], values, strict=False)
    }


def _rows(sector: str, measure: str, values: Mapping[Period, int]) -> dict[Period, tuple[int, str]]:
    """With annual averages, and only them where the series has no quarters."""
    revised = (_NEWEST, 3) if sector == _LATE_SECTOR else None
    rows = {
        period: (value, "R" if period == revised else "")
        for period, value in _with_averages(values).items()
    }
    if sector not in _MANUFACTURING or measure != _ANNUAL_MEASURE:
        return rows
    return {
        (year, number): row
        for (year, number), row in rows.items()
        if number == _ANNUAL and year <= _ANNUAL_NEWEST
    }


def _with_averages(values: Mapping[Period, int]) -> dict[Period, int]:
    """The quarters and, after each whole year, their mean."""
    result: dict[Period, int] = {}
    total = 0
    for (year, number), value in values.items():
        result[year, number] = value
        total = value if number == 1 else total + value
        if number == 4 and (year, 1) in values:  # noqa: PLR2004 the year's last quarter
            result[year, _ANNUAL] = _rounded(total, 4)
    return result


def _rounded(number: int, by: int) -> int:
    """The quotient, halves away from zero; `by` is positive."""
    size = (2 * abs(number) + by) // (2 * by)
    return size if number >= 0 else -size
