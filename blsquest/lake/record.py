"""The record of a source: what its view was copied from, and the generation it last equalled.

It is derived and may be lost. Every commit writes it, also one that copies nothing, so a run can
see from it whether the log still ends where it did (`rollback.py`).
"""

import json
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from blsquest.core.errors import Missing
from blsquest.lake.keys import view_record_key
from blsquest.lake.manifest import Generation
from blsquest.lake.stores.base import Store

_WRITTEN_ANEW = ConfigDict(extra="ignore")
"""Fields that a later release adds describe its own writes, and are lost with them."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a view key was last copied from, and the token that `Store.copy` returned."""

    __pydantic_config__: ClassVar[ConfigDict] = _WRITTEN_ANEW

    vintage: str
    token: str


@dataclass(frozen=True, slots=True)
class Publication:
    """The generation that the view was last made equal to.

    Attributes:
        lake: The address of the lake (`Store.address`) at that time. If the lake was copied or
            moved since, the record says nothing about the log (one may have been copied before a
            commit and the other after it), nor about what the storage can do.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _WRITTEN_ANEW

    generation: Annotated[int, Field(ge=1)]
    manifest_sha256: str
    lake: str


@dataclass(frozen=True, slots=True)
class Made:
    """What something derived, such as the tables, was last made for.

    Attributes:
        layout: In which form.
        glue: The Glue database whose tables point to it; None where none is known to.
        report: The folder of the survey's newest report that it shows; None for none.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _WRITTEN_ANEW

    manifest_sha256: str
    lake: str
    layout: int = 0
    glue: str | None = None
    report: str | None = None


class Record(BaseModel):
    """A source's record of publishing, by view key; unknown fields are kept."""

    model_config = ConfigDict(extra="allow")

    version: int = 1
    copied: dict[str, Copied]
    published: Publication | None = None
    made: dict[str, Made] = Field(default_factory=dict)

    def own(self, store: Store) -> Publication | None:
        """Return the last publication in this very lake; None if unknown."""
        published = self.published
        return published if published and published.lake == store.address else None


def made_for(store: Store, generation: Generation | None, record: Record, what: str) -> Made | None:
    """Return how something was made, if it was for that generation in that lake."""
    made = record.made.get(what)
    if made is None or generation is None:
        return None
    own = (made.manifest_sha256, made.lake) == (generation.sha256, store.address)
    return made if own else None


def publication(store: Store, generation: Generation) -> Publication:
    """Return the record's entry for a view that equals that generation."""
    return Publication(generation.manifest.generation, generation.sha256, store.address)


def encode_record(record: Record) -> bytes:
    """Return the record as JSON."""
    without = None if record.made else {"made"}
    return (json.dumps(record.model_dump(exclude=without), indent=1) + "\n").encode()


def decode_record(body: bytes) -> Record:
    """Return the record, or an empty one if the bytes make no sense: it only saves copies."""
    try:
        return Record.model_validate_json(body, strict=True)
    except ValidationError:
        return Record(copied={})


def read_record(store: Store, source: str) -> Record:
    """Return the record of a source; an empty one where there is none."""
    try:
        return decode_record(store.read(view_record_key(source)))
    except Missing:
        return Record(copied={})


def write_record(store: Store, source: str, record: Record) -> None:
    """Put the record of a source."""
    store.put(view_record_key(source), encode_record(record))
