"""What the history of one number is: vintages of its file, and the values they give it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from flows.lake.clock import time_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    import polars as pl

    from flows.lake.model import Entry


@dataclass(frozen=True, slots=True)
class Vintage:
    """One content of the data file, over the generations that had it in a row.

    Attributes:
        entry: The file, as the first of them recorded it; None while the source had no such file.
        generation: The first of them.
        since: When that one was committed.
        until: When the next content was committed; None for the newest.
        rows: The series in it, as from `series_rows`; None where it is not in the file.
        problem: Why it is not known what the file has; "" where that is known.
    """

    entry: Entry | None
    generation: int
    since: datetime
    until: datetime | None
    rows: pl.DataFrame | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a number had for a time.

    Attributes:
        present: Whether the file had the observation at all; None where the file can't be read.
        value: Exact; None where there is no observation, or the publisher gives no value.
        footnotes: The footnote codes; "" for none.
        since: From when (the commit of the first generation that had it) …
        until: … to when; None for now.
        generation: That first generation.
        released: The data file's `Last-Modified` header in it, verbatim, else its listing's stamp.
    """

    present: bool | None
    value: Decimal | None
    footnotes: str
    since: datetime
    until: datetime | None
    generation: int
    released: str


@dataclass(frozen=True, slots=True)
class History:
    """Every value that one number had, the oldest first.

    Attributes:
        source: The survey's key.
        file: The data file.
        series_id: The series.
        year: Calendar year of the observation.
        period: Its period code.
        title: The series in words; None where they are not known.
        unit: What its values are; None where that is not known.
        sample: Whether the data is a generated sample.
        values: The last may be one that is not present: a removed observation.
        unreadable: Generations whose file can't be read, and why, in order.
    """

    source: str
    file: str
    series_id: str
    year: int
    period: str
    title: str | None
    unit: str | None
    sample: bool
    values: tuple[Value, ...]
    unreadable: tuple[tuple[int, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; values are strings, so that no reader rounds them."""
        return {
            "source": self.source,
            "file": self.file,
            "series_id": self.series_id,
            "year": self.year,
            "period": self.period,
            "title": self.title,
            "unit": self.unit,
            "sample": self.sample,
            "values": [
                {
                    "present": v.present,
                    "value": plain(v.value),
                    "footnotes": v.footnotes,
                    "from": time_text(v.since),
                    "to": time_text(v.until) if v.until else None,
                    "generation": v.generation,
                    "released": v.released,
                }
                for v in self.values
            ],
            "unreadable": [{"generation": n, "why": why} for n, why in self.unreadable],
        }


def plain(value: Decimal | None) -> str | None:
    """An exact decimal without its trailing zeros and without an exponent."""
    return None if value is None else f"{value.normalize():f}"


def values_of(vintages: Sequence[Vintage], year: int, period: str) -> list[Value]:
    """One entry for each run of vintages that give the number the same value and footnotes."""
    found = [(v.problem or _observation(v.rows, year, period), v) for v in vintages]
    while found and not isinstance(found[0][0], tuple):
        found.pop(0)  # before it was first published it had no value that could change
    merged = [next(same) for _, same in groupby(found, key=lambda pair: pair[0])]
    ends = [later.since for _, (__, later) in pairwise(merged)]
    return [
        Value(
            present=None if isinstance(seen, str) else seen is not None,
            value=seen[0] if isinstance(seen, tuple) else None,
            footnotes=seen[1] if isinstance(seen, tuple) else "",
            since=v.since,
            until=until,
            generation=v.generation,
            released=(v.entry.last_modified or v.entry.stamp) if v.entry else "",
        )
        for (seen, v), until in zip(merged, [*ends, None], strict=False)
    ]


def _observation(
    rows: pl.DataFrame | None, year: int, period: str
) -> tuple[Decimal | None, str] | None:
    if rows is None:
        return None
    found = rows.filter(year=year, period=period).select("value", "footnote_codes").rows()
    return found[0] if found else None
