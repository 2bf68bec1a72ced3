"""What a run says when it is done."""

import json

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import PR, TO_RELEASE_2, mirror


def test_the_sentence_counts_what_happened(server: SampleServer, lake: DirectoryStore) -> None:
    first = mirror(server, lake)
    assert first.sentence() == (
        f"bls/pr (sample) Changed: 12 added; 12 files, {first.size:,} bytes, generation 1."
    )
    document = json.loads(json.dumps(first.as_dict()))
    assert (document["outcome"], document["generation"], document["uploaded"]) == ("Changed", 1, 12)
    assert document["source_cost"]["requests"] == document["storage_cost"]["by_verb"]["PUT"] == 14
    assert "dry_run" not in document
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
