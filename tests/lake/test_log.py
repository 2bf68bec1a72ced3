"""The manifest log: what is in it, which generation was true when, and who may add one."""

from datetime import UTC, datetime, timedelta

import pytest

from blsquest.core.errors import Corrupt, Misuse
from blsquest.lake.as_of import parse_as_of
from blsquest.lake.log import ManifestLog, release_before
from blsquest.lake.manifest import Generation, encode
from blsquest.lake.stores.directory import DirectoryStore
from tests.support.lakes import PR, recorded
from tests.support.manifests import manifest
from tests.support.pasts import CURRENT, Past

START = datetime(2025, 8, 15, 22, tzinfo=UTC)


def grow(log: ManifestLog, generations: int) -> None:
    """Commit generations 1, 2 …, an hour apart from `START` on."""
    parent: Generation | None = None
    for number in range(1, generations + 1):
        committed = START + timedelta(hours=number - 1)
        above = parent.sha256 if parent else None
        parent = log.commit(manifest(generation=number, parent=above, committed=committed))
        assert parent is not None


@pytest.fixture
def log(lake: DirectoryStore) -> ManifestLog:
    return ManifestLog(lake, PR)


def test_the_latest_is_the_greatest_number_and_costs_one_list_and_one_get(log: ManifestLog) -> None:
    assert log.latest() is None
    assert log.generations() == []
    grow(log, 11)
    tenth, eleventh = log.read(10), log.read(11)
    assert log.newer_than(tenth) == eleventh
    assert log.newer_than(eleventh) is None
    log.store, calls = recorded(log.store)
    assert log.latest() == eleventh
    assert [verb for verb, _ in calls] == ["list", "read"]


def test_other_files_in_the_folder_are_passed_over(log: ManifestLog, lake: DirectoryStore) -> None:
    grow(log, 2)
    for name in ("README", "00000009.json.bak", "9.json", "000000010.json", "٠٠٠٠٠٠٠٩.json"):
        lake.put(f"manifests/{PR}/{name}", b"not one")
    assert log.generations() == [1, 2]


def test_the_state_at_a_moment_is_the_last_generation_committed_by_then(log: ManifestLog) -> None:
    grow(log, 5)
    tick = timedelta(microseconds=1)
    for number in range(1, 6):
        committed = START + (number - 1) * timedelta(hours=1)
        assert log.at(committed).manifest.generation == number
        assert log.at(committed + timedelta(hours=1) - tick).manifest.generation == number
    assert log.at(START + timedelta(days=400)).manifest.generation == 5


def test_a_moment_is_found_in_a_long_log_with_few_reads(log: ManifestLog) -> None:
    grow(log, 100)
    log.store, calls = recorded(log.store)
    assert log.at(START + timedelta(hours=36, minutes=30)).manifest.generation == 37
    assert len(calls) <= 1 + 7


def test_a_time_before_the_first_generation_is_misuse_that_names_it(log: ManifestLog) -> None:
    with pytest.raises(Misuse, match=r"There is no lake at .*mirror something first"):
        log.at(START)
    grow(log, 1)
    day = parse_as_of("2025-08-14").until
    assert day is not None
    first = r"before the first generation .* 2025-08-15T22:00:00"
    with pytest.raises(Misuse, match=rf"^2025-08-14 lies {first}"):
        log.at(day)
    with pytest.raises(Misuse, match=rf"^2025-08-15T21:59:59\.999999Z lies {first}"):
        log.at(START - timedelta(microseconds=1))


def test_a_number_means_that_generation_alone(log: ManifestLog, lake: DirectoryStore) -> None:
    """Answered from another, the same question would have another answer later."""
    with pytest.raises(Misuse, match="the log is empty"):
        log.numbered(1)
    grow(log, 5)
    lake.delete(f"manifests/{PR}/00000003.json")
    assert [log.numbered(n).manifest.generation for n in (1, 2, 4, 5)] == [1, 2, 4, 5]
    for number in (3, 6, 99):
        with pytest.raises(Misuse, match=f"no generation {number}: it has 1 to 5"):
            log.numbered(number)


def test_a_manifest_in_a_place_of_another_is_corrupt(
    log: ManifestLog, lake: DirectoryStore
) -> None:
    grow(log, 2)
    lake.put(f"manifests/{PR}/00000002.json", lake.read(f"manifests/{PR}/00000001.json"))
    with pytest.raises(Corrupt, match=r"00000002\.json says that it is generation 1 of bls/pr"):
        log.latest()
    lake.put("manifests/bls/cu/00000001.json", encode(log.read(1).manifest))
    with pytest.raises(Corrupt, match=r"says that it is generation 1 of bls/pr"):
        ManifestLog(lake, "bls/cu").latest()


def before(past: Past, number: int, name: str = CURRENT) -> tuple[int, int] | None:
    log = ManifestLog(past.store, PR)
    found = release_before(log, log.read(number), name)
    return (found[0].manifest.generation, found[1].size) if found else None


def test_generations_in_which_the_file_stayed_are_passed_over(past: Past) -> None:
    past.release(Current="1")
    past.release(Current="22")
    past.release(Current="22", notice="other")
    past.release(Current="22", notice="another")
    past.release(Current="1", notice="another")
    assert before(past, 4) == (1, 1)
    assert before(past, 2) == (1, 1)
    assert before(past, 5) == (4, 2)  # the bytes of generation 1 again
    assert before(past, 4, "pr.notice") == (3, 5)


def test_a_file_without_a_past_has_none(past: Past) -> None:
    past.release(Current="1")
    past.release(Current="1", notice="new")
    assert before(past, 1) is None
    assert before(past, 2) is None
    assert before(past, 2, "pr.notice") is None
