"""The JSON documents of a lake's products; a record names the files that lie beside it."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

SEAL = "document_sha256"
"""The SHA-256 of a record as it would be stored without this field: it reveals an alteration."""


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as it is stored: the same value gives the same bytes."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def record(document: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Return a document as it is stored: sealed, with each file's bytes and SHA-256 (`outputs`)."""
    outputs = {
        name: {"bytes": len(body), "sha256": sha256(body).hexdigest()}
        for name, body in files.items()
    }
    whole = {**document, "outputs": outputs}
    return json_bytes({**whole, SEAL: sha256(json_bytes(whole)).hexdigest()})


def is_sealed(document: Mapping[str, Any]) -> bool | None:
    """Return whether a record is unaltered; None for one that has no seal."""
    if SEAL not in document:
        return None
    whole = {name: value for name, value in document.items() if name != SEAL}
    return bool(document[SEAL] == sha256(json_bytes(whole)).hexdigest())
