"""How the dashboard points at objects: AWS's console for a bucket there, else the path or URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blsquest.lake.stores.s3 import S3Store

if TYPE_CHECKING:
    from blsquest.lake.stores.base import Store


def place(store: Store, key: str) -> tuple[str, bool]:
    """Where an object is, and whether that is a link that a browser can follow.

    A link is percent-encoded: it needs no escaping, and escaping would break it.
    """
    page = store.console_url(key) if isinstance(store, S3Store) else None
    return (f"{store.url}/{key}", False) if page is None else (page, True)
