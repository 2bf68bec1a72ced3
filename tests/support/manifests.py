"""Entries and manifests without a lake, for what is decided from them alone."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from blsquest.lake.manifest import Entry, Manifest

NOW = datetime(2025, 8, 15, 12, tzinfo=UTC)
MODIFIED = "Thu, 06 Feb 2025 13:30:00 GMT"
DIGEST = sha256(b"").hexdigest()


def kept(name: str = "a", size: int = 100, stamp: str = "monday", **changes: Any) -> Entry:
    """Return a settled file's entry."""
    entry = Entry(name, size, DIGEST, DIGEST, stamp, MODIFIED, NOW, NOW, settled=True)
    return replace(entry, **changes)


def manifest(*files: Entry, **fields: Any) -> Manifest:
    """Return generation 1 of `pr` with these files."""
    given: dict[str, Any] = {"source": "bls/pr", "layout": "flat", "sample": False, "generation": 1}
    given |= {"parent": None, "committed": NOW, "run": "r", "tombstones": ()}
    return Manifest(files=files, **(given | fields))
