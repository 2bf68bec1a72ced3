"""One data file's observations from the lake: from its table where there is one, else its text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.lake.errors import Corrupt, Missing
from flows.lake.reader import fetch_checked, fetch_vintage
from flows.lake.tables import made_of
from flows.lake.tables_json import read_catalogue

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from flows.lake.model import Entry
    from flows.lake.store import Store


def fetch_observations(store: Store, source: str, entry: Entry, local: Path) -> pl.LazyFrame:
    """The observations of one data file, fetched to this machine and checked.

    The answers are the same from either; a table is a tenth of the bytes and needs no parsing. A
    table that is gone, is not what its name says, or was made of other bytes than the catalogue
    says, is passed over: it is only derived.

    Args:
        store: The lake.
        source: For example `bls/pr`.
        entry: The data file.
        local: Where the table or the text is put; it must stay while the frame is used.

    Raises:
        BadData: The text is not a well-formed data file.
        Corrupt: The vintage is gone or was altered.
    """
    from flows.analytics.parquet_table import is_table, read_table
    from flows.analytics.table_schema import VERSION
    from flows.analytics.tables import read_observations

    catalogue = read_catalogue(store, source)
    table = catalogue.table_of(entry) if catalogue and catalogue.schema == VERSION else None
    if table is not None:
        try:
            fetch_checked(store, table.key, table.sha256, local)
        except (Corrupt, Missing):
            pass
        else:
            if is_table(local, made_of(source, entry.sha256, VERSION)):
                return read_table(local)
    fetch_vintage(store, source, entry, local)
    return read_observations(local, entry.name)
