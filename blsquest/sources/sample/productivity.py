"""The generated releases of `pr`: invented series in the real survey's structure and files.

Deterministic: only integers, and `Random.random`, whose sequence Python promises to keep. Values
are integers in units of the last decimal: thousandths for an index, tenths for a percent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import product
from random import Random

from blsquest.sources.sample.pages import PublishedFile, published

Period = tuple[int, int]
"""Year and quarter 1-4; 5 is the annual average, as in the files."""

TIED_SERIES = "PRS84006112"
TIED_YEARS = {2003: (147, 142, 137, 154), 2010: (141, 133, 156, 150)}
"""Planted quarters, in tenths, of that series' two best years: both add up to exactly 58.0, but
as floats the first comes to 57.99999999999999 and would lose."""

_INDEX = "3"
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

_SECTORS = {
    "3000": "Manufacturing",
    "3100": "Manufacturing, Durable Goods",
    "3200": "Manufacturing, Nondurable Goods",
    "8400": "Business",
    "8500": "Nonfarm Business",
    "8800": "Nonfinancial Corporations",
}
_MEASURES = {
    "01": "Employment",
    "03": "Hours worked",
    "08": "Nonlabor payments",
    "09": "Labor productivity (output per hour)",
    "10": "Hourly compensation",
    "11": "Unit labor costs",
}
_DURATIONS = {
    "1": "% Change same quarter 1 year ago",
    "2": "% Change from previous quarter",
    "3": "Index (2017=100)",
}


@dataclass(frozen=True, slots=True)
class _Series:
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


def _first_release() -> list[_Series]:
    random = Random(_SEED)  # noqa: S311 invented data, no secret
    made = []
    for sector, measure in product(_SECTORS, _MEASURES):
        index = _index(random, sector)
        durations = {"1": _changes(index, 4), "2": _changes(index, 1), _INDEX: index}
        for duration, values in durations.items():
            one = _Series(sector, measure, duration, {})
            if one.series_id == TIED_SERIES:
                for year, quarters in TIED_YEARS.items():
                    values |= {(year, number): v for number, v in enumerate(quarters, 1)}
            made.append(replace(one, rows=_rows(sector, measure, values)))
    return made


def _second_release() -> list[_Series]:
    """Return the same rows, half of the recent values moved a little and marked as revised."""
    random = Random(_SEED + 1)  # noqa: S311 invented data, no secret
    result = []
    for series in _first_release():
        largest = 400 if series.duration == _INDEX else 6
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
    return result


def _index(random: Random, sector: str) -> dict[Period, int]:
    """Return a quarterly index that wanders upward, with the mean of 2017 at 100.000."""
    begin = 1987 if sector in _MANUFACTURING else 1947
    periods = list(product(range(begin, _NEWEST + 1), _QUARTERS))
    level, walk = 1_000_000, {}
    for period in periods[:-1] if sector == _LATE_SECTOR else periods:
        walk[period] = level
        level += level * (int(random.random() * 25) - 8) // 1000
    base = sum(walk[2017, number] for number in _QUARTERS)
    return {period: level * 400_000 // base for period, level in walk.items()}


def _changes(index: Mapping[Period, int], back: int) -> dict[Period, int]:
    """Return percent changes from `back` quarters ago, at an annual rate, in tenths."""
    values, power = list(index.values()), 4 // back
    return {
        period: _rounded((now**power - before**power) * 1000, before**power)
        for period, now, before in zip(list(index)[back:], values[back:], values, strict=False)
    }


def _rows(sector: str, measure: str, values: Mapping[Period, int]) -> dict[Period, tuple[int, str]]:
    """Add annual averages and footnotes; keep only averages for a series without quarters."""
    averages_alone = sector in _MANUFACTURING and measure == _ANNUAL_MEASURE
    revised = (_NEWEST, 3) if sector == _LATE_SECTOR else None
    return {
        period: (value, "R" if period == revised else "")
        for period, value in _with_averages(values).items()
        if not averages_alone or (period[1] == _ANNUAL and period[0] <= _ANNUAL_NEWEST)
    }


def _with_averages(values: Mapping[Period, int]) -> dict[Period, int]:
    """Add, after the quarters of each whole year, their mean."""
    result: dict[Period, int] = {}
    total = 0
    for (year, number), value in values.items():
        result[year, number] = value
        total = value if number == 1 else total + value
        if number == 4 and (year, 1) in values:  # noqa: PLR2004 the year's last quarter
            result[year, _ANNUAL] = _rounded(total, 4)
    return result


def _rounded(number: int, by: int) -> int:
    """Divide, halves away from zero; `by` is positive."""
    size = (2 * abs(number) + by) // (2 * by)
    return size if number >= 0 else -size


def _table(code: str, text: str, rows: dict[str, str]) -> str:
    lines = [f"{code}\t{text}\tdisplay_level\tselectable\tsort_sequence"]
    lines += [f"{key}\t{name}\t0\tT\t{place}" for place, (key, name) in enumerate(rows.items(), 1)]
    return "".join(f"{line}\n" for line in lines)


_TABLES = {
    "pr.class": _table("class_code", "class_text", {"3": "Employees", "6": "All workers"}),
    "pr.duration": _table("duration_code", "duration_text", _DURATIONS),
    "pr.footnote": "footnote_code\tfootnote_text\nR\trevised\n",
    "pr.measure": _table("measure_code", "measure_text", _MEASURES),
    "pr.period": (
        "period\tperiod_abbr\tperiod_name\nQ01\tQTR1\t1st Quarter\nQ02\tQTR2\t2nd Quarter\n"
        "Q03\tQTR3\t3rd Quarter\nQ04\tQTR4\t4th Quarter\nQ05\tAN AV\tAnnual Average\n"
    ),
    # The real file has a mixed-case header and a blank last line too.
    "pr.seasonal": (
        "Seasonal_code\tSeasonal_text\nS\tSeasonal Adjusted\nU\tNot Seasonally Adjusted\n\n"
    ),
    "pr.sector": _table("sector_code", "sector_name", _SECTORS),
}
"""File name → text."""

_SAMPLE = "Every number in this folder is a generated sample; none was published by BLS."

_TEXT = f"""                Major Sector Productivity and Costs (PR)
                                    pr.txt

{_SAMPLE}

The files have the form of the BLS survey: tab-separated ASCII with CRLF line ends.

        pr.class                - Class codes                   mapping file
        pr.contacts             - Contacts
        pr.data.0.Current       - Data from 1995
        pr.data.1.AllData       - All data
        pr.duration             - Duration codes                mapping file
        pr.footnote             - Footnote codes                mapping file
        pr.measure              - Measure codes                 mapping file
        pr.period               - Period codes                  mapping file
        pr.seasonal             - Seasonal codes                mapping file
        pr.sector               - Sector codes                  mapping file
        pr.series               - All series and their beginning and end dates
        pr.txt                  - This text
"""
_CONTACTS = f"Productivity Contacts\n\n{_SAMPLE}\nE-mail: sample@example.org\n"
_NOTICE = f"Notice\n\n{_SAMPLE}\nThe second release revises values from {_REVISED_FROM} on.\n"

_CURRENT_FROM = 1995
_RELEASED = {
    1: datetime(2025, 2, 6, 13, 30, 2, tzinfo=UTC),
    2: datetime(2025, 3, 6, 13, 30, 4, tzinfo=UTC),
}
_LONG_AGO = datetime(2022, 9, 13, 20, 52, 17, tzinfo=UTC)


def generated(release: int) -> dict[str, PublishedFile]:
    """Return the files of a generated release, 1 or 2.

    Compared with release 1, release 2 has revised values in both data files (the same rows), a
    new `pr.notice`, no `pr.contacts`, `pr.class` restamped, and everything else as it was.
    """
    if release not in _RELEASED:
        raise ValueError(f"There is no generated release {release}: choose 1 or 2.")
    return dict(_files(release))


@cache
def _files(release: int) -> Mapping[str, PublishedFile]:
    first, now = _RELEASED[1], _RELEASED[release]
    series = _first_release() if release == 1 else _second_release()
    moments = {
        "pr.data.0.Current": (_data_file(series, _CURRENT_FROM), now),
        "pr.data.1.AllData": (_data_file(series, 0), now),
        "pr.series": (_series_file(series), first),
        "pr.txt": (_TEXT, _LONG_AGO),
        **{name: (text, now if name == "pr.class" else first) for name, text in _TABLES.items()},
    }
    if release == 1:
        moments["pr.contacts"] = (_CONTACTS, _LONG_AGO)
    else:
        moments["pr.notice"] = (_NOTICE, now)
    return {
        name: published(text.replace("\n", "\r\n").encode("ascii"), moment, generated=True)
        for name, (text, moment) in sorted(moments.items())
    }


def _data_file(series: Iterable[_Series], from_year: int) -> str:
    lines = ["series_id        \tyear\tperiod\t       value\tfootnote_codes\n"]
    for one in series:
        unit, form = (1000, "12.3f") if one.duration == _INDEX else (10, "12.1f")
        lines += [
            f"{one.series_id:<17}\t{year}\tQ0{number}\t{value / unit:{form}}\t{note}\n"
            for (year, number), (value, note) in one.rows.items()
            if year >= from_year
        ]
    return "".join(lines)


def _series_file(series: Iterable[_Series]) -> str:
    text = (
        "series_id        \tsector_code\tclass_code\tmeasure_code\tduration_code\tseasonal"
        "\tbase_year\tfootnote_codes\tbegin_year\tbegin_period\tend_year\tend_period\n"
    )
    for one in series:
        (begin_year, begin), *_, (end_year, end) = one.rows
        base = "2017" if one.duration == _INDEX else "-"
        text += (
            f"{one.series_id:<17}\t{one.sector}\t{one.class_code}\t{one.measure}\t{one.duration}"
            f"\tS\t{base}\t\t{begin_year}\tQ0{begin}\t{end_year}\tQ0{end}\n"
        )
    return text
