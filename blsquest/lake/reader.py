"""Read the lake as a reader should: through a manifest, to a vintage, checking its hash."""

from hashlib import sha256
from pathlib import Path
from typing import IO

from blsquest.core.errors import Corrupt, Missing
from blsquest.lake.keys import vintage_key
from blsquest.lake.manifest import Entry, Manifest
from blsquest.lake.stores.base import Store

CHUNK = 1 << 20


def entry_named(manifest: Manifest, name: str) -> Entry | None:
    """Return the manifest's entry of that name, if it has one."""
    return next((e for e in manifest.files if e.name == name), None)


def hash_of(store: Store, key: str, into: IO[bytes] | None = None) -> str:
    """Return the SHA-256 of one object, streamed, and copy it where `into` is given."""
    digest = sha256()
    with store.open(key) as body:
        while chunk := body.read(CHUNK):
            digest.update(chunk)
            if into is not None:
                into.write(chunk)
    return digest.hexdigest()


def fetch_vintage(store: Store, source: str, entry: Entry, target: Path) -> None:
    """Stream a vintage into a local file; Corrupt where it is gone or not what its name says."""
    key = vintage_key(source, entry.name, entry.sha256)
    try:
        fetch_checked(store, key, entry.sha256, target)
    except Missing as error:
        what = f"{store.url}/{key} is named by a manifest and does not exist."
        raise Corrupt(what, "Restore it from the bucket's versions or a backup.") from error


def fetch_checked(store: Store, key: str, expected: str, target: Path) -> None:
    """Stream an object into a local file, created or replaced; Corrupt for another SHA-256."""
    with target.open("wb") as copy:
        digest = hash_of(store, key, copy)
    if digest != expected:
        raise Corrupt(
            f"{store.url}/{key} was altered: its SHA-256 is {digest}.",
            "Restore it from the bucket's versions or a backup; nothing was computed from it.",
        )
