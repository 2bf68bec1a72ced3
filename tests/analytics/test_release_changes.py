"""What a release changed, summed up: counts, the largest, and the share by group and year."""

from pathlib import Path

import polars as pl

from blsquest.analytics.catalogue import Catalogue
from blsquest.analytics.release_changes import ReleaseChanges
from tests.support.contents import content
from tests.support.data_files import Row

BEFORE: list[Row] = [
    ("A", 2013, "Q01", "1"),
    ("A", 2013, "Q02", "2"),
    ("B", 2013, "Q01", "10"),
    ("C", 2013, "Q01", "5"),
]
NOW: list[Row] = [
    ("A", 2013, "Q01", "1.5"),
    ("A", 2013, "Q02", "2"),
    ("B", 2013, "Q01", "40"),
    ("D", 2014, "Q01", "3"),
]


def catalogue(**codes: list[str]) -> Catalogue:
    """Series A, B, D with these codes and their words."""
    columns = {"series_id": ["A", "B", "D"], "title": list("abd"), "unit": ["u", "v", "u"]}
    coded = {f"{name}_code": words for name, words in codes.items()} | codes
    return Catalogue(pl.DataFrame(columns | coded), ())


def changes(folder: Path, words: Catalogue) -> ReleaseChanges:
    found = content(folder, NOW, before=BEFORE, catalogue=words).changes
    assert found is not None
    return found


def test_differences_are_counted_by_unit_and_as_shares_of_a_group_in_a_year(tmp_path: Path) -> None:
    found = changes(tmp_path, catalogue(measure=["hours", "costs", "hours"]))
    known = {name: count for name, count in found.counts.items() if count}
    assert known == {"added": 1, "removed": 1, "revised": 2, "series": 4}
    largest = found.highlights["largest"].select("series_id", "title", "unit", "measure").rows()
    assert largest == [("A", "a", "u", "hours"), ("B", "b", "v", "costs")]
    assert found.highlights["largest_percent"].get_column("percent").to_list() == [50, 300]
    assert found.grouped_by == "measure"
    assert found.shares.select("group", "year", "rows", "revised", "share").rows() == [
        ("costs", 2013, 1, 1, 1.0),
        ("hours", 2013, 2, 1, 0.5),
        ("hours", 2014, 1, 0, None),  # it is new
    ]


def test_the_finest_code_that_fits_on_a_page_makes_the_groups_or_all_are_one(
    tmp_path: Path,
) -> None:
    words = catalogue(sector=["x", "x", "y"], measure=["a", "b", "c"], seasonal=["S", "S", "S"])
    assert changes(tmp_path, words).grouped_by == "measure"
    (tmp_path / "without").mkdir()
    found = changes(tmp_path / "without", catalogue())
    assert found.grouped_by == ""
    assert set(found.shares.get_column("group")) == {"all series"}


def test_a_code_that_is_called_as_a_column_of_the_counts_names_the_groups(tmp_path: Path) -> None:
    found = changes(tmp_path, catalogue(year=["early", "late", "early"]))
    assert found.grouped_by == "year"
    assert found.shares.select("group", "year", "rows", "revised").rows() == [
        ("early", 2013, 2, 1),
        ("early", 2014, 1, 0),
        ("late", 2013, 1, 1),
    ]
