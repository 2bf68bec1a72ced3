"""Iceberg tables whose snapshots are the generations of a log, written from that log alone.

A snapshot's id, sequence number and time are its generation's; so a rebuild gives the same ones,
and "version 12" is one number everywhere. Iceberg's own bookkeeping is no second truth: the
metadata is a function of the log, of the Parquet files that a generation has, and of the table's
location. See https://iceberg.apache.org/spec/, format version 2.

    <root>metadata/v7.metadata.json               put if absent; the highest number counts
    <root>metadata/version-hint.text              that number, for readers that can't list; may lag
    <root>metadata/00000012-<digest>.list.avro    the files of one generation
    <root>metadata/00000012-<digest>.avro         one file, added by that generation

A digest covers all that the Avro file depends on, so an existing one need not be written again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError
from pyiceberg import manifest as avro
from pyiceberg.conversions import to_bytes
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadataV2
from pyiceberg.table.name_mapping import create_mapping_from_schema
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.typedef import Record
from pyiceberg.types import NestedField, PrimitiveType

from blsquest.core.errors import Missing, Refused
from blsquest.lake.manifest import Generation
from blsquest.lake.stores.base import Store, Stored

if TYPE_CHECKING:  # it imports polars
    from blsquest.analytics.parquet_table import Column

Part = tuple[int, int, Mapping[str, tuple[Any, Any]]]
"""A Parquet file's bytes and rows, and the smallest and largest value of its columns."""
State = tuple[Generation, list[str], dict[str, str]]
"""A generation of a table, the keys of its Parquet files, its snapshot's other properties."""

HASH = "bls-data-quest.manifest-sha256"
COMMITTED = "bls-data-quest.committed"
VERSION = "bls-data-quest.version"
"""Properties: of a snapshot, the manifest that it was made of; of a table, how it was made."""

_DIGITS = 16

KEPT = 10
"""Metadata files that stay. Each holds all snapshots, so the older ones are only for readers that
opened one before it was replaced."""

UNREADABLE = (Missing, ValueError, EOFError, OSError, AssertionError, KeyError, TypeError)
"""Errors of reading an Avro file that was altered."""

_METADATA = re.compile(r"v([1-9][0-9]*)\.metadata\.json", re.ASCII)


@dataclass
class Table:
    """A table in a lake, as its newest metadata file has it.

    Attributes:
        name: Its name in a catalogue.
        root: Where its metadata lies, ending in `/`; its Parquet files may lie elsewhere.
        layout: Raised when columns change: a table of another layout is made again.
        number: Of its newest metadata file; 0 for none.
        metadata: That file's content; None if it is not of this table at this place.
        elsewhere: The generations that it has, if it was written for another place or layout.
        there: The sizes of the objects in its metadata folder, in bytes, by key.
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
        """The address of its root: `s3://bucket/lake/tables/bls/pr/series`, `file:///…`."""
        return self._address(self.root.rstrip("/"))

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

    def known(self) -> dict[int, dict[str, str]]:
        """Return the snapshots' properties by generation, the oldest first."""
        return {s.snapshot_id: _about(s) for s in self._snapshots()}

    def _snapshots(self) -> list[Snapshot]:
        found = self.metadata.snapshots if self.metadata else []
        return sorted(found, key=lambda s: s.snapshot_id)

    def commit(
        self, states: Sequence[State], describe: Callable[[str], Part], *, keep: int
    ) -> bool:
        """Add generations, the oldest first, after those up to number `keep`; drop the others.

        Call `read` before. `describe` is called for files that the last kept generation
        does not have. Each of these costs a PUT, each generation one, the metadata two.

        Returns:
            False if another run committed first: read again.
        """
        snapshots = [s for s in self._snapshots() if s.snapshot_id <= keep]
        listed = self._listed(snapshots[-1]) if snapshots else {}
        for generation, keys, about in states:
            number = generation.manifest.generation
            listed = {
                digest: listed.get(digest) or self._added(number, key, describe(key))
                for digest, key in ((self._digest(key), key) for key in keys)
            }
            parent = snapshots[-1].snapshot_id if snapshots else None
            files = list(listed.values())
            snapshots.append(self._snapshot(generation, about, parent, files))
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
        """Name the newest metadata file for readers that can't list, unless it is named already."""
        key, body = f"{self.root}metadata/version-hint.text", str(self.number).encode()
        if key not in self.there or self.store.read(key) != body:
            self.store.put(key, body)

    def faults(
        self, hashes: Mapping[int, str], parts: Mapping[str, int], *, whole: Callable[[str], bool]
    ) -> tuple[dict[str, str], dict[int, set[str]]]:
        """Compare the table with its log, and with the objects in the lake.

        Args:
            hashes: The SHA-256 of each generation's manifest.
            parts: The bytes of the Parquet files in the lake, by key.
            whole: Whether to read an Avro file, by its key, and not only look for it.

        Returns:
            Key → fault; and generation → the Parquet files of its snapshot.
        """
        wrong: dict[str, str] = {}
        keys: dict[int, set[str]] = {}
        named = {self._digest(key): key for key in parts}
        number: int | None = None
        for snapshot in self._snapshots():
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

    def _described(self, key: str, file: avro.ManifestFile) -> list[tuple[str, int]]:
        """Return the addresses and bytes that an Avro manifest names; none where it is torn."""
        try:
            memory = _Memory(file.manifest_path, self.store.read(key))
            only = cast("FileIO", SimpleNamespace(new_input=lambda _: memory))
            entries = file.fetch_manifest_entry(only)
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

    def _snapshot(
        self,
        generation: Generation,
        about: dict[str, str],
        parent: int | None,
        files: list[avro.ManifestFile],
    ) -> Snapshot:
        sha, manifest = generation.sha256, generation.manifest
        number = manifest.generation
        key = self._list_key(number, sha, parent, [file.manifest_path for file in files])
        if key not in self.there:
            memory = _Memory(self._address(key))
            with avro.write_manifest_list(2, memory, number, parent, number, "null") as out:
                if files:
                    out.add_manifests(files)
            self.store.put(key, memory.getvalue())
        about = {HASH: sha, COMMITTED: manifest.committed.isoformat(), **about}
        return Snapshot(
            snapshot_id=number,
            parent_snapshot_id=parent,
            sequence_number=number,
            timestamp_ms=int(manifest.committed.timestamp() * 1000),
            manifest_list=self._address(key),
            summary=Summary(Operation.OVERWRITE, **about),
            schema_id=0,
        )

    def _added(self, number: int, key: str, part: Part) -> avro.ManifestFile:
        """Write the Avro manifest of one Parquet file that a generation added."""
        schema = schema_of(self.columns)
        target = f"{self.root}metadata/{number:08}-{self._digest(key)}.avro"
        memory = _Memory(self._address(target))
        with avro.write_manifest(
            2, UNPARTITIONED_PARTITION_SPEC, schema, memory, number, "null"
        ) as out:
            out.add_entry(
                avro.ManifestEntry.from_args(
                    status=avro.ManifestEntryStatus.ADDED,
                    snapshot_id=number,
                    sequence_number=number,
                    file_sequence_number=number,
                    data_file=_data_file(self._address(key), part, schema),
                )
            )
        if target not in self.there:
            self.store.put(target, memory.getvalue())
        added = out.to_manifest_file()
        added.sequence_number = number
        return added

    def _listed(self, snapshot: Snapshot) -> dict[str, avro.ManifestFile]:
        """Return the Avro manifests of a snapshot's files, by the digest that names them."""
        body = self.store.read(self._key_at(snapshot.manifest_list))
        listed = avro.read_manifest_list(_Memory(snapshot.manifest_list, body))
        return {file.manifest_path[-_DIGITS - 5 : -5]: file for file in listed}

    def _address(self, key: str) -> str:
        scheme = "" if self.store.url.startswith("s3://") else "file://"
        return f"{scheme}{self.store.url}/{key}"

    def _digest(self, *parts: str) -> str:
        text = "\n".join((self.location, str(self.layout), *parts))
        return sha256(text.encode()).hexdigest()[:_DIGITS]


def schema_of(columns: Sequence[Column]) -> Schema:
    """Return the columns as Iceberg has them, numbered from 1."""
    return Schema(
        *(
            NestedField(number, column.name, column.type, required=False, doc=column.comment)
            for number, column in enumerate(columns, 1)
        )
    )


def _data_file(address: str, part: Part, schema: Schema) -> avro.DataFile:
    """Return a manifest's entry of a Parquet file; bounds are whole, so that `=` finds a file."""
    size, rows, bounds = part
    lower, upper = (
        {
            field.field_id: to_bytes(field.field_type, bounds[field.name][side])
            for field in schema.fields
            if field.name in bounds and isinstance(field.field_type, PrimitiveType)
        }
        for side in (0, 1)
    )
    return avro.DataFile.from_args(
        content=avro.DataFileContent.DATA,
        file_path=address,
        file_format=avro.FileFormat.PARQUET,
        partition=Record(),
        spec_id=0,
        record_count=rows,
        file_size_in_bytes=size,
        lower_bounds=lower,
        upper_bounds=upper,
    )


def _about(snapshot: Snapshot) -> dict[str, str]:
    return dict(snapshot.summary.additional_properties) if snapshot.summary else {}


class _Memory(BytesIO, InputFile, OutputFile):
    """An Avro file, whole: a kilobyte for each file of a generation."""

    def __init__(self, location: str, body: bytes = b"") -> None:
        BytesIO.__init__(self, body)
        self._location = location

    def __len__(self) -> int:
        return len(self.getvalue())

    def close(self) -> None:
        pass  # it is read after its writer closes it

    def exists(self) -> bool:
        return True

    def open(self, seekable: bool = True) -> BytesIO:  # noqa: ARG002
        return BytesIO(self.getvalue())

    def create(self, overwrite: bool = False) -> BytesIO:  # noqa: ARG002
        return self

    def to_input_file(self) -> InputFile:
        return self
