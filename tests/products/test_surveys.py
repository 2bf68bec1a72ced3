"""How surveys are sized, shared out over tasks, and what each task asks of the machine."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.surveys import (
    GIB,
    HUGE,
    SHARD_BYTES,
    SHARD_FILES,
    Shard,
    measure,
    shards_of,
)
from blsquest.sources.bls import BlsRoot
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from tests.support.faults import Fault, status
from tests.support.lakes import LONG_AGO, client, mirror

surveys = st.lists(
    st.builds(
        Shard,
        codes=st.text("abcdefgh", min_size=2, max_size=2).map(lambda code: (code,)),
        files=st.lists(st.integers(0, 3 * GIB), max_size=200).map(tuple),
    ),
    max_size=30,
    unique_by=lambda s: s.codes,
)


@given(surveys=surveys)
def test_each_survey_is_in_one_shard_and_only_a_lone_one_is_too_large(
    surveys: list[Shard],
) -> None:
    shards = shards_of(surveys)

    assert sorted(c for s in shards for c in s.codes) == sorted(s.codes[0] for s in surveys)
    assert sum(s.bytes for s in shards) == sum(s.bytes for s in surveys)
    for shard in shards:
        within = shard.bytes <= SHARD_BYTES and len(shard.files) <= SHARD_FILES
        assert within or len(shard.codes) == 1


def test_small_surveys_share_a_task_and_a_huge_one_is_alone_and_first() -> None:
    shards = shards_of(
        [
            Shard(("pr",), (5_000_000,)),
            Shard(("ap",), (GIB // 2,)),
            Shard(("la",), (4 * GIB, GIB)),
            Shard(("ce",), (GIB,)),
        ]
    )
    assert [shard.codes for shard in shards] == [("la",), ("ap", "ce", "pr")]


@pytest.mark.parametrize(
    ("files", "machine"),
    [
        ((5_000_000,) * 12, {}),
        ((GIB, GIB), {}),
        ((GIB, GIB, 1), HUGE | {"ephemeral_storage": 50}),
        ((10 * GIB,) * 6, HUGE | {"ephemeral_storage": 50}),
        ((11 * GIB,) * 4, HUGE | {"ephemeral_storage": 100}),
        ((60 * GIB,) * 4, HUGE | {"ephemeral_storage": 200}),
    ],
)
def test_a_task_asks_for_the_memory_and_the_disk_of_its_largest_files(
    files: tuple[int, ...], machine: dict[str, Any]
) -> None:
    assert Shard(("xx",), files).machine() == machine


def test_sizes_come_from_the_lake_or_else_from_the_listing(
    server: SampleServer, lake: DirectoryStore
) -> None:
    for code in ("ap", "cu"):
        file = published(b"numbers of " + code.encode(), LONG_AGO, generated=True)
        server.surveys[code] = {f"{code}.data.1.All": file}
    mirror(server, lake)
    before = len(server.requests)
    server.faults = [Fault(status(404), path="*/cu/")]

    sizes = measure(lake, BlsRoot(client(), server.bls_url), ["ap", "cu", "pr"])

    assert sizes[:2] == [Shard(("ap",), (13,)), Shard(("cu",), ())]
    assert sorted(sizes[2].files) == sorted(len(f.body) for f in server.surveys["pr"].values())
    assert len(server.requests) - before == 2
