"""The history of one number: every value that a lake's vintages give it.

Consecutive generations with the same bytes of the data file are one vintage, and each vintage is
read once, whatever the number of generations.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from blsquest.core.clock import time_text
from blsquest.core.errors import LOOK, BadData, Misuse, Refused
from blsquest.core.source import survey_of
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.products.catalogue import catalogue_of, data_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    import polars as pl

    from blsquest.lake.manifest import Entry, Generation, Manifest
    from blsquest.lake.stores.base import Store


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


READERS = 8
"""Manifests read at once: a long log on S3 is many small requests."""


def vintages_of(
    store: Store, manifests: Sequence[Manifest], file: str, series_id: str
) -> list[Vintage]:
    """One series in every vintage of a data file, the oldest first: one pass over each.

    Args:
        store: The lake.
        manifests: All generations of the source, in order.
        file: The data file.
        series_id: The series.

    Raises:
        Misuse: The source never had a data file of that name.
        StoreError: The storage failed, or a vintage is not what its name says.
    """
    source = manifests[-1].source
    spells = _spells(manifests, file)
    is_data = file.startswith(data_prefix(survey_of(source)))
    if not is_data or not any(entry for entry, _ in spells):
        raise Misuse(
            f"No generation of {source} in {store.url} has a data file {file}.",
            _elsewhere(manifests[-1], file),
        )
    contents = {entry.sha256: entry for entry, _ in spells if entry}
    rows = {sha: _rows(store, source, entry, series_id) for sha, entry in contents.items()}
    ends = [first.committed for _, first in spells[1:]]
    return [
        Vintage(
            entry,
            first.generation,
            first.committed,
            until,
            *(rows[entry.sha256] if entry else (None, "")),
        )
        for (entry, first), until in zip(spells, [*ends, None], strict=True)
    ]


def trace(
    store: Store, source: str, file: str, series_id: str, year: int, period: str
) -> tuple[History, list[Vintage]]:
    """Every value that one number had, and the vintages it was read from.

    Raises:
        Misuse: No vintage has the series, or the series never had such an observation; what comes
            nearest is named. Or see `vintages_of`.
        Refused: No vintage that can be read has the series, and there are others.
        StoreError: See `vintages_of`.
    """
    manifests = manifests_of(store, source)
    newest = manifests[-1]
    vintages = vintages_of(store, manifests, file, series_id)
    unreadable = tuple((v.generation, v.problem) for v in vintages if v.problem)
    if all(v.rows is None for v in vintages):
        if unreadable:
            raise Refused(f"Generation {unreadable[0][0]}: {unreadable[0][1]}", LOOK)
        raise _no_series(store, newest, vintages, series_id, file)
    values = values_of(vintages, year, period)
    if not values:
        raise _no_observation(newest, vintages, series_id, year, period)
    title, unit = _in_words(store, newest, series_id)
    history = History(
        source,
        file,
        series_id,
        year,
        period,
        title,
        unit,
        newest.sample,
        tuple(values),
        unreadable,
    )
    return history, vintages


def manifests_of(store: Store, source: str) -> list[Manifest]:
    """Return the manifests of all generations of a source, in order; see `generations_of`."""
    return [generation.manifest for generation in generations_of(store, source)]


def generations_of(store: Store, source: str) -> list[Generation]:
    """Return all generations of a source, in order: a LIST, and a GET each.

    Raises:
        Misuse: The lake has none.
    """
    log = ManifestLog(store, source)
    numbers = log.generations()
    if not numbers:
        raise log.empty()
    with ThreadPoolExecutor(READERS, "manifests") as pool:
        return list(pool.map(log.read, numbers))


def _spells(manifests: Sequence[Manifest], file: str) -> list[tuple[Entry | None, Manifest]]:
    """Each content in turn, with the first generation that had it."""
    told = [(entry_named(m, file), m) for m in manifests]
    grouped = groupby(told, key=lambda pair: pair[0].sha256 if pair[0] else None)
    return [next(spell) for _, spell in grouped]


def _rows(
    store: Store, source: str, entry: Entry, series_id: str
) -> tuple[pl.DataFrame | None, str]:
    """The series in one content of the file, and what keeps it from being read."""
    from blsquest.analytics.vintages import series_rows

    with TemporaryDirectory(prefix="bls-data-quest-") as folder:
        path = Path(folder, "data")
        fetch_vintage(store, source, entry, path)
        try:
            return series_rows(path, series_id, entry.name), ""
        except BadData as error:
            return None, error.what


def _in_words(store: Store, manifest: Manifest, series_id: str) -> tuple[str | None, str | None]:
    told = catalogue_of(store, manifest).frame.filter(series_id=series_id)
    return (told.item(0, "title"), told.item(0, "unit")) if told.height else (None, None)


def _no_series(
    store: Store, newest: Manifest, vintages: Sequence[Vintage], series_id: str, file: str
) -> Misuse:
    from blsquest.analytics.vintages import series_ids
    from blsquest.core.text import near

    entry = next(v.entry for v in reversed(vintages) if v.entry)
    with TemporaryDirectory(prefix="bls-data-quest-") as folder:
        path = Path(folder, "data")
        fetch_vintage(store, newest.source, entry, path)
        ids = series_ids(path)
    meant = ", ".join(near(series_id, ids))
    return Misuse(
        f"No vintage of {file} has a series {series_id!r}.",
        f"Its newest has {len(ids):,}; near it: {meant}. {_elsewhere(newest, file)}",
    )


def _no_observation(
    newest: Manifest, vintages: Sequence[Vintage], series_id: str, year: int, period: str
) -> Misuse:
    entry, rows = next((v.entry, v.rows) for v in reversed(vintages) if v.rows is not None)
    periods = rows.get_column("period").unique().sort().to_list()
    file = entry.name if entry else ""
    return Misuse(
        f"{series_id} never had an observation {year} {period} in {file}{_as_far(vintages)}.",
        f"There it has {', '.join(periods)}, from {rows.item(0, 'year')} to "
        f"{rows.item(-1, 'year')}. {_elsewhere(newest, file)}",
    )


def _as_far(vintages: Sequence[Vintage]) -> str:
    lost = [str(v.generation) for v in vintages if v.problem]
    return f", as far as it can be read: generation {', '.join(lost)} can't be" if lost else ""


def _elsewhere(newest: Manifest, file: str) -> str:
    prefix = data_prefix(survey_of(newest.source))
    others = [e.name for e in newest.files if e.name.startswith(prefix) and e.name != file]
    return f"Other data files (--data-file): {', '.join(others) or 'none'}."
