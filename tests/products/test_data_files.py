"""The data file that answers are made from, and the refusal where a person must name one."""

import pytest

from blsquest import Lake
from blsquest.core.errors import Misuse
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products import observations
from blsquest.products.catalogue import data_entry
from blsquest.products.tables import ASPECT, make_tables
from tests.support.duck import ask
from tests.support.lakes import recorded
from tests.support.surveys import Surveys, rows, table

OLD = rows(("HS1", 1976, "A01", "1", ""), ("HS1", 1980, "A01", "2", ""))
NEW = rows(("HS1", 1981, "A01", "3", ""), ("HS2", 1981, "A01", "4", ""))
PIECES = {
    "data.1.1976to1980": OLD,
    "data.2.1981to1984": NEW,
    "data.3.Broken": "no data\r\n",
    "data.type": table("data_type_code|data_type_text", "1|Cases"),
}


@pytest.mark.parametrize("tabled", [False, True])
def test_the_person_is_asked_with_the_years_and_series_of_each_data_file(
    surveys: Surveys, lake: DirectoryStore, *, tabled: bool
) -> None:
    surveys.take("hs", PIECES)
    if tabled:
        make_tables(lake, "bls/hs")

    with pytest.raises(Misuse) as asked:
        Lake(lake.root).observations("hs")

    assert asked.value.what == (
        "Generation 1 of bls/hs has 3 data files, and nothing says which of them is the whole."
    )
    _, first, second, broken = asked.value.remedy.splitlines()
    assert first == "  hs.data.1.1976to1980 (1976-1980, 1 series)"
    assert second == "  hs.data.2.1981to1984 (1981, 2 series)"
    assert broken.startswith("  hs.data.3.Broken (can't be read: hs.data.3.Broken has no column")


def test_many_large_data_files_are_listed_by_their_bytes(
    surveys: Surveys, lake: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = surveys.take("hs", PIECES)
    monkeypatch.setattr(observations, "LOOKED_INTO", len(OLD))
    watched, calls = recorded(lake, "open")

    with pytest.raises(Misuse) as asked:
        data_entry(manifest, None, watched)

    assert f"hs.data.2.1981to1984 ({len(NEW)} bytes)" in asked.value.remedy
    assert len([key for _, key in calls if key.startswith("vintages/")]) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hs.data.9.None", "has no data file hs.data.9.None."),
        ("hs.data.type", "has no data file hs.data.type: it is not a data file."),
        ("cu.data.0.Current", "has no data file cu.data.0.Current: that is of the survey cu."),
    ],
)
def test_a_name_that_is_none_of_its_data_files_is_distinguished_from_one_of_another_survey(
    surveys: Surveys, lake: DirectoryStore, name: str, said: str
) -> None:
    surveys.take("hs", PIECES)
    with pytest.raises(Misuse) as asked:
        Lake(lake.root).observations("hs", data_file=name)
    assert asked.value.what == f"Generation 1 of bls/hs {said}"
    assert "hs.data.1.1976to1980 (1976-1980, 1 series)" in asked.value.remedy


def test_an_aspect_file_is_mirrored_and_left_out_of_the_tables_with_the_reason(
    surveys: Surveys, lake: DirectoryStore
) -> None:
    manifest = surveys.take("ci", {"data.0.Current": OLD, "aspect": "standard errors"})

    tabled = make_tables(lake, "bls/ci")

    assert "ci.aspect" in [entry.name for entry in manifest.files]
    assert tabled.made == ("ci.data.0.Current",)
    place = f"{lake.url}/tables/bls/ci/files"
    left = ask("select file, no_table from $table where no_table is not null", place)
    assert left == [("ci.aspect", ASPECT)]
