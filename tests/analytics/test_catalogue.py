"""A survey's series in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.analytics.bad_data import BadData
from flows.analytics.catalogue import read_catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from flows.analytics.catalogue import Catalogue

SPAN = "begin_year\tbegin_period\tend_year\tend_period"


def catalogue(folder: Path, survey: str, **files: str | bytes) -> Catalogue:
    """The catalogue of files with these contents; `series` is `<survey>.series`."""
    paths = {}
    for suffix, text in files.items():
        name = f"{survey}.{suffix}"
        paths[name] = folder / name
        paths[name].write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_catalogue(survey, paths)


def test_the_real_survey_is_told_in_words_to_the_last_series(shared_data: Path) -> None:
    files = {path.name: path for path in (shared_data / "pr" / "2025-02").iterdir()}

    found = read_catalogue("pr", files)

    assert found.notes == ()
    assert found.frame.height == 282
    assert found.frame.select("title", "unit", "first_period").null_count().row(0) == (0, 0, 0)
    assert found.frame.get_column("title").n_unique() == 282
    row = found.frame.filter(series_id="PRS30006032").row(0, named=True)
    assert row == {
        "series_id": "PRS30006032",
        "title": (
            "Manufacturing, all workers: Hours worked, % change from previous quarter, "
            "seasonally adjusted"
        ),
        "unit": "percent",
        "sector_code": "3000",
        "sector": "Manufacturing",
        "class_code": "6",
        "class": "All workers",
        "measure_code": "03",
        "measure": "Hours worked",
        "duration_code": "2",
        "duration": "% Change from previous quarter",
        "seasonal_code": "S",
        "seasonal": "Seasonal Adjusted",
        "first_period": "1987 Q02",
        "last_period": "2024 Q05",
        "base_year": None,
        "footnote_codes": None,
    }
    index = found.frame.filter(series_id="PRS30006033").row(0, named=True)
    assert (index["unit"], index["base_year"]) == ("index (2017=100)", "2017")


def test_padding_mixed_case_blank_lines_and_ragged_ends_are_borne(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series=(
            f"series_id   \tThing_code \tseasonal\tbase\t{SPAN}\r\n"
            "XX1   \t01 \tS\t-\t1990\tM01\t2024\tM12\t\r\n"
            "\r\n"
            "XX2   \t 1\tU\t5\t1990\r\n"
            "\r\n"
        ),
        thing=" THING_code\tThing_Text\textra\r\n01\tLeading zero\t\t\t\r\n1\tNone\r\n\r\n",
        seasonal="Seasonal_code\tSeasonal_text\r\nS\tAdjusted\r\nU\tNot adjusted\r\n\r\n",
    )

    assert found.notes == ()
    assert found.frame.select("series_id", "title", "base", "first_period").rows() == [
        ("XX1", "Leading zero, Adjusted", None, "1990 M01"),
        ("XX2", "None, Not adjusted", "5", None),
    ]


def test_a_survey_with_titles_of_its_own_keeps_them_and_tells_its_base_as_the_unit(
    tmp_path: Path,
) -> None:
    found = catalogue(
        tmp_path,
        "cu",
        series=(
            "series_id\tarea_code\tbase_period\tseries_title\n"
            "CU1\t0000\t1982-84=100\tAll items in U.S. city average\n"
        ),
        area="area_code\tarea_name\n0000\tU.S. city average\n",
    )

    assert found.frame.select("title", "unit", "area").row(0) == (
        "All items in U.S. city average",
        "index (1982-84=100)",
        "U.S. city average",
    )


def test_a_code_that_means_something_only_within_another_is_found_there(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "wp",
        series="series_id\tgroup_code\titem_code\nW1\t01\t1\nW2\t02\t1\n",
        group="group_code\tgroup_name\n01\tFarm\n02\tFuel\n",
        item="group_code\titem_code\titem_name\n01\t1\tWheat\n02\t1\tCoal\n",
    )

    assert found.notes == ()
    assert found.frame.get_column("title").to_list() == ["Farm, Wheat", "Fuel, Coal"]


def test_a_table_whose_name_lacks_the_underscore_is_found(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "ce",
        series="series_id\tdata_type_code\nC1\t01\n",
        datatype="data_type_code\tdata_type_text\n01\tAll employees\n",
    )

    assert found.frame.row(0, named=True)["data_type"] == "All employees"


def test_a_code_that_its_table_does_not_have_stands_for_itself(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tthing_code\nX1\t99\n",
        thing="thing_code\tthing_text\n01\tKnown\n",
    )

    assert found.frame.select("thing_code", "thing", "title").row(0) == ("99", None, "99")


def test_what_does_not_follow_the_convention_is_left_out_with_a_note(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tlost_code\todd_code\tmute_code\ttwice_code\tn\nX1\t1\t1\t1\t1\t7\n",
        odd="something\telse\n1\tWords\n",
        mute="mute_code\tsort_sequence\n1\t1\n",
        twice="twice_code\ttwice_text\n1\tone\n1\tother\n",
    )

    assert found.notes == (
        "lost_code: the survey has no file xx.lost",
        "odd_code: xx.odd has no column odd_code",
        "mute_code: xx.mute has no column of words",
        "twice_code: xx.twice explains a code in more than one way",
    )
    row = found.frame.row(0, named=True)
    assert (row["series_id"], row["title"], row["lost_code"], row["n"]) == ("X1", None, "1", "7")


def test_bytes_that_are_no_utf8_become_a_replacement_character(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tthing_code\nX1\t1\n",
        thing=b"thing_code\tthing_text\n1\tCaf\xe9\n",
    )

    assert found.frame.item(0, "title") == "Caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "has no xx.series"),
        ({"series": "id\tname\nX1\tx\n"}, "no column series_id"),
        ({"series": ""}, "no header"),
        ({"series": "series_id\ta\ta\n"}, "no header"),
    ],
)
def test_a_survey_without_a_series_file_that_can_be_read_has_no_catalogue(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    with pytest.raises(BadData, match=said):
        catalogue(tmp_path, "xx", **files)
