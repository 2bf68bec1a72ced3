"""The JSON documents of a lake's products; a record names the files that lie beside it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as it is stored: the same value gives the same bytes."""
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def record(document: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Return a document as it is stored, with `outputs`: each file's bytes and SHA-256."""
    outputs = {
        name: {"bytes": len(body), "sha256": sha256(body).hexdigest()}
        for name, body in files.items()
    }
    return json_bytes({**document, "outputs": outputs})
