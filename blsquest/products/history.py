"""The history of one observation: every value that a lake's vintages give it.

Generations in a row with the same bytes of the data file are one vintage; each is read once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import dropwhile, groupby
from typing import TYPE_CHECKING, Any

from blsquest.core.clock import time_text
from blsquest.core.errors import LOOK, Misuse, Refused
from blsquest.core.source import survey_of
from blsquest.core.text import SUGGESTED, near, published, short, shown
from blsquest.lake.log import ManifestLog, held_surveys
from blsquest.lake.reader import fetch_vintage
from blsquest.lake.spool import spool_folder
from blsquest.products.catalogue import catalogue_of, find_series
from blsquest.products.data_files import data_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from blsquest.lake.manifest import Generation, Manifest
    from blsquest.lake.stores.base import Store
    from blsquest.products.series_reader import SeriesReader, Vintage

READERS = 8
"""Manifests read at once: a long log on S3 is many small requests."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value that an observation had for a time.

    Attributes:
        present: Whether the file had the observation at all; None where the file can't be read.
        value: Exact; None where there is no observation, or the publisher gives no value.
        footnotes: The footnote codes; "" for none.
        generation: The first that had it, committed at `since`; `until` is None for now.
        released: The data file's `Last-Modified` header in it, verbatim, else its listing's stamp.
        notes: The footnotes in words: `P: preliminary`.
    """

    present: bool | None
    value: Decimal | None
    footnotes: str
    since: datetime
    until: datetime | None
    generation: int
    released: str
    notes: str = ""

    def shown(self, decimals: int) -> str | None:
        """Return the value as text with so many decimals, without separators; None for none."""
        return None if self.value is None else f"{published(self.value, decimals):f}"

    def as_dict(self, decimals: int) -> dict[str, Any]:
        """Return it JSON-ready; the value as text, so that no reader rounds it."""
        return {
            "present": self.present,
            "value": self.shown(decimals),
            "footnotes": self.footnotes,
            "notes": self.notes,
            "from": time_text(self.since),
            "to": time_text(self.until) if self.until else None,
            "generation": self.generation,
            "released": self.released,
        }


@dataclass(frozen=True, slots=True)
class History:
    """Every value that one observation had, the oldest first.

    Title and unit are None where they are not known; `decimals` are the most that the publisher
    gives any value of the series, in any vintage; the last value is not present where the
    observation was removed; `unreadable` has generations whose file can't be read, and why.
    """

    source: str
    file: str
    series_id: str
    year: int
    period: str
    title: str | None
    unit: str | None
    decimals: int
    sample: bool
    values: tuple[Value, ...]
    unreadable: tuple[tuple[int, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return asdict(self) | {
            "values": [value.as_dict(self.decimals) for value in self.values],
            "unreadable": [{"generation": n, "why": why} for n, why in self.unreadable],
        }


def generations_of(store: Store, source: str) -> list[Generation]:
    """Return all generations of a source, in order: a LIST, and a GET each.

    Raises:
        Misuse: The lake has none.
        Corrupt: One is missing, or does not follow from the one before.
    """
    log = ManifestLog(store, source)
    numbers = log.generations()
    if not numbers:
        raise log.empty()
    with ThreadPoolExecutor(READERS, "manifests") as pool:
        found = list(pool.map(log.read, numbers))
    log.check_chain(found)
    return found


def survey_of_series(store: Store, series_id: str) -> str:
    """Return the survey of a lake whose code a series' id begins with: one LIST.

    Raises:
        Misuse: The lake holds no such survey; names those it holds.
    """
    held = held_surveys(store)
    meant = series_id.strip().lower()
    found = [code for code in held if meant.startswith(code)]
    if found:
        return max(found, key=len)
    code = meant[:2]
    mirror = f"blsquest mirror --survey {code}" if code.isascii() and code.isalnum() else ""
    raise Misuse(
        f"The lake {store.url} holds no survey that {shown(series_id)} could be of: it holds "
        f"{', '.join(held) or 'none'}.",
        f"Mirror it first ({mirror}), or name another with --survey."
        if len(code) > 1 and mirror
        else "A series' id begins with its survey's code: CUUR0000SA0 is of cu.",
    )


def trace(
    store: Store,
    source: str,
    file: str | None,
    series_id: str,
    year: int | None = None,
    period: str | None = None,
) -> tuple[History, list[Vintage]]:
    """Return every value that one observation had, and the vintages it was read from.

    Args:
        store: The lake.
        source: The survey's key.
        file: The data file to read; None for the main one, or, where that never had the
            observation, for the one with most of the series.
        series_id: In any case.
        year: None for that of the series' newest value.
        period: None for that of the year's newest value, of the finest periods that it has: of a
            monthly series a month, and no annual average.

    Raises:
        Misuse: The source never had such a data file, no vintage has the series, or the series
            never had such an observation; what comes nearest is named.
        Refused: No vintage that can be read has the series, and there are others.
        StoreError: The storage failed, or a vintage is not what its name says.
    """
    from blsquest.analytics.code_tables import footnotes_in_words
    from blsquest.products.series_reader import SeriesReader

    series_id = series_id.strip().upper()
    manifests = [generation.manifest for generation in generations_of(store, source)]
    reader, newest = SeriesReader(store, source, manifests, series_id), manifests[-1]
    vintages: list[Vintage] = []
    for name in [file] if file else reader.likely(year, period):
        found = reader.vintages(name)
        at = _asked(found, year, period)
        if at is not None and (values := _values(found, *at)):
            catalogue = catalogue_of(store, newest, [series_id])
            words = catalogue.frame.filter(series_id=series_id)
            title, unit = words.select("title", "unit").row(0) if words.height else (None, None)
            unreadable = tuple((v.generation, v.problem) for v in found if v.problem)
            told = History(
                source,
                name,
                series_id,
                *at,
                title,
                unit,
                _decimals(found),
                newest.sample,
                tuple(
                    replace(v, notes=footnotes_in_words(v.footnotes, catalogue.footnotes))
                    for v in values
                ),
                unreadable,
            )
            return told, found
        # The first file that has the series tells what it lacks.
        if not vintages or all(v.rows is None for v in vintages):
            vintages = found
    if all(v.rows is None for v in vintages):
        for vintage in vintages:
            if vintage.problem:
                raise Refused(f"Generation {vintage.generation}: {vintage.problem}", LOOK)
        raise _no_series(reader, file)
    raise _no_observation(newest, vintages, series_id, year, period, file)


def _decimals(vintages: Sequence[Vintage]) -> int:
    """Return the most decimals that any vintage gives any value of the series."""
    known = (v.rows.get_column("decimals").max() for v in vintages if v.rows is not None)
    return max((int(str(most)) for most in known if most is not None), default=0)


def _asked(
    vintages: Sequence[Vintage], year: int | None, period: str | None
) -> tuple[int, str] | None:
    """Return the year and period that are meant; None where no vintage has one."""
    from blsquest.analytics.vintages import newest_observation

    if year is not None and period is not None:
        return year, period
    for vintage in reversed(vintages):
        if vintage.rows is not None:
            return newest_observation(vintage.rows, year, period)
    return None


def _values(vintages: Sequence[Vintage], year: int, period: str) -> tuple[Value, ...]:
    """Return an entry for each run of vintages that give the same value and footnotes."""
    found = [(v.problem or v.observation(year, period), v) for v in vintages]
    # Before it was first published it had no value that could change.
    known = dropwhile(lambda pair: not isinstance(pair[0], tuple), found)
    firsts = [next(run) for _, run in groupby(known, key=lambda pair: pair[0])]
    ends = [*(v.since for _, v in firsts[1:]), None]
    return tuple(
        Value(
            None if isinstance(seen, str) else seen is not None,
            *(seen if isinstance(seen, tuple) else (None, "")),
            v.since,
            until,
            v.generation,
            (v.entry.last_modified or v.entry.stamp) if v.entry else "",
        )
        for (seen, v), until in zip(firsts, ends, strict=False)
    )


def _no_series(reader: SeriesReader, file: str | None) -> Misuse:
    """Say what the series may have been: by its id, and by words that were typed for one."""
    store, newest, series_id = reader.store, reader.manifests[-1], reader.series_id
    where = f"vintage of {file}" if file else f"data file of {newest.source}"
    where += " (of the past not all was looked into)" * reader.unread
    catalogue = catalogue_of(store, newest, [series_id]).frame
    if series_id in catalogue.get_column("series_id"):
        other = "Leave --data-file away: the others are looked into then." if file else LOOK
        return Misuse(f"{series_id} is in the survey's series file, and no {where} has it.", other)
    ids = catalogue.get_column("series_id").to_list() or _ids(store, newest, file)
    worded = find_series(store, newest, [series_id]).get_column("series_id").to_list()
    meant = list(dict.fromkeys([*worded[:SUGGESTED], *near(series_id, ids)]))
    titles = dict(catalogue.select("series_id", "title").iter_rows())
    told = [f"{one} ({short(titles[one])})" if titles.get(one) else one for one in meant]
    return Misuse(
        f"No {where} has a series {shown(series_id)}.",
        f"Of {len(ids):,}, near it: {'; '.join(told) or 'none'}. Find others by words: "
        f"blsquest series WORDS --survey {survey_of(newest.source)}",
    )


def _ids(store: Store, newest: Manifest, file: str | None) -> list[str]:
    """Return the ids in a data file, by default the largest one."""
    from blsquest.analytics.vintages import series_ids

    there = [e for e in data_files(newest) if file in {None, e.name}]
    if not there:
        return []
    with spool_folder() as folder:
        fetch_vintage(store, newest.source, max(there, key=lambda e: e.size), folder / "data")
        return series_ids(folder / "data")


def _no_observation(
    newest: Manifest,
    vintages: Sequence[Vintage],
    series_id: str,
    year: int | None,
    period: str | None,
    file: str | None,
) -> Misuse:
    entry, rows = next((v.entry, v.rows) for v in reversed(vintages) if v.rows is not None)
    periods = rows.get_column("period").unique().sort().to_list()
    lost = ", ".join(str(v.generation) for v in vintages if v.problem)
    limit = f", as far as it can be read: generation {lost} can't be" if lost else ""
    when = " ".join(str(part) for part in (year, period) if part is not None)
    others = [e.name for e in data_files(newest) if e.name != file]
    elsewhere = f" Other data files (--data-file): {', '.join(others) or 'none'}." if file else ""
    return Misuse(
        f"{series_id} never had an observation {when} in {file or 'any data file'}{limit}.",
        f"{'There' if file else f'In {entry.name}' if entry else 'There'} it has "
        f"{', '.join(periods)}, from {rows.item(0, 'year')} to {rows.item(-1, 'year')}.{elsewhere}",
    )
