"""The Parquet tables of one survey, kept up to date with its newest generation.

A table is immutable: it lies below its vintage and is named by its own SHA-256, so that a reader
who began with one never meets another under its name. `tables.json` says which are the newest; it
is put after them, and so is the list of their addresses for Athena. All of it is derived: what is
lost is made again by the next run. A table depends on its data file and the library versions alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from hashlib import file_digest
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from blsquest.analytics.parquet_table import TABLE, VERSION
from blsquest.core.errors import Corrupt, Missing
from blsquest.core.source import survey_of
from blsquest.lake.keys import addresses_key, catalogue_key, table_folder, table_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import fetch_checked, fetch_vintage
from blsquest.lake.spool import room_for, spool_folder
from blsquest.products.catalogue import data_prefix

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import polars as pl

    from blsquest.lake.manifest import Entry, Manifest
    from blsquest.lake.stores.base import Store


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


def made_of(source: str, vintage: str, schema: int) -> dict[str, str]:
    """What a table says about itself: a reader takes none that was made of other bytes."""
    return {
        "bls-data-quest:source": source,
        "bls-data-quest:vintage": vintage,
        "bls-data-quest:schema": str(schema),
    }


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


FORMAT = "bls-data-quest/tables"

T = TypeVar("T", Table, LeftOut, Catalogue)

_TYPES = {"str": str, "int": int, "bool": bool}
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def encode_catalogue(catalogue: Catalogue, columns: list[dict[str, Any]]) -> bytes:
    """`tables.json`: the catalogue, and what its tables' columns mean."""
    document = {"format": FORMAT, "columns": columns, **asdict(catalogue)}
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def decode_catalogue(body: bytes) -> Catalogue | None:
    """The catalogue, or None where any part of it is not as this project writes it.

    Then none of it is believed: reports take the text, and the next run makes all of it again.
    """
    try:
        document = json.loads(body)
        if document.pop("format") != FORMAT:
            return None
        del document["columns"]
        document["tables"] = _each(Table, document["tables"])
        document["left_out"] = _each(LeftOut, document["left_out"])
        found = _strict(Catalogue, document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return found if _makes_sense(found) else None


def _each(kind: type[T], given: object) -> tuple[T, ...]:
    if not isinstance(given, list):
        raise TypeError(f"{given!r} is not a list")
    return tuple(_strict(kind, one) for one in given)


def _strict(kind: type[T], given: dict[str, Any]) -> T:
    """One of these, whose plain fields hold exactly what they declare; a bool is no number."""
    for field in fields(kind):
        wanted = _TYPES.get(str(field.type), tuple)
        if type(given[field.name]) is not wanted:
            raise TypeError(f"{field.name} is {given[field.name]!r}")
    return kind(**given)


def _makes_sense(catalogue: Catalogue) -> bool:
    """Whether each file is named once, and each table lies where this project puts that one."""
    names = [t.file for t in catalogue.tables] + [f.file for f in catalogue.left_out]
    return len(names) == len(set(names)) > 0 and all(
        _SHA256.fullmatch(t.vintage)
        and _SHA256.fullmatch(t.sha256)
        and t.key == table_key(catalogue.source, t.file, t.vintage, t.sha256)
        and min(t.bytes, t.rows) >= 0
        for t in catalogue.tables
    )


def read_catalogue(store: Store, source: str) -> Catalogue | None:
    """The source's catalogue as it stands, or None where there is none of it: one GET."""
    try:
        found = decode_catalogue(store.read(catalogue_key(source)))
    except Missing:
        return None
    return found if found is not None and found.source == source else None


BUCKETS = "s3://"
"""Athena reads buckets only: a lake elsewhere has no list of addresses for it."""


@dataclass(frozen=True, slots=True)
class Tabled:
    """What bringing the tables up to date came to.

    Attributes:
        catalogue: As it stands now.
        made: Files whose tables were written.
        seconds: Reading and writing.
    """

    catalogue: Catalogue
    made: tuple[str, ...]
    seconds: float

    def sentence(self) -> str:
        """One line for people."""
        rows = sum(t.rows for t in self.catalogue.tables)
        said = (
            f"{self.catalogue.source}: {len(self.catalogue.tables)} tables of {rows:,} rows, "
            f"{len(self.made)} of them made in {self.seconds:.1f} s"
        )
        left = [f"{f.file or 'no table'}: {f.why}" for f in self.catalogue.left_out]
        return f"{said}. {' '.join(left)}".strip()


def tables_stand(store: Store, source: str, generation: int) -> bool:
    """Whether there is nothing to make: one GET and one LIST."""
    catalogue = read_catalogue(store, source)
    if catalogue is None:
        return False
    present = {s.key: s.size for s in store.list(table_folder(source))}
    return stands(catalogue, generation=generation, schema=VERSION, present=present)


def make_tables(store: Store, source: str) -> Tabled:
    """Make the missing tables of a source's newest generation, then say which they are.

    Any number of runs may do so at once, and be killed at any point: tables are put if absent
    under their own hash (one of another size than its bytes have is removed first), and the
    catalogue names only tables that are there. Of two runs the later one's catalogue stays; where
    that is the older generation's, the next run sees it.

    Raises:
        StoreError: The storage failed, a vintage is not what its name says, or this machine's
            disk has no room for a data file and its table.
    """
    began = perf_counter()
    log = ManifestLog(store, source)
    newest = log.latest()
    assert newest is not None  # noqa: S101 - a mirror run has just ended
    manifest = newest.manifest
    files = data_files(manifest, data_prefix(survey_of(source)))
    present = {s.key: s.size for s in store.list(table_folder(source))}
    tables, left_out = kept(read_catalogue(store, source), files, schema=VERSION, present=present)
    made: list[str] = []
    for entry in files:
        if entry.name in tables or entry.name in left_out:
            continue
        answer = _make(store, manifest, entry)
        if isinstance(answer, Table):
            tables[entry.name] = answer
            made.append(entry.name)
        else:
            left_out[entry.name] = answer
    if not files:
        name = f"{data_prefix(survey_of(source))}*"
        why = f"The survey has no file named {name}; its files are mirrored as they are."
        left_out[""] = LeftOut("", "", why)
    catalogue = Catalogue(
        source=source,
        schema=VERSION,
        generation=manifest.generation,
        sample=manifest.sample,
        tables=tuple(tables[name] for name in sorted(tables)),
        left_out=tuple(left_out[name] for name in sorted(left_out)),
    )
    if log.newer_than(newest) is None:
        _put(store, catalogue)
    return Tabled(catalogue, tuple(made), perf_counter() - began)


def _make(store: Store, manifest: Manifest, entry: Entry) -> Table | LeftOut:
    # polars takes a while to import: only a new vintage needs it.
    from blsquest.analytics.parquet_table import write_table
    from blsquest.core.errors import BadData

    # A table is a tenth of its text; one of disordered rows is written twice.
    needed = [entry.size, entry.size // 4]
    with room_for(needed, at_once=2), spool_folder() as folder:
        text, table = folder / "text", folder / "table.parquet"
        fetch_vintage(store, manifest.source, entry, text)
        metadata = made_of(manifest.source, entry.sha256, VERSION) | {
            "bls-data-quest:sample": str(manifest.sample).lower(),
        }
        survey = survey_of(manifest.source)
        try:
            written = write_table(text, table, survey=survey, file=entry.name, metadata=metadata)
        except BadData as error:
            return LeftOut(entry.name, entry.sha256, error.what)
        with table.open("rb") as stream:
            digest = file_digest(stream, "sha256").hexdigest()
        key = table_key(manifest.source, entry.name, entry.sha256, digest)
        size, standing = table.stat().st_size, store.size(key)
        if standing not in {None, size}:
            # Torn. An upload leaves what stands there as it is; between the two a reader takes the
            # text, and sees no part.
            store.delete(key)
        if standing != size:
            store.upload(table, key)
        return Table(
            file=entry.name,
            vintage=entry.sha256,
            key=key,
            bytes=size,
            sha256=digest,
            rows=written.rows,
            sorted=written.sorted,
        )


def _put(store: Store, catalogue: Catalogue) -> None:
    source = catalogue.source
    if store.url.startswith(BUCKETS):
        store.put(addresses_key(source), addresses(catalogue, store.url))
    store.put(catalogue_key(source), encode_catalogue(catalogue, [asdict(c) for c in TABLE]))


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
    from blsquest.analytics.observations import read_observations
    from blsquest.analytics.parquet_table import VERSION, is_table, read_table

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
