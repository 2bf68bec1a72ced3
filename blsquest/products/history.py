"""The history of one observation: every value that a lake's vintages give it.

Generations in a row with the same bytes of a data file are one vintage; each is read once.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import dropwhile, groupby
from typing import Any

import polars as pl

from blsquest.analytics.code_tables import footnotes_in_words
from blsquest.analytics.vintages import newest_observation, rows_of, series_ids, series_rows
from blsquest.core.clock import time_text
from blsquest.core.errors import LOOK, BadData, Misuse, Refused
from blsquest.core.source import main_data_file, survey_of
from blsquest.core.text import SUGGESTED, near, published, short, shown
from blsquest.lake.keys import table_folder
from blsquest.lake.manifest import Entry, Manifest
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import spool_folder
from blsquest.lake.stores.base import Store, Stored
from blsquest.products.catalogue import (
    catalogue_of,
    data_entry,
    data_files,
    data_prefix,
    find_series,
    generations_of,
    listed,
)
from blsquest.products.observations import fetch_table, parquet_files

READERS = 4
"""Data files that are searched at once."""
PAST = 1 << 30
"""Bytes of earlier vintages that are searched for a series in no newest one."""


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
        """Return the value as text with this many decimals, without separators; None for none."""
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


def trace(
    store: Store,
    source: str,
    file: str | None,
    series_id: str,
    year: int | None = None,
    period: str | None = None,
) -> tuple[History, list["Vintage"]]:
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
            history = History(
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
                tuple((v.generation, v.problem) for v in found if v.problem),
            )
            return history, found
        # The error describes the first file that has the series.
        if not vintages or all(v.rows is None for v in vintages):
            vintages = found
    if any(v.rows is not None for v in vintages):
        raise _no_observation(reader, vintages, year, period, file)
    for vintage in vintages:
        if vintage.problem:
            raise Refused(f"Generation {vintage.generation}: {vintage.problem}", LOOK)
    raise _no_series(reader, file)


def _decimals(vintages: Sequence["Vintage"]) -> int:
    """Return the most decimals that any vintage gives any value of the series."""
    known = (v.rows.get_column("decimals").max() for v in vintages if v.rows is not None)
    return max((int(str(most)) for most in known if most is not None), default=0)


def _asked(
    vintages: Sequence["Vintage"], year: int | None, period: str | None
) -> tuple[int, str] | None:
    """Return the requested year and period; None where no vintage has one."""
    if year is not None and period is not None:
        return year, period
    for vintage in reversed(vintages):
        if vintage.rows is not None:
            return newest_observation(vintage.rows, year, period)
    return None


def _values(vintages: Sequence["Vintage"], year: int, period: str) -> tuple[Value, ...]:
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


def _no_series(reader: "SeriesReader", file: str | None) -> Misuse:
    """Return the error for an unknown series; it suggests series by id and by the words typed."""
    store, newest, series_id = reader.store, reader.manifests[-1], reader.series_id
    where = f"vintage of {file}" if file else f"data file of {newest.source}"
    where += " (not all past vintages were searched)" * reader.unread
    catalogue = catalogue_of(store, newest, [series_id]).frame
    if series_id in catalogue.get_column("series_id"):
        other = "Leave --data-file away: the others are looked into then." if file else LOOK
        return Misuse(f"{series_id} is in the survey's series file, and no {where} has it.", other)
    ids = catalogue.get_column("series_id").to_list()
    if not ids and (there := [e for e in data_files(newest) if file in {None, e.name}]):
        with spool_folder() as folder:
            largest = max(there, key=lambda e: e.size)
            fetch_vintage(store, newest.source, largest, folder / "data")
            ids = series_ids(folder / "data")
    worded = find_series(store, newest, [series_id]).get_column("series_id").to_list()
    meant = list(dict.fromkeys([*worded[:SUGGESTED], *near(series_id, ids)]))
    titles = dict(catalogue.select("series_id", "title").iter_rows())
    suggestions = [f"{one} ({short(titles[one])})" if titles.get(one) else one for one in meant]
    return Misuse(
        f"No {where} has a series {shown(series_id)}.",
        f"Of {len(ids):,}, near it: {'; '.join(suggestions) or 'none'}. Find others by words: "
        f"blsquest series WORDS --survey {survey_of(newest.source)}",
    )


def _no_observation(
    reader: "SeriesReader",
    vintages: Sequence["Vintage"],
    year: int | None,
    period: str | None,
    file: str | None,
) -> Misuse:
    entry, rows = next((v.entry, v.rows) for v in reversed(vintages) if v.rows is not None)
    periods = rows.get_column("period").unique().sort().to_list()
    lost = ", ".join(str(v.generation) for v in vintages if v.problem)
    limit = f", as far as it can be read: generation {lost} can't be" if lost else ""
    when = " ".join(str(part) for part in (year, period) if part is not None)
    others = [e.name for e in data_files(reader.manifests[-1]) if e.name != file]
    elsewhere = f" Other data files (--data-file): {', '.join(others) or 'none'}." if file else ""
    return Misuse(
        f"{reader.series_id} never had an observation {when} in {file or 'any data file'}{limit}.",
        f"{'There' if file else f'In {entry.name}' if entry else 'There'} it has "
        f"{', '.join(periods)}, from {rows.item(0, 'year')} to {rows.item(-1, 'year')}.{elsewhere}",
    )


# -- One series in the data files ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Vintage:
    """One content of the data file, in the consecutive generations that had it.

    Attributes:
        entry: The file, as the first of them recorded it; None while the source had no such file.
        generation: The first of them, committed at `since`.
        rows: The series in it, as from `series_rows`; None where it is not in the file.
        problem: Why the file can't be read; "" where it can.
    """

    entry: Entry | None
    generation: int
    since: datetime
    rows: pl.DataFrame | None
    problem: str = ""

    def observation(self, year: int, period: str) -> tuple[Decimal | None, str] | None:
        """Return an observation's value and footnotes; None where the file does not have it."""
        if self.rows is None:
            return None
        found = self.rows.filter(year=year, period=period).select("value", "footnote_codes").rows()
        return found[0] if found else None


@dataclass
class SeriesReader:
    """A reader of one series in the data files of a survey's generations, each content once.

    `manifests` are all generations, the oldest first; `unread` says whether the past contents
    of files were too large to search them all.
    """

    store: Store
    source: str
    manifests: Sequence[Manifest]
    series_id: str
    unread: bool = False
    _read: dict[tuple[str, str], tuple[pl.DataFrame | None, str]] = field(default_factory=dict)

    @cached_property
    def tables(self) -> dict[tuple[str, str], Stored]:
        """The Parquet files of the source: one LIST."""
        return parquet_files(self.store.list(table_folder(self.source)))

    def likely(self, year: int | None, period: str | None) -> Iterator[str]:
        """Return the data files in which an observation may be, the likeliest first.

        That is the main one; then those whose newest content has the series, those with the
        observation (or the newest one) first, and of these the ones with most of the series.

        Raises:
            Misuse: There never was a data file.
        """
        newest = self.manifests[-1]
        names = {entry.name for manifest in self.manifests for entry in data_files(manifest)}
        if not names:
            data_entry(newest, None, self.store)
        entries = {entry.name: entry for entry in data_files(newest)}
        sizes = {name: entry.size for name, entry in entries.items()}
        main = main_data_file(data_prefix(survey_of(self.source)), sizes)
        if main is not None:
            del entries[main]
            yield main
        held: list[tuple[bool, tuple[int, str], int, str]] = []
        with ThreadPoolExecutor(READERS, "data-files") as pool:
            for name, (rows, _) in zip(entries, pool.map(self.rows, entries.values()), strict=True):
                if rows is not None:
                    has = newest_observation(rows, year, period)
                    held.append((has is not None, has or (0, ""), rows.height, name))
        yield from (name for *_, name in sorted(held, reverse=True))
        # Files that lost the series, or were lost themselves.
        if not held:
            yield from self._of_the_past(sorted(names - {main}))

    def _of_the_past(self, names: Sequence[str]) -> Iterator[str]:
        """Yield data files while all their vintages together are at most `PAST` bytes."""
        left = PAST
        for name in names:
            contents = {e.sha256: e.size for m in self.manifests if (e := entry_named(m, name))}
            left -= sum(contents.values())
            if left < 0:
                self.unread = True
                return
            yield name

    def vintages(self, file: str) -> list[Vintage]:
        """Read the series in every vintage of a data file, the oldest first.

        Raises:
            Misuse: No generation has such a data file; lists those that there are.
        """
        recorded = [(entry_named(m, file), m) for m in self.manifests]
        if not any(entry in data_files(m) for entry, m in recorded):
            raise Misuse(
                f"No generation of {self.source} in {self.store.url} has a data file {file}.",
                f"It has (--data-file): {listed(self.manifests[-1], self.store)}.",
            )
        runs = groupby(recorded, key=lambda pair: pair[0] and pair[0].sha256)
        firsts = [next(run) for _, run in runs]
        return [
            Vintage(e, m.generation, m.committed, *(self.rows(e) if e else (None, "")))
            for e, m in firsts
        ]

    def rows(self, entry: Entry) -> tuple[pl.DataFrame | None, str]:
        """Return the series in one content of a file, and why it can't be read ("" if it can).

        From its table, where the newest generation has one of these bytes; else from the text.
        """
        at = entry.name, entry.sha256
        if at not in self._read:
            with spool_folder() as folder:
                path = folder / "data"
                try:
                    table = fetch_table(self.store, self.source, self.tables, entry, path)
                    if table is None:
                        fetch_vintage(self.store, self.source, entry, path)
                        rows = series_rows(path, self.series_id, entry.name)
                    else:
                        rows = rows_of(table, self.series_id, entry.name)
                    self._read[at] = rows, ""
                except BadData as error:
                    self._read[at] = None, error.what
        return self._read[at]
