"""`tables.json`: written, and read strictly, for others than this project may have written it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

from flows.lake.errors import Missing
from flows.lake.tables import Catalogue, LeftOut, Table, catalogue_key, table_key

if TYPE_CHECKING:
    from flows.lake.store import Store

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
