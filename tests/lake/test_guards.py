"""Listings that are not to be believed, through a whole run: nothing changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Mixed, Refused
from blsquest.sources.sample.pages import Row, published
from tests.support.lakes import LONG_AGO, assert_whole, contents, history, kinds, mirror, release
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
    ("shown", "what", "remedy"),
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
    ],
    ids=["empty", "no-data", "removals", "shrink", "subdirectories"],
)
def test_a_listing_that_is_not_to_be_believed_changes_nothing(
    server: SampleServer, lake: DirectoryStore, shown: Shown, what: str, remedy: str
) -> None:
    mirror(server, lake)
    before, asked = contents(lake), len(server.requests)
    server.listing_rows = shown
    with pytest.raises(Refused, match=what) as caught:
        mirror(server, lake)
    assert remedy in caught.value.remedy
    assert contents(lake) == before
    assert len(server.requests) - asked == 1


def test_a_survey_none_of_whose_files_is_named_by_the_convention_is_mirrored(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"readme.txt": b"text", "table1.csv": b"1"})
    assert mirror(server, lake).files == 2
    server.surveys["pr"] = release({"pr.txt": b"text", "readme.txt": b"text"})
    with pytest.raises(Refused, match="no data file"):
        mirror(server, lake)


def test_a_removal_of_many_files_and_a_shrunk_data_file_are_done_when_a_person_allows_them(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    gone = ("pr.class", "pr.contacts", "pr.duration", "pr.footnote")
    for name in gone:
        del server.surveys["pr"][name]
    server.surveys["pr"]["pr.data.1.AllData"] = published(b"short", LONG_AGO, generated=True)
    outcome = mirror(server, lake, allow=frozenset({"removals", "shrink"}))
    assert kinds(outcome) == dict.fromkeys(gone, "removed") | {"pr.data.1.AllData": "changed"}
    assert len(history(lake)[-1].manifest.tombstones) == 4
    assert_whole(lake)


def test_real_data_is_never_mixed_into_a_lake_of_sample_data(
    server: SampleServer, lake: DirectoryStore, tmp_path: Path
) -> None:
    mirror(server, lake)
    before = contents(lake)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "pr.data.0.Current").write_bytes(b"real\r\n")
    publish_folder(server, tmp_path / "files")
    with pytest.raises(Mixed, match="never mixed"):
        mirror(server, lake, allow=frozenset({"no-data", "removals", "shrink", "subdirectories"}))
    assert contents(lake) == before


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
