"""The generated releases of `pr`: the files, in the real files' exact form."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from flows.sources.sample_pages import published
from flows.sources.sample_series import INDEX, first_release, second_release
from flows.sources.sample_text import CONTACTS, NOTICE, TABLES, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.sources.sample_pages import PublishedFile
    from flows.sources.sample_series import Series

_CURRENT_FROM = 1995
_RELEASED = {
    1: datetime(2025, 2, 6, 13, 30, 2, tzinfo=UTC),
    2: datetime(2025, 3, 6, 13, 30, 4, tzinfo=UTC),
}
_LONG_AGO = datetime(2022, 9, 13, 20, 52, 17, tzinfo=UTC)


def known_release(release: int) -> int:
    """The number itself.

    Raises:
        ValueError: There are only releases 1 and 2.
    """
    if release not in _RELEASED:
        raise ValueError(f"There is no generated release {release}: choose 1 or 2.")
    return release


def generated(release: int) -> dict[str, PublishedFile]:
    """The files of a generated release.

    Against release 1, release 2 has revised values in both data files (the same rows), a new
    `pr.notice`, no `pr.contacts`, `pr.class` restamped, and everything else as it was.

    Raises:
        ValueError: There are only releases 1 and 2.
    """
    return dict(_files(known_release(release)))


@cache
def _files(release: int) -> Mapping[str, PublishedFile]:
    first, now = _RELEASED[1], _RELEASED[release]
    series = first_release() if release == 1 else second_release()
    moments = {
        "pr.data.0.Current": (_data_file(series, _CURRENT_FROM), now),
        "pr.data.1.AllData": (_data_file(series, 0), now),
        "pr.series": (_series_file(series), first),
        "pr.txt": (TEXT, _LONG_AGO),
        **{name: (text, now if name == "pr.class" else first) for name, text in TABLES.items()},
        **(
            {"pr.contacts": (CONTACTS, _LONG_AGO)} if release == 1 else {"pr.notice": (NOTICE, now)}
        ),
    }
    return {
        name: published(text.replace("\n", "\r\n").encode("ascii"), moment, generated=True)
        for name, (text, moment) in sorted(moments.items())
    }


def _data_file(series: Iterable[Series], from_year: int) -> str:
    lines = [f"{'series_id':<17}\tyear\tperiod\t{'value':>12}\tfootnote_codes\n"]
    for one in series:
        name, (unit, form) = (
            f"{one.series_id:<17}",
            (1000, "12.3f") if one.duration == INDEX else (10, "12.1f"),
        )
        lines += [
            f"{name}\t{year}\tQ0{number}\t{value / unit:{form}}\t{note}\n"
            for (year, number), (value, note) in one.rows.items()
            if year >= from_year
        ]
    return "".join(lines)


def _series_file(series: Iterable[Series]) -> str:
    names = (
        *("sector_code", "class_code", "measure_code", "duration_code", "seasonal", "base_year"),
        *("footnote_codes", "begin_year", "begin_period", "end_year", "end_period"),
    )
    lines = ["\t".join((f"{'series_id':<17}", *names)) + "\n"]
    for one in series:
        periods = list(one.rows)
        (begin_year, begin), (end_year, end) = periods[0], periods[-1]
        base = "2017" if one.duration == INDEX else "-"
        lines.append(
            f"{one.series_id:<17}\t{one.sector}\t{one.class_code}\t{one.measure}\t{one.duration}"
            f"\tS\t{base}\t\t{begin_year}\tQ0{begin}\t{end_year}\tQ0{end}\n"
        )
    return "".join(lines)
