"""A survey's series in words."""

from pathlib import Path

import polars as pl
import pytest

from blsquest.analytics.catalogue import Catalogue, read_catalogue
from blsquest.analytics.code_tables import in_words
from blsquest.core.errors import BadData

SPAN = "begin_year begin_period end_year end_period"
THING = "thing_code thing_text|1 Thing"


def catalogue(folder: Path, survey: str = "xx", **files: str | bytes) -> Catalogue:
    """The catalogue of `<survey>.series` and others; in a str, a blank is a tab and | a line."""
    paths = {}
    for suffix, text in files.items():
        path = paths[f"{survey}.{suffix}"] = folder / suffix
        tabbed = text if isinstance(text, bytes) else text.replace(" ", "\t").encode()
        path.write_bytes(tabbed if isinstance(text, bytes) else tabbed.replace(b"|", b"\n"))
    return read_catalogue(survey, paths)


def test_the_real_survey_is_in_words_to_the_last_series(shared_data: Path) -> None:
    files = {path.name: path for path in (shared_data / "pr" / "2025-02").iterdir()}
    found = read_catalogue("pr", files)
    assert found.notes == ()
    assert found.frame.height == 282
    assert found.frame.select("title", "unit", "first_period").null_count().row(0) == (0, 0, 0)
    assert found.frame.get_column("title").n_unique() == 282
    row = found.frame.filter(series_id="PRS30006032").row(0, named=True)
    assert "; ".join(f"{name} {value}" for name, value in row.items()) == (
        "series_id PRS30006032; title Manufacturing, all workers: Hours worked, % change from "
        "previous quarter, seasonally adjusted; unit percent; sector_code 3000; sector "
        "Manufacturing; class_code 6; class All workers; measure_code 03; measure Hours worked; "
        "duration_code 2; duration % Change from previous quarter; seasonal_code S; seasonal "
        "Seasonal Adjusted; first_period 1987 Q02; last_period 2024 Q05; base_year None; "
        "footnote_codes None"
    )
    index = found.frame.filter(series_id="PRS30006033").row(0, named=True)
    assert (index["unit"], index["base_year"]) == ("index (2017=100)", "2017")


def test_padding_mixed_case_blank_lines_and_ragged_ends_are_borne(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        series=(
            b"series_id   \tThing_code \tseasonal\tbase\tbegin_year\tbegin_period\tend_year"
            b"\tend_period\r\nXX1   \t01 \tS\t-\t1990\tM01\t2024\tM12\t\r\n\r\n"
            b"XX2   \t 1\tU\t5\t1990\r\n\r\n"
        ),
        thing=b" THING_code\tThing_Text\textra\r\n01\tLeading zero\t\t\t\r\n1\tNone\r\n\r\n",
        seasonal=b"Seasonal_code\tSeasonal_text\r\nS\tAdjusted\r\nU\tNot adjusted\r\n\r\n",
    )
    assert found.notes == ()
    assert found.frame.select("series_id", "title", "base", "first_period").rows() == [
        ("XX1", "Leading zero, Adjusted", None, "1990 M01"),
        ("XX2", "None, Not adjusted", "5", None),
    ]


def test_titles_of_the_surveys_own_are_kept_and_its_base_is_the_unit(tmp_path: Path) -> None:
    series = "series_id area_code base_period series_title|CU1 0000 1982-84=100 Everything"
    found = catalogue(tmp_path, "cu", series=series, area="area_code area_name|0000 US")
    row = found.frame.select("title", "unit", "area").row(0)
    assert row == ("Everything", "index (1982-84=100)", "US")


def test_a_code_that_its_table_does_not_have_is_shown_as_it_is(tmp_path: Path) -> None:
    found = catalogue(tmp_path, series="series_id thing_code|X1 99", thing=THING)
    assert found.frame.select("thing_code", "thing", "title").row(0) == ("99", None, "99")


def test_what_does_not_follow_the_convention_is_left_out_with_a_note(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        series="series_id lost_code odd_code mute_code twice_code n|X1 1 1 1 1 7",
        odd="something else|1 Words",
        mute="mute_code sort_sequence|1 1",
        twice="twice_code twice_text|1 one|1 other",
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
    series, kind = "series_id thing_code area_code kind_code|X1 1 5 7", "kind_code kind_text *|7 K "
    found = catalogue(tmp_path, series=series, thing=THING, area="", kind=kind)
    assert found.notes == (
        "area_code: xx.area has no header of columns with names of their own",
        "kind_code: xx.kind has names in its header that no column can have",
    )
    row = found.frame.row(0, named=True)
    assert (row["title"], row["area_code"], row["kind_code"]) == ("Thing, area 5, kind 7", "5", "7")


def test_a_table_polars_fails_at_is_omitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(column: str, *given: object) -> pl.Series:
        if column == "area_code":
            raise pl.exceptions.SchemaError("a\nlong story")
        return in_words(column, *given)  # type: ignore[arg-type]

    monkeypatch.setattr("blsquest.analytics.catalogue.in_words", fail)
    series, area = "series_id thing_code area_code|X1 1 5", "area_code area_text|5 Area"
    found = catalogue(tmp_path, series=series, thing=THING, area=area)
    assert found.notes == ("area_code: xx.area can't be joined (SchemaError)",)
    assert found.frame.item(0, "title") == "Thing, area 5"


@pytest.mark.parametrize("stem", ["title", "unit", "first_period", "last_period", "series_title"])
def test_words_take_no_other_columns_name(tmp_path: Path, stem: str) -> None:
    series = f"series_id {SPAN} {stem}_code|X1 1990 M01 2024 M12 1"
    found = catalogue(tmp_path, series=series, **{stem: f"{stem}_code {stem}_text|1 Words"})
    assert found.notes == (f"{stem}_code: the catalogue has another column {stem}",)
    row = found.frame.row(0, named=True)
    assert (row[f"{stem}_code"], row["title"], row["unit"]) == ("1", None, None)
    assert (row["first_period"], row["last_period"]) == ("1990 M01", "2024 M12")


@pytest.mark.parametrize("column", ["title", "unit", "first_period", "last_period"])
def test_a_column_that_the_catalogue_makes_itself_is_left_out(tmp_path: Path, column: str) -> None:
    series = f"series_id {SPAN} {column}|X1 1990 M01 2024 M12 own"
    found = catalogue(tmp_path, series=series, **{column: f"{column} {column}_text|own Words"})
    assert found.notes == (f"{column}: that of xx.series is left out, the catalogue makes its own",)
    assert found.frame.columns == ["series_id", "title", "unit", "first_period", "last_period"]
    assert found.frame.row(0) == ("X1", None, None, "1990 M01", "2024 M12")


def test_of_a_column_and_its_namesake_with_codes_neither_is_in_words(tmp_path: Path) -> None:
    series = "series_id seasonal_code seasonal thing_code|X1 S own 1"
    seasonal = "seasonal_code seasonal_text|S Adjusted"
    found = catalogue(tmp_path, series=series, seasonal=seasonal, thing=THING)
    assert found.notes == (
        "seasonal_code: the catalogue has another column seasonal",
        "seasonal: the catalogue has another column seasonal_code",
    )
    row = found.frame.row(0, named=True)
    cells = [row[name] for name in ("title", "seasonal_code", "seasonal")]
    assert cells == ["seasonal S, Thing", "S", "own"]


def test_a_column_called_as_a_tables_words_stays_as_it_is(tmp_path: Path) -> None:
    series = "series_id seasonal seasonal_text|X1 S own"
    found = catalogue(tmp_path, series=series, seasonal="seasonal_code seasonal_text|S Adjusted")
    columns = ["series_id", "title", "unit", "seasonal_code", "seasonal", "seasonal_text"]
    assert found.frame.columns == columns
    assert found.frame.row(0) == ("X1", "Adjusted", None, "S", "Adjusted", "own")


def test_a_code_already_in_words_still_limits_what_another_means(tmp_path: Path) -> None:
    found = catalogue(
        tmp_path,
        series="series_id group item_code|X1 01 1|X2 02 1",
        group="group group_name|01 Farm|02 Fuel",
        item="group item_code item_name|01 1 Wheat|02 1 Coal",
    )
    assert found.notes == ()
    assert found.frame.get_column("title").to_list() == ["Farm, Wheat", "Fuel, Coal"]


def test_a_series_with_lines_that_differ_is_named_by_the_first_with_a_note(tmp_path: Path) -> None:
    lines = "X1 first|X2 same|X1 second|X2 same|X3 one|X3 |X1 third"
    found = catalogue(tmp_path, series=f"series_id series_title|{lines}")
    assert found.notes == ("xx.series: 2 series have lines that differ, the first is taken",)
    rows = found.frame.select("series_id", "title").rows()
    assert rows == [("X1", "first"), ("X2", "same"), ("X3", "one")]


def test_a_series_without_a_code_has_no_title_and_keeps_half_a_beginning(tmp_path: Path) -> None:
    found = catalogue(tmp_path, series="series_id begin_year thing_code|X1 1990|X2  1", thing=THING)
    assert found.frame.select("title", "begin_year").rows() == [(None, "1990"), ("Thing", None)]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "has no xx.series"),
        ({"series": "id name|X1 x"}, "no column series_id"),
        ({"series": ""}, "no header"),
        ({"series": "series_id a a|"}, "no header"),
    ],
)
def test_no_series_file_makes_no_catalogue(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    with pytest.raises(BadData, match=said):
        catalogue(tmp_path, **files)


def test_titles_that_collide_are_distinguished_by_what_differs_and_else_by_the_id(
    tmp_path: Path,
) -> None:
    lines = "C1 S R Food|C2 U R Food|C3 U S Food|C4 U R Fuel|C5 U S Fuel|C6 U R Fuel|C7 U R Gold"
    found = catalogue(
        tmp_path,
        series=f"series_id seasonal periodicity_code series_title|{lines}",
        seasonal="seasonal_code seasonal_text|S Adjusted|U Unadjusted",
        periodicity="periodicity_code periodicity_name|R Monthly|S Semi-Annual",
    )
    assert found.frame.get_column("title").to_list() == [
        "Food, monthly, adjusted",
        "Food, monthly, unadjusted",
        "Food, semi-annual",
        "Fuel, monthly (C4)",
        "Fuel, semi-annual",
        "Fuel, monthly (C6)",
        "Gold",
    ]


def test_a_file_read_in_parts_or_for_some_series_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "|".join(f"{n % 3} X{n:03} Title{n // 2}" for n in range(200))
    files = {"series": f"thing_code series_id series_title|{lines}|0||1 X005 again", "thing": THING}
    whole = catalogue(tmp_path, **files)
    monkeypatch.setattr("blsquest.analytics.code_tables.BATCH", 100)
    parts = catalogue(tmp_path, **files)
    paths = {f"xx.{name}": tmp_path / name for name in files}
    some = read_catalogue("xx", paths, series=["X005", "X007"])
    worded = read_catalogue("xx", paths, words=["TITLE99", "x199"])

    assert whole.frame.height == 200
    assert parts.frame.equals(whole.frame)
    assert some.frame.select("series_id", "title", "thing").rows() == [
        ("X005", "Title2", None),
        ("X007", "Title3", "Thing"),
    ]
    assert worded.frame.get_column("series_id").to_list() == ["X199"]
    assert (whole.whole, some.whole, worded.whole) == (True, False, False)


def test_the_real_consumer_prices_have_a_title_each(shared_data: Path) -> None:
    folder = shared_data / "surveys" / "cu" / "2024"
    files = {path.name: path for path in folder.iterdir() if ".data." not in path.name}
    frame = read_catalogue("cu", files).frame
    assert frame.height == frame.get_column("title").n_unique() == 8103
    ids = ["CUSR0000SA0", "CUUR0000SA0", "CUUS0000SA0"]
    titles = frame.filter(pl.col("series_id").is_in(ids)).get_column("title").to_list()
    whole = "All items in U.S. city average, all urban consumers"
    assert titles == [
        f"{whole}, seasonally adjusted",
        f"{whole}, not seasonally adjusted, monthly",
        f"{whole}, not seasonally adjusted, semi-annual",
    ]


def test_the_real_states_are_found_by_the_code_that_they_explain(shared_data: Path) -> None:
    folder = shared_data / "surveys" / "la"
    files = {path.name: path for path in folder.iterdir() if ".data." not in path.name}
    found = read_catalogue("la", files)
    assert set(found.frame.get_column("srd")) == {"California"}
    assert set(found.frame.get_column("unit")) == {"percent"}
    assert found.notes == (
        "area_type_code: the survey has no code table la.area_type",
        "measure_code: the survey has no code table la.measure",
    )
