"""The catalogue of a source's Parquet tables: which there are, and which are yet to be made.

A table is immutable: it lies below its vintage and is named by its own SHA-256, so that a reader
who began with one never meets another under its name. `tables.json` says which are the newest; it
is put after them, and so is the list of their addresses for Athena. All of it is derived: what is
lost is made again by the next run. Its bytes are `tables_json.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flows.lake.model import Entry, Manifest


@dataclass(frozen=True, slots=True)
class Table:
    """One data file's table.

    Attributes:
        file: The data file.
        vintage: SHA-256 of its bytes.
        key: Where the table lies in the lake.
        bytes: Its size.
        sha256: Of the table.
        rows: How many it has.
        sorted: Whether they are in order of series, year and period.
    """

    file: str
    vintage: str
    key: str
    bytes: int
    sha256: str
    rows: int
    sorted: bool


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A data file that has no table, and why.

    Attributes:
        vintage: SHA-256 of its bytes; "" where no data file has that name.
    """

    file: str
    vintage: str
    why: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What `tables.json` holds.

    Attributes:
        source: For example `bls/pr`.
        schema: The version of the tables' columns.
        generation: The generation whose data files they are.
        sample: Whether the data is a generated sample.
        tables: Sorted by file.
        left_out: Likewise.
    """

    source: str
    schema: int
    generation: int
    sample: bool
    tables: tuple[Table, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def table_of(self, entry: Entry) -> Table | None:
        """The table of exactly these bytes, if there is one."""
        named = (t for t in self.tables if (t.file, t.vintage) == (entry.name, entry.sha256))
        return next(named, None)


def table_folder(source: str) -> str:
    """`tables/bls/pr/`: everything about one source's tables."""
    return f"tables/{source}/"


def catalogue_key(source: str) -> str:
    """`tables/bls/pr/tables.json`."""
    return f"{table_folder(source)}tables.json"


def table_key(source: str, file: str, vintage: str, sha256: str) -> str:
    """`tables/bls/pr/pr.data.0.Current/<vintage>/<sha256>.parquet`: immutable."""
    return f"{table_folder(source)}{file}/{vintage}/{sha256}.parquet"


def made_of(source: str, vintage: str, schema: int) -> dict[str, str]:
    """What a table says about itself: a reader takes none that was made of other bytes."""
    return {
        "bls-data-quest:source": source,
        "bls-data-quest:vintage": vintage,
        "bls-data-quest:schema": str(schema),
    }


def addresses_key(source: str) -> str:
    """`tables/athena/bls-pr`: the addresses of one source's newest tables, a line each."""
    return f"tables/athena/{source.replace('/', '-')}"


def addresses(catalogue: Catalogue, url: str) -> bytes:
    """What Hive's SymlinkTextInputFormat reads: Athena sees all of these tables, and no other."""
    return "".join(f"{url}/{table.key}\n" for table in catalogue.tables).encode()


def stands(
    catalogue: Catalogue | None, *, generation: int, schema: int, present: Mapping[str, int]
) -> bool:
    """Whether the catalogue is that generation's, and every table that it names is there.

    Args:
        catalogue: As it stands.
        generation: The source's newest.
        schema: The version of the columns that are wanted.
        present: Key → bytes of every object below `table_folder`.
    """
    return (
        catalogue is not None
        and (catalogue.generation, catalogue.schema) == (generation, schema)
        and all(present.get(t.key) == t.bytes for t in catalogue.tables)
    )


def kept(
    catalogue: Catalogue | None,
    files: Collection[Entry],
    *,
    schema: int,
    present: Mapping[str, int],
) -> tuple[dict[str, Table], dict[str, LeftOut]]:
    """What need not be made again, by file: tables that are there, and files known to have none."""
    if catalogue is None or catalogue.schema != schema:
        return {}, {}
    wanted = {(e.name, e.sha256) for e in files}
    tables = {
        t.file: t
        for t in catalogue.tables
        if (t.file, t.vintage) in wanted and present.get(t.key) == t.bytes
    }
    without = {t.file: t for t in catalogue.left_out if (t.file, t.vintage) in wanted}
    return tables, without


def data_files(manifest: Manifest, prefix: str) -> list[Entry]:
    """The entries that tables are made of, by BLS's naming convention."""
    return [e for e in manifest.files if e.name.startswith(prefix)]
