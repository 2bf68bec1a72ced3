"""The Parquet tables of one survey, kept up to date with its newest generation.

A table is immutable: it lies below its vintage and is named by its own SHA-256. `tables.json` says
which are the newest; it is put after them, and so is the list of their addresses for Athena. All of
it is derived: the next run makes again what is lost. A table depends on its data file and the
library versions alone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import file_digest
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from blsquest.analytics.observations import read_observations
from blsquest.analytics.parquet_table import (
    TABLE,
    VERSION,
    Written,
    described,
    is_table,
    read_table,
    write_table,
)
from blsquest.core.errors import BadData, Corrupt, Missing
from blsquest.core.source import survey_of
from blsquest.lake.keys import addresses_key, catalogue_key, table_folder, table_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import fetch_checked, fetch_vintage
from blsquest.lake.spool import room_for, spool_folder
from blsquest.products.catalogue import data_files, data_prefix
from blsquest.products.record import json_bytes

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from blsquest.lake.manifest import Entry, Manifest
    from blsquest.lake.stores.base import Store


@dataclass(frozen=True, slots=True)
class Table:
    """The table at `key`, of so many bytes, made of the data file with SHA-256 `vintage`.

    `sorted` says whether its rows are in order of series, year and period.
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
    """A data file that has no table, and why; both "" where the survey has no data file."""

    file: str
    vintage: str
    why: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What `tables.json` holds, besides the meaning of the columns of this version (`schema`).

    Tables and data files without one are those of one generation, sorted by name.
    """

    source: str
    schema: int
    generation: int
    sample: bool
    tables: tuple[Table, ...]
    left_out: tuple[LeftOut, ...]
    format: Literal["bls-data-quest/tables"] = "bls-data-quest/tables"


_CATALOGUE = TypeAdapter(Catalogue)


@dataclass(frozen=True, slots=True)
class Tabled:
    """The tables, brought up to date: of which files they were written, and in what time."""

    catalogue: Catalogue
    made: tuple[str, ...]
    seconds: float

    def sentence(self) -> str:
        """Return one line for people."""
        rows = sum(t.rows for t in self.catalogue.tables)
        said = (
            f"{self.catalogue.source}: {len(self.catalogue.tables)} tables of {rows:,} rows, "
            f"{len(self.made)} of them made in {self.seconds:.1f} s"
        )
        left = [f"{f.file or 'no table'}: {f.why}" for f in self.catalogue.left_out]
        return f"{said}. {' '.join(left)}".strip()


def read_catalogue(store: Store, source: str) -> Catalogue | None:
    """Read a source's catalogue: one GET.

    Returns:
        None where there is none, or it is torn, of another source or of another version.
    """
    try:
        found = _CATALOGUE.validate_json(store.read(catalogue_key(source)), strict=True)
    except (Missing, ValidationError):
        return None
    return found if (found.source, found.schema) == (source, VERSION) else None


def tables_stand(store: Store, source: str, generation: int) -> bool:
    """Return whether a generation's tables are all there: one GET and one LIST."""
    catalogue = read_catalogue(store, source)
    if catalogue is None or catalogue.generation != generation:
        return False
    return _present(store, catalogue) == list(catalogue.tables)


def _present(store: Store, catalogue: Catalogue) -> list[Table]:
    sizes = {s.key: s.size for s in store.list(table_folder(catalogue.source))}
    return [table for table in catalogue.tables if sizes.get(table.key) == table.bytes]


def make_tables(store: Store, source: str) -> Tabled:
    """Make the missing tables of a source's newest generation, then say which they are.

    Any number of runs may do so at once, and be killed at any point: tables are put if absent
    under their own hash (a torn one is removed first), and the catalogue names only tables that are
    there. Of two runs the later one's catalogue stays; where that is the older generation's, the
    next run sees it.

    Raises:
        StoreError: The storage failed, a vintage is not what its name says, or this machine's
            disk has no room for a data file and its table.
    """
    began = perf_counter()
    log = ManifestLog(store, source)
    newest = log.newest()
    manifest = newest.manifest
    files = {(entry.name, entry.sha256): entry for entry in data_files(manifest)}
    before = read_catalogue(store, source)
    known: list[Table | LeftOut] = [*_present(store, before), *before.left_out] if before else []
    found = {(one.file, one.vintage): one for one in known}
    new = {at: _make(store, manifest, files[at]) for at in files if at not in found}
    each = [(found | new)[at] for at in files]
    if not files:
        name = f"{data_prefix(survey_of(source))}*"
        why = f"The survey has no file named {name}; its files are mirrored as they are."
        each = [LeftOut("", "", why)]
    catalogue = Catalogue(
        source,
        VERSION,
        manifest.generation,
        manifest.sample,
        tuple(one for one in each if isinstance(one, Table)),
        tuple(one for one in each if isinstance(one, LeftOut)),
    )
    if log.newer_than(newest) is None:
        _put(store, catalogue)
    made = tuple(one.file for one in new.values() if isinstance(one, Table))
    return Tabled(catalogue, made, perf_counter() - began)


def make_table(store: Store, source: str, file: str, vintage: str) -> Table | LeftOut:
    """Make the table of one vintage of a data file, if it is not there: a GET a generation.

    Raises:
        Missing: No generation has that vintage.
        StoreError: As `make_tables`.
    """
    log = ManifestLog(store, source)
    for number in reversed(log.generations()):
        manifest = log.read(number).manifest
        for entry in data_files(manifest):
            if (entry.name, entry.sha256) == (file, vintage):
                return _make(store, manifest, entry)
    raise Missing(f"No generation of {source} has {file} {vintage}.", "Delete its table.")


def _make(store: Store, manifest: Manifest, entry: Entry) -> Table | LeftOut:
    # A table is a tenth of its text; one of disordered rows is written twice.
    needed = [entry.size, entry.size // 4]
    with room_for(needed, at_once=2), spool_folder() as folder:
        text, table = folder / "text", folder / "table.parquet"
        fetch_vintage(store, manifest.source, entry, text)
        metadata = _made_of(manifest.source, entry)
        metadata["bls-data-quest:sample"] = str(manifest.sample).lower()
        survey = survey_of(manifest.source)
        try:
            written = write_table(text, table, survey=survey, file=entry.name, metadata=metadata)
        except BadData as error:
            return LeftOut(entry.name, entry.sha256, error.what)
        with table.open("rb") as stream:
            digest = file_digest(stream, "sha256").hexdigest()
        key = table_key(manifest.source, entry.name, entry.sha256, digest)
        size, found = table.stat().st_size, store.size(key)
        if found not in {None, size}:
            # Torn. An upload leaves what is there as it is; between the two a reader takes the
            # text, and sees no part.
            store.delete(key)
        if found != size:
            store.upload(table, key)
        return Table(
            entry.name, entry.sha256, key, size, digest, written.rows, sorted=written.sorted
        )


def _made_of(source: str, entry: Entry) -> dict[str, str]:
    """Return what a table says about itself: a reader takes none that was made of other bytes."""
    return {
        "bls-data-quest:source": source,
        "bls-data-quest:vintage": entry.sha256,
        "bls-data-quest:schema": str(VERSION),
    }


def _put(store: Store, catalogue: Catalogue) -> None:
    if store.url.startswith("s3://"):
        # Hive's SymlinkTextInputFormat: Athena, which reads buckets only, sees exactly these.
        addresses = "".join(f"{store.url}/{table.key}\n" for table in catalogue.tables)
        store.put(addresses_key(catalogue.source), addresses.encode())
    store.put(catalogue_key(catalogue.source), json_bytes(as_document(catalogue)))


def as_document(catalogue: Catalogue) -> dict[str, Any]:
    """Return a catalogue as `tables.json` has it."""
    return asdict(catalogue) | {"columns": [asdict(column) for column in TABLE]}


def as_written(store: Store, table: Table) -> Written | None:
    """Return what a table is, None where its bytes were altered: one GET, and room on this disk.

    Raises:
        Missing: It is gone.
    """
    with room_for([table.bytes], at_once=1), spool_folder() as folder:
        try:
            fetch_checked(store, table.key, table.sha256, folder / "table")
        except Corrupt:
            return None
        return described(folder / "table")


def fetch_observations(store: Store, source: str, entry: Entry, local: Path) -> pl.LazyFrame:
    """Return the observations of one data file, fetched to `local` and checked.

    The copy must stay while the frame is used. It is the table, which gives the same answers from a
    tenth of the bytes; the text, where that is gone, altered, or made of other bytes.

    Raises:
        BadData: The text is not a well-formed data file.
        Corrupt: The vintage is gone or was altered.
    """
    catalogue = read_catalogue(store, source)
    for table in catalogue.tables if catalogue else ():
        if (table.file, table.vintage) == (entry.name, entry.sha256):
            with suppress(Corrupt, Missing):
                fetch_checked(store, table.key, table.sha256, local)
                if is_table(local, _made_of(source, entry)):
                    return read_table(local)
    fetch_vintage(store, source, entry, local)
    return read_observations(local, entry.name)
