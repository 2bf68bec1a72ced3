"""A survey's series in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from blsquest.analytics.catalogue import read_catalogue, unit
from blsquest.analytics.code_tables import in_words
from blsquest.core.errors import BadData

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.analytics.catalogue import Catalogue

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
        "lost_code: the survey has no code table xx.lost",
        "odd_code: xx.odd has no column odd_code",
        "mute_code: xx.mute has no column of words",
        "twice_code: xx.twice explains a code in more than one way",
    )
    row = found.frame.row(0, named=True)
    assert (row["series_id"], row["title"], row["lost_code"], row["n"]) == ("X1", None, "1", "7")


def test_one_table_that_cannot_be_read_is_left_out_alone(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tthing_code\tarea_code\tkind_code\nX1\t1\t5\t7\n",
        thing="thing_code\tthing_text\n1\tThing\n",
        area="",
        kind="kind_code\tkind_text\t*\n7\tKind\t\n",
    )
    assert found.notes == (
        "area_code: xx.area has no header of columns with names of their own",
        "kind_code: xx.kind has names in its header that no column can have",
    )
    row = found.frame.row(0, named=True)
    assert (row["title"], row["area_code"], row["kind_code"]) == ("Thing", "5", "7")


def test_what_polars_fails_at_in_one_table_is_left_out_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(column: str, *given: object) -> pl.Series:
        if column == "area_code":
            raise pl.exceptions.SchemaError("a\nlong story")
        return in_words(column, *given)  # type: ignore[arg-type]

    monkeypatch.setattr("blsquest.analytics.catalogue.in_words", fail)
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tthing_code\tarea_code\nX1\t1\t5\n",
        thing="thing_code\tthing_text\n1\tThing\n",
        area="area_code\tarea_text\n5\tArea\n",
    )
    assert found.notes == ("area_code: xx.area can't be joined (SchemaError)",)
    assert found.frame.item(0, "title") == "Thing"


@pytest.mark.parametrize("stem", ["title", "unit", "first_period", "last_period", "series_title"])
def test_a_code_whose_words_would_be_called_as_another_column_is_not_told(
    tmp_path: Path, stem: str
) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series=f"series_id\t{SPAN}\t{stem}_code\nX1\t1990\tM01\t2024\tM12\t1\n",
        **{stem: f"{stem}_code\t{stem}_text\n1\tWords\n"},
    )
    assert found.notes == (f"{stem}_code: the catalogue has another column {stem}",)
    row = found.frame.row(0, named=True)
    assert (row[f"{stem}_code"], row["title"], row["unit"]) == ("1", None, None)
    assert (row["first_period"], row["last_period"]) == ("1990 M01", "2024 M12")


@pytest.mark.parametrize("column", ["title", "unit", "first_period", "last_period"])
def test_a_column_that_the_catalogue_makes_itself_is_left_out_of_the_series_file_with_a_note(
    tmp_path: Path, column: str
) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series=f"series_id\t{SPAN}\t{column}\nX1\t1990\tM01\t2024\tM12\town\n",
        **{column: f"{column}\t{column}_text\nown\tWords\n"},
    )
    assert found.notes == (f"{column}: that of xx.series is left out, the catalogue makes its own",)
    assert found.frame.columns == ["series_id", "title", "unit", "first_period", "last_period"]
    assert found.frame.row(0) == ("X1", None, None, "1990 M01", "2024 M12")


def test_of_a_column_and_its_namesake_with_codes_neither_takes_the_others_name(
    tmp_path: Path,
) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tseasonal_code\tseasonal\tthing_code\nX1\tS\town\t1\n",
        seasonal="seasonal_code\tseasonal_text\nS\tAdjusted\n",
        thing="thing_code\tthing_text\n1\tThing\n",
    )
    assert found.notes == (
        "seasonal_code: the catalogue has another column seasonal",
        "seasonal: the catalogue has another column seasonal_code",
    )
    row = found.frame.row(0, named=True)
    assert (row["title"], row["seasonal_code"], row["seasonal"]) == ("Thing", "S", "own")


def test_a_column_called_as_a_tables_words_stays_as_it_is(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tseasonal\tseasonal_text\nX1\tS\town\n",
        seasonal="seasonal_code\tseasonal_text\nS\tAdjusted\n",
    )
    row = found.frame.row(0, named=True)
    assert row["title"] == row["seasonal"] == "Adjusted"
    assert (row["seasonal_code"], row["seasonal_text"]) == ("S", "own")
    assert found.frame.columns == [
        *("series_id", "title", "unit"),
        *("seasonal_code", "seasonal", "seasonal_text"),
    ]


def test_a_code_that_is_told_already_still_says_within_what_another_one_means_something(
    tmp_path: Path,
) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tgroup\titem_code\nX1\t01\t1\nX2\t02\t1\n",
        group="group\tgroup_name\n01\tFarm\n02\tFuel\n",
        item="group\titem_code\titem_name\n01\t1\tWheat\n02\t1\tCoal\n",
    )
    assert found.notes == ()
    assert found.frame.get_column("title").to_list() == ["Farm, Wheat", "Fuel, Coal"]


def test_of_two_tables_the_one_with_the_exact_name_explains(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tdata_type_code\nX1\t1\n",
        data_type="data_type_code\tdata_type_text\n1\tright\n",
        datatype="data_type_code\tdata_type_text\n1\twrong\n",
    )
    assert found.frame.item(0, "data_type") == "right"


def test_the_series_file_explains_no_code_of_its_own(tmp_path: Path) -> None:
    found = catalogue(tmp_path, "xx", series="series_id\tseries_code\tseries_title\nX1\t1\tOwn\n")
    assert found.notes == ("series_code: the survey has no code table xx.series",)
    assert found.frame.row(0, named=True)["title"] == "Own"


def test_a_series_with_lines_that_differ_is_told_by_the_first_with_a_note(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series=(
            "series_id\tseries_title\n"
            "X1\tfirst\nX2\tsame\nX1\tsecond\nX2\tsame\nX3\tone\nX3\t\nX1\tthird\n"
        ),
    )
    assert found.notes == ("xx.series: 2 series have lines that differ, the first is taken",)
    assert found.frame.select("series_id", "title").rows() == [
        ("X1", "first"),
        ("X2", "same"),
        ("X3", "one"),
    ]


def test_a_series_without_any_code_has_no_title(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        "xx",
        series="series_id\tthing_code\nX1\nX2\t1\n",
        thing="thing_code\tthing_text\n1\tThing\n",
    )
    assert found.frame.get_column("title").to_list() == [None, "Thing"]


def test_a_beginning_without_a_period_is_kept_as_it_is(tmp_path: Path) -> None:
    found = catalogue(tmp_path, "xx", series="series_id\tbegin_year\nX1\t1990\n")
    assert found.frame.row(0, named=True)["begin_year"] == "1990"


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


@pytest.mark.parametrize(
    ("column", "told", "expected"),
    [
        ("duration", "Index (2017=100)", "index (2017=100)"),
        ("duration", "% Change same quarter 1 year ago", "percent"),
        ("base_period", "1982-84=100", "index (1982-84=100)"),
        ("base_period", "DECEMBER 1997=100", "index (DECEMBER 1997=100)"),
        ("base_period", "Index, Dec. 2007 = 100 (monthly)", "index (Dec. 2007 = 100)"),
        ("base_period", "1982-84=1000", "index (1982-84=1000)"),
        ("base_period", "1982-84=1005", None),
        ("base_period", "100", None),
        ("base_period", None, None),
    ],
)
def test_the_base_of_an_index_is_told_whole_or_not_at_all(
    column: str, told: str | None, expected: str | None
) -> None:
    series = pl.DataFrame({column: pl.Series([told], dtype=pl.String)})
    assert series.select(unit(series.columns).alias("unit")).item() == expected
