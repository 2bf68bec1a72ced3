"""Guards through a whole run; which listings they refuse is in `test_plan`."""

import pytest

from blsquest.core.errors import Refused
from blsquest.lake.guards import check_gone
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import mirror, release
from tests.support.manifests import kept, manifest


def test_a_survey_may_have_no_data_files(server: SampleServer, lake: DirectoryStore) -> None:
    server.surveys["pr"] = release({"readme.txt": b"text", "table1.csv": b"1"})
    assert mirror(server, lake).files == 2
    server.surveys["pr"] = release({"pr.txt": b"text", "readme.txt": b"text"})
    with pytest.raises(Refused, match="no data file"):
        mirror(server, lake)


def test_a_survey_in_pieces_may_lose_any_but_the_file_that_answers_are_made_from() -> None:
    parts = ("data.0.CurrentU00-04", "data.0.CurrentU05-09", "data.1.CurrentS", "series")
    pieces = manifest(*(kept(f"la.{part}") for part in parts))
    check_gone(["la.data.0.CurrentU00-04", "la.series"], pieces, "la.data.")
    with pytest.raises(Refused, match=r"la\.data\.1\.CurrentS, which answers are made from"):
        check_gone(["la.data.1.CurrentS"], pieces, "la.data.")
