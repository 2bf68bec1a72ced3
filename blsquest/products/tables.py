"""A survey's tables: Parquet files by vintage, and the Iceberg tables of which they are parts.

`pr` has the observations of all data files, `pr_series` the catalogue in words, `pr_files` every
file of every generation. A generation of the log is one snapshot of each, by
the same number. Each survey has its own three, since each has its own log: a number means nothing
across surveys.

All of it is derived: the next run makes again what is lost. A Parquet file is immutable, lies below
its vintage, and is named by its own SHA-256; it depends on its data file and the library versions
alone. Readers here go by vintage to the Parquet file, never through Iceberg's metadata.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import file_digest, sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.parquet_table import (
    FILES,
    SERIES,
    TABLE,
    VERSION,
    bounds,
    parquet_bytes,
    typed,
    write_table,
)
from blsquest.core.errors import BadData, Corrupt, Missing, QuestError, Refused
from blsquest.core.source import survey_of
from blsquest.lake import keys
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Entry, Generation, Manifest
from blsquest.lake.reader import fetch_checked, fetch_vintage
from blsquest.lake.record import Made, read_record, write_record
from blsquest.lake.spool import room_for, spool_folder
from blsquest.lake.stores.base import Store
from blsquest.products.catalogue import catalogue_of, data_files, data_prefix
from blsquest.products.observations import made_of, parquet_files

if TYPE_CHECKING:  # pyiceberg takes half a second, and a run without a change needs none of it
    from blsquest.products.iceberg import Part, State, Table

TRIES = 5
"""A race is lost to another run's tables of the same log."""

ASPECT = (
    "An aspect file: it says of observations how sure they are, not what they are. It is mirrored "
    "as it is."
)
"""Why `<survey>.aspect` has no table."""

LEFT_OUT = "bls-data-quest.left-out"
"""A snapshot's property: JSON, data file → its vintage, and why that is not in the table."""


@dataclass(frozen=True, slots=True)
class Tabled:
    """An update of the tables: `added` snapshots, `made` Parquet files of data files.

    `left_out` are data files without one, and why; `unpointed` says why Glue's tables were not set:
    Athena then reads an earlier state, or none. The lake's own tables are right all the same, and
    the next run tries again.
    """

    source: str
    generation: int
    added: int
    made: tuple[str, ...]
    left_out: dict[str, str]
    seconds: float
    unpointed: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return one line for people."""
        summary = (
            f"{self.source}: the tables have generation {self.generation}; "
            f"{len(self.made)} data files were read, in {self.seconds:.1f} s."
        )
        return " ".join((summary, *(f"{file}: {why}" for file, why in self.left_out.items())))


def make_tables(store: Store, source: str, *, anew: Collection[int] = ()) -> Tabled:
    """Bring a source's tables up to its newest generation.

    Generations after the last one that the tables have are added; a lake that has no tables yet
    begins with its newest. Where the tables were made for another place (the lake was copied, moved
    or mounted elsewhere), from another log or in another layout, the metadata is made again for the
    generations that it had, as it is for those in `anew`.

    Any number of runs may do so at once, and be killed at any point: Parquet files are put if
    absent under their own hash, and metadata names only what is there.

    Raises:
        Refused: Another program committed to the tables.
        StoreError: The storage failed, a vintage is not what its name says, or this machine's
            disk has no room for a data file and its table.
    """
    began = perf_counter()
    for _ in range(TRIES):
        work = _Work(store, source)
        added = work.go(anew)
        if added is not None:
            newest, left = work.newest.manifest.generation, work.left_out()
            seconds = perf_counter() - began
            return Tabled(
                source, newest, added, tuple(work.made), left, seconds, tuple(work.unpointed)
            )
    raise QuestError(
        f"{source}: {TRIES} other runs in a row made the tables first.",
        "The next run looks again.",
    )


def glue_database(store: Store) -> str | None:
    """Return the Glue database in which Athena finds the tables of a lake on S3, if there is one.

    It is the environment's GLUE_DATABASE.
    """
    name = os.environ.get("GLUE_DATABASE", "").strip()
    return name if name and store.url.startswith("s3://") else None


def tables_current(store: Store, made: Made | None) -> bool:
    """Return whether `make_tables` has nothing to do, by what the record says: no request."""
    if made is None or made.layout != VERSION:
        return False
    return glue_database(store) in {None, made.glue}


def tables_of(store: Store, source: str) -> tuple[Table, Table, Table]:
    """Return a source's tables, not read yet: observations, series, files."""
    from blsquest.products.iceberg import Table

    survey, folder = survey_of(source), keys.table_folder(source)
    return (
        Table(store, survey, f"{folder}observations/", TABLE, VERSION),
        Table(store, f"{survey}_series", f"{folder}series/", SERIES, VERSION),
        Table(store, f"{survey}_files", f"{folder}files/", FILES, VERSION),
    )


@dataclass
class _Work:
    """One attempt to bring the tables up to date.

    Attributes:
        parts: The known facts of Parquet files, by key.
        left_at: By generation, the data files that have none: name → (vintage, why).
        rows: The rows of the table of files, up to the last generation processed.
        known: The properties of the present table's snapshots, by generation.
        kept: The generation up to which these snapshots are the log's.
        unreachable: Whether Glue would give the same error for the next table.
        committed: Whether any metadata was committed.
    """

    store: Store
    source: str
    made: list[str] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    left_at: dict[int, dict[str, tuple[str, str]]] = field(default_factory=dict)
    rows: pl.DataFrame | None = None
    known: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    kept: int = 0
    unpointed: list[str] = field(default_factory=list)
    unreachable: bool = False
    committed: bool = False

    def __post_init__(self) -> None:
        self.database = glue_database(self.store)
        # The tables are listed before the log is read: otherwise a snapshot that another run adds
        # in between would not seem to be of this log, and be dropped.
        self.listed = self.store.list(keys.table_folder(self.source))
        self.log = ManifestLog(self.store, self.source)
        self.newest = self.log.newest()
        self.numbers = self.log.generations()
        self._read = {self.newest.manifest.generation: self.newest}

    def left_out(self) -> dict[str, str]:
        """Return why data files of the newest generation have no table, or that there are none."""
        manifest = self.newest.manifest
        if not data_files(manifest):
            prefix = f"{data_prefix(survey_of(self.source))}*"
            return {prefix: "the survey has no such file; its files are mirrored as they are."}
        return {name: why for name, (_, why) in self.left_at.get(manifest.generation, {}).items()}

    def go(self, anew: Collection[int]) -> int | None:
        """Make the missing parts; return the number of snapshots added, None after a lost race."""
        most = 0
        states_of = (self._observations, self._series, self._files)
        for table, state_of in zip(tables_of(self.store, self.source), states_of, strict=True):
            self.known = table.read(self.listed, anew=bool(anew)).known()
            self.kept, numbers = self._due(table, anew)
            if table.columns is TABLE:
                kept = {n: about for n, about in self.known.items() if n <= self.kept}
                self.left_at = {n: left_out(about) for n, about in kept.items()}
            if numbers or max(self.known, default=0) != self.kept:
                states = [state_of(self._generation(number)) for number in numbers]
                if not table.commit(states, self._part, keep=self.kept):
                    return None
                self.committed = True
                most = max(most, len(states))
            else:
                table.hint()  # a run that was killed may not have done it
            self._point(table)
        catalogue, addresses = keys.replaced_table_keys(self.source)
        if any(stored.key == catalogue for stored in self.listed):
            self.store.delete(catalogue)  # no reader may take them for the newest
            self.store.delete(addresses)
        self._note()
        return most

    def _point(self, table: Table) -> None:
        """Set Glue's table; an error is only noted: the lake's own table is right all the same."""
        if self.database is None or self.unreachable:
            return
        from blsquest.products.glue import point

        try:
            point(self.store, self.database, table)
        except QuestError as error:
            self.unpointed.append(str(error))
            self.unreachable = not isinstance(error, Refused)

    def _note(self) -> None:
        """Record the state that the tables were made for."""
        record = read_record(self.store, self.source)
        glue = None if self.unpointed else self.database
        made = Made(self.newest.sha256, self.store.address, VERSION, glue)
        was = record.made.get("tables")
        if self.database is None and not self.committed and was and replace(was, glue=None) == made:
            return  # Glue's pointer is unchanged
        if was != made:
            record.made["tables"] = made
            write_record(self.store, self.source, record)

    def _due(self, table: Table, anew: Collection[int]) -> tuple[int, list[int]]:
        """Return the generation up to which the snapshots are the log's, and those to add."""
        from blsquest.products.iceberg import HASH

        for number, about in sorted(self.known.items(), reverse=True):
            if number in self.numbers and self._generation(number).sha256 == about[HASH]:
                return number, [n for n in self.numbers if n > number]
        had = {*self.known, *table.elsewhere, *anew}
        return 0, [n for n in self.numbers if n in had or n == self.numbers[-1]]

    def _generation(self, number: int) -> Generation:
        if number not in self._read:
            self._read[number] = self.log.read(number)
        return self._read[number]

    # -- The states of the three tables --------------------------------------------------------

    def _observations(self, generation: Generation) -> State:
        manifest = generation.manifest
        before = self.left_at.get(max(self.left_at, default=0), {})
        parts: list[str] = []
        left: dict[str, tuple[str, str]] = {}
        for entry in data_files(manifest):
            vintage, why = before.get(entry.name, ("", ""))
            if vintage != entry.sha256:
                key, why = self._parquet(manifest, entry)
                parts += [key] if key else []
            if why:
                left[entry.name] = (entry.sha256, why)
        self.left_at[manifest.generation] = left
        return generation, parts, {LEFT_OUT: json.dumps(left)} if left else {}

    def _series(self, generation: Generation) -> State:
        """Return the catalogue's state: made once for each state of the code tables."""
        manifest = generation.manifest
        data = data_files(manifest)
        made_of = sorted((e.name, e.sha256) for e in manifest.files if e not in data)
        digest = sha256(json.dumps([VERSION, made_of]).encode()).hexdigest()[:16]
        folder = keys.series_table_folder(self.source, digest)
        key = next((s.key for s in self.listed if s.key.startswith(folder)), None)
        if key is None:
            survey = pl.lit(survey_of(self.source)).alias("survey")
            frame = catalogue_of(self.store, manifest).frame.with_columns(survey)
            key = self._put(folder, typed(frame, SERIES)) if frame.height else None
        return generation, [key] if key else [], {}

    def _files(self, generation: Generation) -> State:
        """Return the files' state: the rows of all generations so far, in one small file."""
        before = self._files_before() if self.rows is None else self.rows
        self.rows = pl.concat([before, self._rows(generation)])
        folder = keys.files_table_folder(self.source, generation.manifest.generation)
        return generation, [self._put(folder, self.rows)], {}

    def _files_before(self) -> pl.DataFrame:
        """Return the rows of the snapshots that stay: from their Parquet file, else the log."""
        folder = keys.files_table_folder(self.source, self.kept)
        for stored in self.listed:
            if stored.key.startswith(folder):
                with suppress(Corrupt, Missing), spool_folder() as local:
                    sha = keys.table_sha256(stored.key) or ""
                    fetch_checked(self.store, stored.key, sha, local / "table")
                    return typed(pl.read_parquet(local / "table"), FILES)
        earlier = [n for n in sorted(self.known) if n <= self.kept]
        nothing = typed(pl.DataFrame(schema=[column.name for column in FILES]), FILES)
        return pl.concat([nothing, *(self._rows(self._generation(n)) for n in earlier)])

    def _rows(self, generation: Generation) -> pl.DataFrame:
        manifest = generation.manifest
        left = {name: why for name, (_, why) in self.left_at.get(manifest.generation, {}).items()}
        left[f"{survey_of(self.source)}.aspect"] = ASPECT
        rows = [
            {
                "survey": survey_of(self.source),
                "generation": manifest.generation,
                "committed": manifest.committed,
                "file": entry.name,
                "bytes": entry.size,
                "sha256": entry.sha256,
                "first_seen": entry.first_seen,
                "stamp": entry.stamp,
                "last_modified": entry.last_modified,
                "no_table": left.get(entry.name),
            }
            for entry in manifest.files
        ]
        return typed(pl.DataFrame(rows, infer_schema_length=None), FILES)

    # -- Parquet files -------------------------------------------------------------------------

    @cached_property
    def _there(self) -> dict[tuple[str, str], str]:
        return {at: stored.key for at, stored in parquet_files(self.listed).items()}

    def _parquet(self, manifest: Manifest, entry: Entry) -> tuple[str, str]:
        """Return the key of a vintage's Parquet file, or why there is none; make it if needed."""
        at = (entry.name, entry.sha256)
        if at in self._there:
            return self._there[at], ""
        metadata = made_of(self.source, entry)
        metadata["bls-data-quest:sample"] = str(manifest.sample).lower()
        # A table is a tenth of its text; one of disordered rows is written twice.
        needed = [entry.size, entry.size // 4]
        with room_for(needed, at_once=2), spool_folder() as folder:
            text, table = folder / "text", folder / "table.parquet"
            fetch_vintage(self.store, self.source, entry, text)
            survey = survey_of(self.source)
            try:
                write_table(text, table, survey=survey, file=entry.name, metadata=metadata)
            except BadData as error:
                return "", error.what
            with table.open("rb") as stream:
                digest = file_digest(stream, "sha256").hexdigest()
            key = keys.table_key(self.source, entry.name, entry.sha256, digest)
            self.store.upload(table, key)
            self.parts[key] = part_of(table)
        self._there[at] = key
        self.made.append(entry.name)
        return key, ""

    def _put(self, folder: str, frame: pl.DataFrame) -> str:
        body = parquet_bytes(frame, {"bls-data-quest:source": self.source})
        key = f"{folder}{sha256(body).hexdigest()}.parquet"
        self.store.put_new(key, body)
        with spool_folder() as local:
            (local / "table").write_bytes(body)
            self.parts[key] = part_of(local / "table")
        return key

    def _part(self, key: str) -> Part:
        """Return a Parquet file's size, rows and bounds; one that was altered is removed."""
        if key not in self.parts:
            with spool_folder() as folder:
                try:
                    fetch_checked(self.store, key, keys.table_sha256(key) or "", folder / "table")
                except Corrupt as error:
                    self.store.delete(key)
                    raise Corrupt(error.what, "It was removed: the next run makes it.") from error
                self.parts[key] = part_of(folder / "table")
        return self.parts[key]


def part_of(path: Path) -> Part:
    """Return a Parquet file's size, rows and bounds, from its local copy."""
    table = pl.scan_parquet(path, glob=False)
    rows = int(table.select(pl.len()).collect().item())
    return path.stat().st_size, rows, bounds(table)


def left_out(about: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the data files that a snapshot leaves out: name → (vintage, why)."""
    return {name: (v, why) for name, (v, why) in json.loads(about.get(LEFT_OUT, "{}")).items()}
