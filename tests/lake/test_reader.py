"""Readers go through the manifest to a vintage and check its hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Corrupt
from blsquest.lake.keys import vintage_key
from blsquest.lake.reader import entry_named, fetch_vintage
from tests.support.lakes import PR, history, mirror

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.server import SampleServer

NAME = "pr.data.0.Current"


def test_a_vintage_is_read_as_published(server: SampleServer, store: Store, tmp_path: Path) -> None:
    mirror(server, store)
    body = server.surveys["pr"][NAME].body
    server.publish(2)
    mirror(server, store)
    assert entry_named(history(store)[0].manifest, "pr.none") is None
    entry = entry_named(history(store)[0].manifest, NAME)
    assert entry is not None
    fetch_vintage(store, PR, entry, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == body


@pytest.mark.parametrize(("gone", "says"), [(True, "does not exist"), (False, "was altered")])
def test_a_vintage_that_is_not_what_its_name_says_is_corrupt(
    server: SampleServer, store: Store, tmp_path: Path, says: str, *, gone: bool
) -> None:
    mirror(server, store)
    entry = entry_named(history(store)[0].manifest, NAME)
    assert entry is not None
    key = vintage_key(PR, NAME, entry.sha256)
    if gone:
        store.delete(key)
    else:
        store.put(key, store.read(key)[:-1] + b"?")
    with pytest.raises(Corrupt, match=says) as caught:
        fetch_vintage(store, PR, entry, tmp_path / "copy")
    assert f"{store.url}/{key}" in caught.value.what
    assert "Restore it" in caught.value.remedy
