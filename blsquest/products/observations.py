"""The content of a survey's data files, by vintage: from its Parquet file, else its text."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

import polars as pl

from blsquest.analytics.observations import read_observations
from blsquest.analytics.parquet_table import is_table, read_table, write_table
from blsquest.core.errors import BadData, Corrupt, Missing
from blsquest.core.source import survey_of
from blsquest.lake.keys import table_folder, table_sha256, vintage_table_folder
from blsquest.lake.manifest import Entry
from blsquest.lake.reader import fetch_checked, fetch_vintage
from blsquest.lake.spool import spool_folder
from blsquest.lake.stores.base import Store, Stored

LARGEST_TEXT = 64 << 20
"""Bytes of the largest text that answers are read from directly. They read it several times; a
table takes a third of the time, and 250 MB less."""


def made_of(source: str, entry: Entry) -> dict[str, str]:
    """Return a Parquet file's metadata: with it, no file made of other bytes is read."""
    return {"bls-data-quest:source": source, "bls-data-quest:vintage": entry.sha256}


def parquet_files(listed: Iterable[Stored]) -> dict[tuple[str, str], Stored]:
    """Return the Parquet files of data files, by name and vintage, from a source's listing.

    If other library versions wrote a second one of the same vintage, the first by key counts.
    """
    found: dict[tuple[str, str], Stored] = {}
    for stored in listed:
        *_, file, vintage, _ = f"//{stored.key}".split("/")
        if table_sha256(stored.key):
            found.setdefault((file, vintage), stored)
    return found


def fetch_observations(store: Store, source: str, entry: Entry, local: Path) -> pl.LazyFrame:
    """Return the observations of one data file, fetched to `local` and checked.

    The copy must stay while the frame is used. It is the vintage's Parquet file, which gives the
    same answers from a tenth of the bytes; or the text, if that is gone, altered, or made of
    other bytes. A large text is first made into a table here. A LIST and a GET.

    Raises:
        BadData: The text is not a well-formed data file.
        Corrupt: The vintage is gone or was altered.
    """
    listed = parquet_files(store.list(vintage_table_folder(source, entry.name, entry.sha256)))
    table = fetch_table(store, source, listed, entry, local)
    if table is not None:
        return table
    fetch_vintage(store, source, entry, local)
    if entry.size <= LARGEST_TEXT:
        return read_observations(local, entry.name)
    made = local.with_name(f"{local.name}.parquet")
    write_table(local, made, survey=survey_of(source), file=entry.name, metadata={})
    local.unlink()
    return read_table(made)


def fetch_table(
    store: Store,
    source: str,
    listed: Mapping[tuple[str, str], Stored],
    entry: Entry,
    local: Path,
) -> pl.LazyFrame | None:
    """Return the Parquet file of a data file, fetched to `local`, in the form of its text as read.

    None if no file of these bytes is listed, or it is gone or altered.
    """
    table = listed.get((entry.name, entry.sha256))
    if table is not None:
        with suppress(Corrupt, Missing):
            fetch_checked(store, table.key, table_sha256(table.key) or "", local)
            if is_table(local, made_of(source, entry)):
                return read_table(local)
    return None


LOOKED_INTO = 64 << 20
"""Bytes, in all, of files that are read to list their years and series. In every BLS survey without
a main data file the tables are smaller."""
LOOKING = 8


def spans(store: Store, source: str, entries: Sequence[Entry]) -> list[str]:
    """Describe each data file by years and series: `1976-1980, 61,032 series`.

    Tables are read, or texts if there are none, up to `LOOKED_INTO` in all; for the rest the size
    is given. A file that can't be read is noted, and is no error.
    """
    listed = parquet_files(store.list(table_folder(source)))
    tables = [listed.get((entry.name, entry.sha256)) for entry in entries]
    sizes = [t.size if t else e.size for t, e in zip(tables, entries, strict=True)]
    read = accumulate(sizes)

    def span(entry: Entry, so_far: int) -> str:
        if so_far > LOOKED_INTO:
            return f"{entry.size:,} bytes"
        with spool_folder() as folder:
            try:
                rows = fetch_table(store, source, listed, entry, folder / "data")
                if rows is None:
                    fetch_vintage(store, source, entry, folder / "data")
                    rows = read_observations(folder / "data", entry.name)
                year = pl.col("year")
                first, last, series = (
                    rows.select(
                        year.min().alias("first"),
                        year.max().alias("last"),
                        pl.col("series_id").n_unique(),
                    )
                    .collect(engine="streaming")
                    .row(0)
                )
            except (BadData, Corrupt) as error:
                return f"can't be read: {error.what}"
        years = str(first) if first == last else f"{first}-{last}"
        return f"{years}, {series:,} series"

    with ThreadPoolExecutor(LOOKING, "spans") as pool:
        return list(pool.map(span, entries, read))
