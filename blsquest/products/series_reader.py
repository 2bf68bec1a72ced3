"""One series in the data files of a lake's generations: which have it, and what each vintage says.

Generations in a row with the same bytes of a data file are one vintage; each is read once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from blsquest.analytics.vintages import newest_observation, rows_of, series_rows
from blsquest.core.errors import BadData, Misuse
from blsquest.core.source import main_data_file, survey_of
from blsquest.lake.keys import table_folder
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import spool_folder
from blsquest.products.catalogue import data_entry, listed
from blsquest.products.data_files import data_files, data_prefix
from blsquest.products.observations import fetch_table, parquet_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from decimal import Decimal

    import polars as pl

    from blsquest.lake.manifest import Entry, Manifest
    from blsquest.lake.stores.base import Store, Stored

READERS = 4
"""Data files that are searched at once."""
PAST = 1 << 30
"""Bytes of the earlier vintages that are searched for a series that no newest one has."""


@dataclass(frozen=True, slots=True)
class Vintage:
    """One content of the data file, over the generations that had it in a row.

    Attributes:
        entry: The file, as the first of them recorded it; None while the source had no such file.
        generation: The first of them, committed at `since`; `until` is None for the newest.
        rows: The series in it, as from `series_rows`; None where it is not in the file.
        problem: Why the file can't be read; "" where it can.
    """

    entry: Entry | None
    generation: int
    since: datetime
    until: datetime | None
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
    """Reads one series from the data files of a survey's generations, each content once.

    Attributes:
        store: The lake.
        source: The survey's key.
        manifests: All generations, the oldest first.
        series_id: The series.
        unread: Whether there was too much to look into all that files had in the past.
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
        main = main_data_file(
            data_prefix(survey_of(self.source)), {e.name: e.size for e in data_files(newest)}
        )
        if main is not None:
            yield main
        entries = [entry for entry in data_files(newest) if entry.name != main]
        with ThreadPoolExecutor(READERS, "data-files") as pool:
            found = [rows for rows, _ in pool.map(self.rows, entries)]
        held = [
            (rows, entry.name)
            for rows, entry in zip(found, entries, strict=True)
            if rows is not None
        ]

        def order(one: tuple[pl.DataFrame, str]) -> tuple[bool, tuple[int, str], int, str]:
            rows, name = one
            has = newest_observation(rows, year, period)
            return has is not None, has or (0, ""), rows.height, name

        yield from (name for _, name in sorted(held, key=order, reverse=True))
        # Files that lost the series, or were lost themselves.
        if not held:
            yield from self._of_the_past(sorted(names - {main}))

    def _of_the_past(self, names: Sequence[str]) -> Iterator[str]:
        """Return the data files of which all vintages together are no more than `PAST` bytes."""
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
        ends = [*(m.committed for _, m in firsts[1:]), None]
        return [
            Vintage(
                entry,
                m.generation,
                m.committed,
                until,
                *(self.rows(entry) if entry else (None, "")),
            )
            for (entry, m), until in zip(firsts, ends, strict=True)
        ]

    def rows(self, entry: Entry) -> tuple[pl.DataFrame | None, str]:
        """Return the series in one content of a file, and what keeps it from being read.

        From its table, where the newest generation has one of these bytes; else from the text.
        """
        at = entry.name, entry.sha256
        if at not in self._read:
            self._read[at] = self._rows(entry)
        return self._read[at]

    def _rows(self, entry: Entry) -> tuple[pl.DataFrame | None, str]:
        with spool_folder() as folder:
            path = folder / "data"
            try:
                table = fetch_table(self.store, self.source, self.tables, entry, path)
                if table is not None:
                    return rows_of(table, self.series_id, entry.name), ""
                fetch_vintage(self.store, self.source, entry, path)
                return series_rows(path, self.series_id, entry.name), ""
            except BadData as error:
                return None, error.what
