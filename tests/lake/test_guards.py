"""Listings that are not to be believed, through a whole run: nothing changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Mixed, Refused
from blsquest.lake.guards import check_kind
from blsquest.lake.log import ManifestLog
from blsquest.sources.sample.pages import Row, published
from tests.support.lakes import (
    LONG_AGO,
    PR,
    assert_whole,
    contents,
    history,
    kinds,
    mirror,
    release,
)
from tests.support.publishing import publish_folder

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.pages import Shown
    from blsquest.sources.sample.server import SampleServer


def without(*names: str) -> Shown:
    """A listing that leaves these files out."""
    return lambda _, rows: [row for row in rows if row.name not in names]


def shrunk(_: str, rows: list[Row]) -> list[Row]:
    return [replace(row, size=100) if row.name == "pr.data.1.AllData" else row for row in rows]


@pytest.mark.parametrize(
    ("shown", "told", "remedy"),
    [
        (lambda *_: [], "is empty", "run again"),
        (
            lambda _, rows: [r for r in rows if not r.name.startswith("pr.data.")],
            "no data file",
            "--allow no-data",
        ),
        (
            without("pr.class", "pr.contacts", "pr.duration", "pr.footnote"),
            "lacks 4 of the 12 files",
            "--allow removals",
        ),
        (shrunk, "shrank from 1,245,839 to 100 bytes", "--allow shrink"),
        (lambda _, rows: [Row("maps", None, rows[0].stamp), *rows], "maps/", "subdirectories"),
        (
            lambda _, rows: [*rows, Row("PR.class", 1, rows[0].stamp)],
            "differ by case alone",
            "Nothing was changed",
        ),
        (
            lambda _, rows: [*rows, Row("..%2f..%2fetc", 1, rows[0].stamp)],
            "unsafe name",
            "Nothing was changed",
        ),
    ],
    ids=["empty", "no-data", "removals", "shrink", "subdirectories", "case", "name"],
)
def test_a_listing_that_is_not_to_be_believed_changes_nothing(
    server: SampleServer, lake: DirectoryStore, shown: Shown, told: str, remedy: str
) -> None:
    mirror(server, lake)
    before, asked = contents(lake), len(server.requests)
    server.listing_rows = shown
    with pytest.raises(Refused, match=told) as caught:
        mirror(server, lake)
    assert remedy in caught.value.remedy
    assert contents(lake) == before
    assert len(server.requests) - asked == 1


def test_a_removal_of_many_files_is_done_when_a_person_allows_it(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    for name in ("pr.class", "pr.contacts", "pr.duration", "pr.footnote"):
        del server.surveys["pr"][name]
    outcome = mirror(server, lake, allow=frozenset({"removals"}))
    assert set(kinds(outcome).values()) == {"removed"}
    assert len(history(lake)[-1].manifest.tombstones) == 4
    assert_whole(lake)


def test_a_data_file_cut_by_more_than_half_is_taken_when_a_person_allows_it(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    server.surveys["pr"]["pr.data.1.AllData"] = published(b"short", LONG_AGO, generated=True)
    with pytest.raises(Refused):
        mirror(server, lake)
    assert kinds(mirror(server, lake, allow=frozenset({"shrink"}))) == {
        "pr.data.1.AllData": "changed"
    }
    assert_whole(lake)


def test_sub_directories_are_left_out_when_a_person_allows_it(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr/maps"] = release({"pr.map": b"a map"})
    with pytest.raises(Refused, match="maps/"):
        mirror(server, lake)
    assert lake.list("") == []
    assert mirror(server, lake, allow=frozenset({"subdirectories"})).files == 12


def test_a_survey_without_data_files_is_mirrored_when_a_person_allows_it(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"pr.txt": b"text"})
    with pytest.raises(Refused, match="no data file"):
        mirror(server, lake)
    assert mirror(server, lake, allow=frozenset({"no-data"})).files == 1


def test_a_survey_none_of_whose_files_is_named_by_the_convention_is_mirrored(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"readme.txt": b"text", "table1.csv": b"1"})
    assert mirror(server, lake).files == 2
    server.surveys["pr"] = release({"pr.txt": b"text", "readme.txt": b"text"})
    with pytest.raises(Refused, match="no data file"):
        mirror(server, lake)


@pytest.mark.parametrize("first", ["sample", "real"])
def test_sample_and_real_data_are_never_mixed_in_one_lake(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path, first: str
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "pr.data.0.Current").write_bytes(b"real\r\n")

    def publish(kind: str) -> None:
        if kind == "sample":
            server.publish(1)
        else:
            publish_folder(server, folder)

    publish(first)
    mirror(server, lake)
    before = contents(lake)
    publish("real" if first == "sample" else "sample")
    with pytest.raises(Refused, match="never mixed"):
        mirror(server, lake, allow=frozenset({"no-data", "removals", "shrink", "subdirectories"}))
    assert contents(lake) == before


@pytest.mark.parametrize("sample", [True, False])
def test_a_kind_is_refused_only_beside_the_other(
    server: SampleServer, lake: DirectoryStore, *, sample: bool
) -> None:
    mirror(server, lake)
    newest = ManifestLog(lake, PR).latest()
    assert newest is not None
    held = replace(newest.manifest, sample=sample)

    check_kind(None, sample=not sample)
    check_kind(held, sample=sample)
    kinds_told = "sample data .* serves real" if sample else "real data .* serves sample"
    with pytest.raises(Mixed, match=kinds_told):
        check_kind(held, sample=not sample)


def test_a_first_run_never_publishes_over_files_of_somebody_else(
    server: SampleServer, lake: DirectoryStore
) -> None:
    lake.put("bls/pr/mine.txt", b"mine")
    before = contents(lake)
    with pytest.raises(Refused, match=r"bls/pr/mine\.txt the first, and no manifest") as caught:
        mirror(server, lake)
    assert "--allow foreign-files" in caught.value.remedy
    assert contents(lake) == before
    assert server.requests == []
    assert mirror(server, lake, allow={"foreign-files"}).name == "Changed"
    assert lake.size("bls/pr/mine.txt") is None
