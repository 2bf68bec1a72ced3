"""The history of one observation: every value that a lake's vintages give it.

Generations in a row with the same bytes of the data file are one vintage; each is read once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import dropwhile, groupby
from typing import TYPE_CHECKING, Any

from blsquest.core.clock import time_text
from blsquest.core.errors import LOOK, BadData, Misuse, Refused
from blsquest.core.text import near
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import spool_folder
from blsquest.products.catalogue import catalogue_of, data_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    import polars as pl

    from blsquest.lake.manifest import Entry, Generation, Manifest
    from blsquest.lake.stores.base import Store

READERS = 8
"""Manifests read at once: a long log on S3 is many small requests."""


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


@dataclass(frozen=True, slots=True)
class Value:
    """One value that an observation had for a time.

    Attributes:
        present: Whether the file had the observation at all; None where the file can't be read.
        value: Exact; None where there is no observation, or the publisher gives no value.
        footnotes: The footnote codes; "" for none.
        generation: The first that had it, committed at `since`; `until` is None for now.
        released: The data file's `Last-Modified` header in it, verbatim, else its listing's stamp.
    """

    present: bool | None
    value: Decimal | None
    footnotes: str
    since: datetime
    until: datetime | None
    generation: int
    released: str

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready; the value as text, so that no reader rounds it."""
        return {
            "present": self.present,
            "value": plain(self.value),
            "footnotes": self.footnotes,
            "from": time_text(self.since),
            "to": time_text(self.until) if self.until else None,
            "generation": self.generation,
            "released": self.released,
        }


@dataclass(frozen=True, slots=True)
class History:
    """Every value that one observation had, the oldest first.

    Title and unit are None where they are not known; the last value is not present where the
    observation was removed; `unreadable` has generations whose file can't be read, and why.
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
    unreadable: tuple[tuple[int, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return asdict(self) | {
            "values": [value.as_dict() for value in self.values],
            "unreadable": [{"generation": n, "why": why} for n, why in self.unreadable],
        }


def plain(value: Decimal | None) -> str | None:
    """Return an exact decimal without its trailing zeros and without an exponent."""
    return None if value is None else f"{value.normalize():f}"


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


def trace(
    store: Store, source: str, file: str, series_id: str, year: int, period: str
) -> tuple[History, list[Vintage]]:
    """Return every value that one observation had, and the vintages it was read from.

    Raises:
        Misuse: The source never had such a data file, no vintage has the series, or the series
            never had such an observation; what comes nearest is named.
        Refused: No vintage that can be read has the series, and there are others.
        StoreError: The storage failed, or a vintage is not what its name says.
    """
    manifests = [generation.manifest for generation in generations_of(store, source)]
    newest = manifests[-1]
    vintages = _vintages(store, manifests, file, series_id)
    unreadable = tuple((v.generation, v.problem) for v in vintages if v.problem)
    if all(v.rows is None for v in vintages):
        if unreadable:
            raise Refused(f"Generation {unreadable[0][0]}: {unreadable[0][1]}", LOOK)
        raise _no_series(store, newest, vintages, series_id, file)
    values = _values(vintages, year, period)
    if not values:
        raise _no_observation(newest, vintages, file, series_id, f"{year} {period}")
    words = catalogue_of(store, newest).frame.filter(series_id=series_id)
    title, unit = words.select("title", "unit").row(0) if words.height else (None, None)
    found = History(
        source, file, series_id, year, period, title, unit, newest.sample, values, unreadable
    )
    return found, vintages


def _vintages(
    store: Store, manifests: Sequence[Manifest], file: str, series_id: str
) -> list[Vintage]:
    """Read one series in every vintage of a data file, the oldest first: one pass over each."""
    recorded = [(entry_named(m, file), m) for m in manifests]
    if not any(entry in data_files(m) for entry, m in recorded):
        raise Misuse(
            f"No generation of {manifests[-1].source} in {store.url} has a data file {file}.",
            _elsewhere(manifests[-1], file),
        )
    runs = groupby(recorded, key=lambda pair: pair[0] and pair[0].sha256)
    firsts = [next(run) for _, run in runs]
    contents = {entry.sha256: entry for entry, _ in firsts if entry}
    rows = {
        sha: _series_in(store, manifests[-1].source, entry, series_id)
        for sha, entry in contents.items()
    }
    ends = [*(m.committed for _, m in firsts[1:]), None]
    return [
        Vintage(
            entry, m.generation, m.committed, until, *(rows[entry.sha256] if entry else (None, ""))
        )
        for (entry, m), until in zip(firsts, ends, strict=True)
    ]


def _series_in(
    store: Store, source: str, entry: Entry, series_id: str
) -> tuple[pl.DataFrame | None, str]:
    """Return the series in one content of the file, and what keeps it from being read."""
    from blsquest.analytics.vintages import series_rows

    with spool_folder() as folder:
        path = folder / "data"
        fetch_vintage(store, source, entry, path)
        try:
            return series_rows(path, series_id, entry.name), ""
        except BadData as error:
            return None, error.what


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


def _no_series(
    store: Store, newest: Manifest, vintages: Sequence[Vintage], series_id: str, file: str
) -> Misuse:
    from blsquest.analytics.vintages import series_ids

    entry = next(v.entry for v in reversed(vintages) if v.entry)
    with spool_folder() as folder:
        fetch_vintage(store, newest.source, entry, folder / "data")
        ids = series_ids(folder / "data")
    meant = ", ".join(near(series_id, ids))
    return Misuse(
        f"No vintage of {file} has a series {series_id!r}.",
        f"Its newest has {len(ids):,}; near it: {meant}. {_elsewhere(newest, file)}",
    )


def _no_observation(
    newest: Manifest, vintages: Sequence[Vintage], file: str, series_id: str, when: str
) -> Misuse:
    rows = next(v.rows for v in reversed(vintages) if v.rows is not None)
    periods = rows.get_column("period").unique().sort().to_list()
    lost = ", ".join(str(v.generation) for v in vintages if v.problem)
    limit = f", as far as it can be read: generation {lost} can't be" if lost else ""
    return Misuse(
        f"{series_id} never had an observation {when} in {file}{limit}.",
        f"There it has {', '.join(periods)}, from {rows.item(0, 'year')} to "
        f"{rows.item(-1, 'year')}. {_elsewhere(newest, file)}",
    )


def _elsewhere(newest: Manifest, file: str) -> str:
    others = [entry.name for entry in data_files(newest) if entry.name != file]
    return f"Other data files (--data-file): {', '.join(others) or 'none'}."
