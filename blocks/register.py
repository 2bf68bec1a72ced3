"""Make the block documents of a Prefect workspace what the environment wants them to be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal, cast

from prefect.blocks.core import Block
from prefect.blocks.webhook import Webhook
from prefect.filesystems import LocalFileSystem
from prefect_aws import AwsCredentials, S3Bucket

from blocks.desired import Document, Reference, Value, changed_fields
from blocks.load import find
from blocks.sources import BlsSource, PopulationSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS: dict[str, type[Block]] = {
    kind.get_block_type_slug(): kind
    for kind in (BlsSource, PopulationSource, AwsCredentials, S3Bucket, LocalFileSystem, Webhook)
}
"""Every type of block that the project uses, by its slug."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of one document.

    Attributes:
        reference: As flows name it.
        what: What was done.
        fields: Names (never values) of the fields that were another before.
    """

    reference: str
    what: Literal["created", "updated", "unchanged"]
    fields: tuple[str, ...] = ()

    def sentence(self) -> str:
        """One line for people."""
        fields = f": {', '.join(self.fields)}" if self.fields else ""
        return f"{self.reference:<28} {self.what}{fields}"


def register_types() -> None:
    """Make every type of block known, as it is in this version of the code."""
    for kind in KINDS.values():
        kind.register_type_and_schema()


def register(documents: Iterable[Document], *, dry_run: bool = False) -> Iterator[Registered]:
    """Create or update each document in turn; the types must be registered.

    Only the governed fields are written: what a person set in another field stays.

    Args:
        documents: In an order in which each comes after those that it refers to.
        dry_run: Write nothing, and tell what would be done.

    Yields:
        What was done, as soon as it is done.
    """
    for document in documents:
        kind = KINDS[document.kind]
        try:
            block = find(kind, document.name)
        except RuntimeError:  # saved by another version: nothing of it can be kept
            if not dry_run:
                _made(document).save(document.name, overwrite=True)
            yield Registered(document.reference, "updated", tuple(sorted(document.fields)))
            continue
        if block is None:
            if not dry_run:
                # Another process may have made it since: both want the same.
                _made(document).save(document.name, overwrite=True)
            yield Registered(document.reference, "created")
            continue
        changed = changed_fields(document.fields, _present(block, document.fields))
        if changed and not dry_run:
            for path in changed:
                _assign(block, path, _loaded(document.fields[path]))
            block.save(document.name, overwrite=True)
        yield Registered(document.reference, "updated" if changed else "unchanged", changed)


def _present(block: Block, fields: Iterable[str]) -> dict[str, Value]:
    return {path: _compared(reduce(getattr, path.split("."), block)) for path in fields}


def _compared(value: Any) -> Value:
    """A field's value in the terms of a `Document`."""
    if not isinstance(value, Block):
        return cast("Value", value)
    return Reference(f"{value.get_block_type_slug()}/{value._block_document_name}")  # noqa: SLF001 - Prefect tells a loaded block's name nowhere else


def _loaded(value: Value) -> Any:
    """A value as a block's field takes it."""
    if not isinstance(value, Reference):
        return value
    kind, _, name = value.document.partition("/")
    return find(KINDS[kind], name)


def _assign(block: Block, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    setattr(reduce(getattr, parents, block), last, value)


def _made(document: Document) -> Block:
    """A new block; a dotted field goes into its parent's dict."""
    nested: dict[str, Any] = {}
    for path, value in document.fields.items():
        *parents, last = path.split(".")
        inner = reduce(lambda level, name: level.setdefault(name, {}), parents, nested)
        inner[last] = _loaded(value)
    return KINDS[document.kind](**nested)
