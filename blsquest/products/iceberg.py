"""Iceberg tables whose snapshots are the generations of a log, written from that log alone.

A snapshot's id, sequence number and time are its generation's; so a rebuild gives the same ones,
and "version 12" is one number everywhere. Nothing of Iceberg's own bookkeeping is a second truth:
the metadata is a function of the log, of the Parquet files that a generation has, and of the
table's location. See https://iceberg.apache.org/spec/, format version 2.

    <root>metadata/v7.metadata.json               put if absent; the highest number counts
    <root>metadata/version-hint.text              that number, for readers that can't list; may lag
    <root>metadata/00000012-<digest>.list.avro    the files of one generation
    <root>metadata/00000012-<digest>.avro         one file, added by that generation

A digest is of all that the Avro file depends on, so one that is there need not be written again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError
from pyiceberg.conversions import to_bytes
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    read_manifest_list,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadataV2
from pyiceberg.table.name_mapping import create_mapping_from_schema
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.typedef import Record
from pyiceberg.types import NestedField, PrimitiveType

from blsquest.core.errors import Missing, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from blsquest.analytics.parquet_table import Column
    from blsquest.lake.stores.base import Store, Stored


HASH = "bls-data-quest.manifest-sha256"
COMMITTED = "bls-data-quest.committed"
VERSION = "bls-data-quest.version"
"""Properties: of a snapshot, the manifest that it was made of; of a table, how it was made."""

_DIGITS = 16

KEPT = 10
"""Metadata files that stay. Each holds all snapshots, so the older ones are only for readers that
opened one before it was replaced."""

UNREADABLE = (Missing, ValueError, EOFError, OSError, AssertionError, KeyError, TypeError)
"""What reading an Avro file raises that was altered."""

_METADATA = re.compile(r"v([1-9][0-9]*)\.metadata\.json", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file of a table: its key, bytes and rows, and the smallest and largest values."""

    key: str
    bytes: int
    rows: int
    bounds: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class State:
    """One generation of a table.

    Attributes:
        generation: Its number, committed at `committed`.
        manifest_sha256: Of its manifest's bytes.
        keys: The Parquet files that it consists of.
        about: What else its snapshot says, as text.
    """

    generation: int
    committed: datetime
    manifest_sha256: str
    keys: tuple[str, ...]
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """What a table's snapshot says about its generation."""

    generation: int
    manifest_sha256: str
    about: Mapping[str, str]


def location_of(store: Store, root: str) -> str:
    """Return a table's absolute location: `s3://bucket/lake/tables/bls/pr`, `file:///…`."""
    url = store.url if store.url.startswith("s3://") else f"file://{store.url}"
    return f"{url}/{root.rstrip('/')}"


@dataclass
class Table:
    """A table in a lake, as its newest metadata file has it.

    Attributes:
        store: The lake.
        name: What a catalogue calls it.
        root: Where its metadata lies, ending in `/`; its Parquet files may lie elsewhere.
        columns: Of all its files.
        layout: Raised when columns change: a table of another layout is made anew.
        number: Of its newest metadata file; 0 for none.
        metadata: That file's content; None where it is none of this table's, here.
        elsewhere: The generations that it has, where it was written for another place or layout.
        there: The bytes of what lies in its folder of metadata, by key.
    """

    store: Store
    name: str
    root: str
    columns: Sequence[Column]
    layout: int
    number: int = 0
    metadata: TableMetadataV2 | None = None
    elsewhere: tuple[int, ...] = ()
    there: dict[str, int] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """The address of its root."""
        return location_of(self.store, self.root)

    def read(self, listed: Iterable[Stored], *, anew: bool = False) -> Table:
        """Read the newest metadata file of those listed: a GET. `anew` takes none of its snapshots.

        Raises:
            Refused: Another program wrote it.
        """
        own = f"{self.root}metadata/"
        self.there = {s.key: s.size for s in listed if s.key.startswith(own)}
        self.number, self.metadata, self.elsewhere = max(self._numbers(), default=0), None, ()
        if not self.number or anew:
            return self
        key = self.key(self.number)
        try:
            found = TableMetadataV2.model_validate_json(self.store.read(key))
        except (Missing, ValidationError):
            return self
        if any(HASH not in _about(snapshot) for snapshot in found.snapshots):
            raise Refused(
                f"{self.store.url}/{key} has snapshots that another program wrote.",
                "Nothing was changed. Move it away, or make the tables anew, which leaves those "
                "snapshots out: blsquest tables --rebuild",
            )
        if found.location == self.location and found.properties.get(VERSION) == str(self.layout):
            self.metadata = found
        else:
            self.elsewhere = tuple(sorted(s.snapshot_id for s in found.snapshots))
        return self

    def known(self) -> list[Known]:
        """Return what its snapshots say, the oldest first."""
        snapshots = self.metadata.snapshots if self.metadata else []
        return [
            Known(s.snapshot_id, _about(s)[HASH], _about(s))
            for s in sorted(snapshots, key=lambda s: s.snapshot_id)
        ]

    def commit(
        self, states: Sequence[State], describe: Callable[[str], Part], *, keep: int
    ) -> bool:
        """Add generations, the oldest first, after those up to number `keep`; drop the others.

        The table must be read before. `describe` is called for files that the last kept generation
        does not have. Each of these costs a PUT, each generation one, the metadata two.

        Returns:
            False if another run committed first: read again.
        """
        kept = (
            [s for s in self.metadata.snapshots if s.snapshot_id <= keep] if self.metadata else []
        )
        snapshots = sorted(kept, key=lambda s: s.snapshot_id)
        listed = self._listed(snapshots[-1]) if snapshots else {}
        for state in states:
            files = {self._digest(key): key for key in state.keys}
            listed = {
                digest: listed.get(digest) or self._added(state, key, describe)
                for digest, key in files.items()
            }
            parent = snapshots[-1].snapshot_id if snapshots else None
            snapshots.append(self._snapshot(state, parent, list(listed.values())))
        body = self._document(snapshots).model_dump_json(by_alias=True, exclude_none=True)
        if not self.store.put_new(self.key(self.number + 1), body.encode()):
            return False
        self.number += 1
        self.hint()
        for number in self._numbers():
            if number <= self.number - KEPT:
                self.store.delete(self.key(number))
        return True

    def hint(self) -> None:
        """Name the newest metadata file for readers that can't list, where that is not done."""
        key, body = f"{self.root}metadata/version-hint.text", str(self.number).encode()
        if key not in self.there or self.store.read(key) != body:
            self.store.put(key, body)

    def faults(
        self, hashes: Mapping[int, str], parts: Mapping[str, int], *, whole: Callable[[str], bool]
    ) -> tuple[dict[str, str], dict[int, set[str]]]:
        """Compare the table with its log, and with what lies in the lake.

        Args:
            hashes: The SHA-256 of each generation's manifest.
            parts: The bytes of the Parquet files in the lake, by key.
            whole: Whether to read an Avro file, by its key, and not only look for it.

        Returns:
            Key → what is wrong; and of each snapshot the Parquet files that it consists of.
        """
        wrong: dict[str, str] = {}
        keys: dict[int, set[str]] = {}
        named = {self._digest(key): key for key in parts}
        snapshots = self.metadata.snapshots if self.metadata else []
        number: int | None = None
        for snapshot in sorted(snapshots, key=lambda s: s.snapshot_id):
            parent, number, sha = number, snapshot.snapshot_id, _about(snapshot)[HASH]
            if hashes.get(number) != sha:
                wrong[self.key(self.number)] = f"has another generation {number} than the log"
            try:
                listed = self._listed(snapshot)
            except UNREADABLE:
                wrong[self._key_at(snapshot.manifest_list)] = "is missing or makes no sense"
                continue
            paths = [file.manifest_path for file in listed.values()]
            if snapshot.manifest_list != self._address(self._list_key(number, sha, parent, paths)):
                wrong[self._key_at(snapshot.manifest_list)] = "was altered: it lists other files"
            keys[number] = {named[digest] for digest in listed if digest in named}
            for digest, file in listed.items():
                key = self._key_at(file.manifest_path)
                if self.there.get(key) != file.manifest_length:
                    wrong[key] = "is missing, or has another size than its list says"
                elif digest not in named or (key not in wrong and whole(key)):
                    [(address, size)] = self._described(key, file) or [("", 0)]
                    part = address.removeprefix(self._address(""))
                    if digest != self._digest(part) or parts.get(part, size) != size:
                        wrong[key] = "was altered: it describes another file"
                    elif part not in parts:
                        keys[number].add(part)
                        wrong[part] = "is missing"
        return wrong, keys

    def _described(self, key: str, file: ManifestFile) -> list[tuple[str, int]]:
        """Return the addresses and bytes that an Avro manifest names; none where it is torn."""
        try:
            entries = file.fetch_manifest_entry(_Io(self.store.read(key)))
        except UNREADABLE:
            return []
        return [(e.data_file.file_path, e.data_file.file_size_in_bytes) for e in entries]

    def _key_at(self, address: str) -> str:
        return self.root + address.removeprefix(f"{self.location}/")

    def _list_key(self, number: int, sha: str, parent: int | None, paths: Sequence[str]) -> str:
        digest = self._digest(sha, str(parent), *paths)
        return f"{self.root}metadata/{number:08}-{digest}.list.avro"

    def key(self, number: int) -> str:
        """Return the key of a metadata file."""
        return f"{self.root}metadata/v{number}.metadata.json"

    def _numbers(self) -> list[int]:
        names = (key.rpartition("/")[2] for key in self.there)
        return [int(found[1]) for name in names if (found := _METADATA.fullmatch(name))]

    def _document(self, snapshots: Sequence[Snapshot]) -> TableMetadataV2:
        schema, newest = schema_of(self.columns), snapshots[-1]
        mapping = create_mapping_from_schema(schema).model_dump_json()
        tags = {
            f"generation-{s.snapshot_id}": {"snapshot-id": s.snapshot_id, "type": "tag"}
            for s in snapshots
        }
        return TableMetadataV2.model_validate(
            {
                "location": self.location,
                "table-uuid": uuid5(NAMESPACE_URL, self.location),
                "last-updated-ms": newest.timestamp_ms,
                "last-column-id": len(self.columns),
                "schemas": [schema],
                "current-schema-id": 0,
                "partition-specs": [UNPARTITIONED_PARTITION_SPEC],
                "default-spec-id": 0,
                "last-partition-id": 999,
                "sort-orders": [UNSORTED_SORT_ORDER],
                "default-sort-order-id": 0,
                "properties": {VERSION: str(self.layout), "schema.name-mapping.default": mapping},
                "last-sequence-number": newest.sequence_number,
                "current-snapshot-id": newest.snapshot_id,
                "snapshots": list(snapshots),
                "snapshot-log": [
                    {"snapshot-id": s.snapshot_id, "timestamp-ms": s.timestamp_ms}
                    for s in snapshots
                ],
                "refs": {"main": {"snapshot-id": newest.snapshot_id, "type": "branch"}, **tags},
            }
        )

    def _snapshot(self, state: State, parent: int | None, files: list[ManifestFile]) -> Snapshot:
        number = state.generation
        paths = [file.manifest_path for file in files]
        key = self._list_key(number, state.manifest_sha256, parent, paths)
        if key not in self.there:
            memory = _Memory(self._address(key))
            with write_manifest_list(2, memory, number, parent, number, "null") as out:
                if files:
                    out.add_manifests(files)
            self.store.put(key, memory.body.getvalue())
        about = {HASH: state.manifest_sha256, COMMITTED: state.committed.isoformat(), **state.about}
        return Snapshot(
            snapshot_id=number,
            parent_snapshot_id=parent,
            sequence_number=number,
            timestamp_ms=int(state.committed.timestamp() * 1000),
            manifest_list=self._address(key),
            summary=Summary(Operation.OVERWRITE, **about),
            schema_id=0,
        )

    def _added(self, state: State, key: str, describe: Callable[[str], Part]) -> ManifestFile:
        """Write the Avro manifest of one Parquet file that a generation added."""
        number, schema = state.generation, schema_of(self.columns)
        described = _data_file(self._address(key), describe(key), schema)
        target = f"{self.root}metadata/{number:08}-{self._digest(key)}.avro"
        memory = _Memory(self._address(target))
        with write_manifest(2, UNPARTITIONED_PARTITION_SPEC, schema, memory, number, "null") as out:
            out.add_entry(
                ManifestEntry.from_args(
                    status=ManifestEntryStatus.ADDED,
                    snapshot_id=number,
                    sequence_number=number,
                    file_sequence_number=number,
                    data_file=described,
                )
            )
        if target not in self.there:
            self.store.put(target, memory.body.getvalue())
        added = out.to_manifest_file()
        added.sequence_number = number
        return added

    def _listed(self, snapshot: Snapshot) -> dict[str, ManifestFile]:
        """Return the Avro manifests of a snapshot's files, by the digest that names them."""
        body = self.store.read(self._key_at(snapshot.manifest_list))
        listed = read_manifest_list(_Memory(snapshot.manifest_list, body))
        return {file.manifest_path[-_DIGITS - 5 : -5]: file for file in listed}

    def _address(self, key: str) -> str:
        return location_of(self.store, key)

    def _digest(self, *parts: str) -> str:
        return sha256("\n".join((self.location, str(self.layout), *parts)).encode()).hexdigest()[
            :_DIGITS
        ]


def schema_of(columns: Sequence[Column]) -> Schema:
    """Return the columns as Iceberg has them, numbered from 1."""
    return Schema(
        *(
            NestedField(number, column.name, column.type, required=False, doc=column.comment)
            for number, column in enumerate(columns, 1)
        )
    )


def _data_file(address: str, part: Part, schema: Schema) -> DataFile:
    """Return what a manifest says of a Parquet file; bounds are whole, so that `=` finds a file."""
    lower, upper = (
        {
            field.field_id: to_bytes(field.field_type, part.bounds[field.name][side])
            for field in schema.fields
            if field.name in part.bounds and isinstance(field.field_type, PrimitiveType)
        }
        for side in (0, 1)
    )
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=address,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        spec_id=0,
        record_count=part.rows,
        file_size_in_bytes=part.bytes,
        lower_bounds=lower,
        upper_bounds=upper,
        column_sizes=None,
        value_counts=None,
        null_value_counts=None,
        nan_value_counts=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
        key_metadata=None,
    )


def _about(snapshot: Snapshot) -> dict[str, str]:
    return dict(snapshot.summary.additional_properties) if snapshot.summary else {}


class _Bytes(BytesIO):
    """Stays readable when its writer closes it."""

    def close(self) -> None:
        """Do nothing."""


class _Memory(InputFile, OutputFile):
    """An Avro file, whole: a kilobyte for each file of a generation."""

    def __init__(self, location: str, body: bytes = b"") -> None:
        super().__init__(location)
        self.body = _Bytes(body)

    def __len__(self) -> int:
        return len(self.body.getvalue())

    def exists(self) -> bool:
        """Say that it is there."""
        return True

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002
        """Open it to be read."""
        return BytesIO(self.body.getvalue())

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: ARG002
        """Open it to be written."""
        return self.body

    def to_input_file(self) -> InputFile:
        """Return itself."""
        return self


class _Io(FileIO):
    """Gives one body for every address."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body = body

    def new_input(self, location: str) -> InputFile:
        """Return the body."""
        return _Memory(location, self._body)

    def new_output(self, location: str) -> OutputFile:
        """Refuse."""
        raise NotImplementedError(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Refuse."""
        raise NotImplementedError(location)
