"""What a run says when it is done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.lakes import PR, TO_RELEASE_2, mirror

if TYPE_CHECKING:
    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.server import SampleServer


def test_the_sentence_counts_what_happened(server: SampleServer, lake: DirectoryStore) -> None:
    first = mirror(server, lake)
    assert first.sentence() == (
        f"bls/pr (sample) Changed: 12 added; 12 files, {first.size:,} bytes, generation 1."
    )
    assert "Unchanged: nothing to do; 12 files" in mirror(server, lake).sentence()
    lake.delete(f"{PR}/pr.class")
    assert "Repaired: 1 repaired in the view" in mirror(server, lake).sentence()
    server.publish(2)
    assert "1 added, 2 changed, 1 restamped, 1 removed" in mirror(server, lake).sentence()


def test_the_rows_of_changes_lead_to_the_bytes(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    before = {name: len(file.body) for name, file in server.surveys["pr"].items()}
    server.publish(2)
    rows = mirror(server, lake).rows()
    now = {name: len(file.body) for name, file in server.surveys["pr"].items()}
    assert {row["file"]: row["change"] for row in rows} == TO_RELEASE_2
    for row in rows:
        assert row["bytes before"] == before.get(row["file"])
        assert row["bytes now"] == now.get(row["file"])
        assert row["source date"]
        assert row["why"]
        assert lake.size(row["vintage"]) == (row["bytes now"] or row["bytes before"])


def test_the_outcome_is_plain_json(server: SampleServer, lake: DirectoryStore) -> None:
    document = json.loads(json.dumps(mirror(server, lake).as_dict()))
    assert document["outcome"] == "Changed"
    assert (document["generation"], document["files"], document["uploaded"]) == (1, 12, 12)
    assert document["committed"].endswith("Z")
    assert document["source_cost"]["requests"] == 14
    assert document["storage_cost"]["by_verb"]["PUT"] == 14
    assert "dry_run" not in document
