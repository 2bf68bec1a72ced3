"""Guards through a whole run; which listings they refuse is in `test_plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Refused
from blsquest.lake.guards import check_gone
from blsquest.sources.sample.pages import published
from tests.support.lakes import LONG_AGO, assert_whole, history, kinds, mirror, release
from tests.support.manifests import kept, manifest

if TYPE_CHECKING:
    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.server import SampleServer


def test_a_survey_without_data_files_is_mirrored(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"readme.txt": b"text", "table1.csv": b"1"})
    assert mirror(server, lake).files == 2
    server.surveys["pr"] = release({"pr.txt": b"text", "readme.txt": b"text"})
    with pytest.raises(Refused, match="no data file"):
        mirror(server, lake)


def test_what_a_person_allows_is_done(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    gone = ("pr.class", "pr.contacts", "pr.duration", "pr.footnote")
    for name in gone:
        del server.surveys["pr"][name]
    server.surveys["pr"]["pr.data.1.AllData"] = published(b"short", LONG_AGO, generated=True)
    outcome = mirror(server, lake, allow=frozenset({"removals", "shrink"}))
    assert kinds(outcome) == dict.fromkeys(gone, "removed") | {"pr.data.1.AllData": "changed"}
    assert len(history(lake)[-1].manifest.tombstones) == 4
    assert_whole(lake)


def test_a_survey_in_pieces_may_lose_any_but_the_file_that_answers_are_made_from() -> None:
    parts = ("data.0.CurrentU00-04", "data.0.CurrentU05-09", "data.1.CurrentS", "series")
    pieces = manifest(*(kept(f"la.{part}") for part in parts))
    check_gone(["la.data.0.CurrentU00-04", "la.series"], pieces, "la.data.")
    with pytest.raises(Refused, match=r"la\.data\.1\.CurrentS, which answers are made from"):
        check_gone(["la.data.1.CurrentS"], pieces, "la.data.")


def test_a_code_table_with_a_dotted_name_is_no_data_that_is_left(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = release({"pr.data.type": b"code\ttext\r\n", "pr.txt": b"text"})
    with pytest.raises(Refused, match=r"names 2 files but no data file"):
        mirror(server, lake)
