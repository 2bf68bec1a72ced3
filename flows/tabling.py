"""The tables of one survey, brought up to date with its newest generation. Plain Python.

A table depends on its data file and the library versions alone: no clock, no run id.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import file_digest
from time import perf_counter
from typing import TYPE_CHECKING

from flows.analytics.table_schema import TABLE, VERSION
from flows.cataloguing import data_prefix, survey_of
from flows.lake.log import ManifestLog
from flows.lake.reader import fetch_vintage
from flows.lake.spool import room_for, spool_folder
from flows.lake.tables import (
    Catalogue,
    LeftOut,
    Table,
    addresses,
    addresses_key,
    catalogue_key,
    data_files,
    kept,
    made_of,
    stands,
    table_folder,
    table_key,
)
from flows.lake.tables_json import encode_catalogue, read_catalogue

if TYPE_CHECKING:
    from flows.lake.model import Entry, Manifest
    from flows.lake.store import Store

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
    from flows.analytics.bad_data import BadData
    from flows.analytics.parquet_table import write_table

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
