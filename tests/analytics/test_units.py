"""What a series' values are, from what its survey says."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from blsquest.analytics.code_tables import read_small_table
from blsquest.analytics.units import unit


def unit_of(survey: str, columns: Mapping[str, str | None]) -> str | None:
    series = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))
    found: str | None = series.select(unit(series.columns, survey).alias("unit")).item()
    return found


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"base_date": "198200"}, "index (1982=100)"),
        ({"base_date": "200312"}, "index (December 2003=100)"),
        ({"base_date": "201113"}, None),
        ({"base_date": None}, None),
        ({"base_year": "2017"}, "index (2017=100)"),
        ({"base_year": "-"}, None),
        ({"duration": "Index (2017=100)"}, "index (2017=100)"),
        ({"duration": "% Change same quarter 1 year ago"}, "percent"),
        ({"base_period": "1982-84=100"}, "index (1982-84=100)"),
        ({"base_period": "DECEMBER 1997=100"}, "index (DECEMBER 1997=100)"),
        ({"base_period": "Index, Dec. 2007 = 100 (monthly)"}, "index (Dec. 2007 = 100)"),
        ({"base_period": "1982-84=1000"}, "index (1982-84=1000)"),
        ({"base_period": "1982-84=1005"}, None),
        ({"base_period": "100"}, None),
        ({"unit": "Percent"}, "percent"),
        ({"tdat": "Number in thousands"}, "thousands"),
        ({"tdat": "Percent or rate"}, "percent"),
        ({"ratelevel": "Rate"}, "percent"),
        ({"datatype": "Hourly 10th percentile wage"}, "dollars"),
        ({"datatype": "Employment per 1,000 jobs"}, "per 1,000 jobs"),
        ({"datatype": "Cases per 10,000 full-time workers"}, "per 10,000 full-time workers"),
        ({"measure": "Output (billions of current dollars)"}, "billions of current dollars"),
        ({"measure": "Hours worked", "base_year": "2017"}, "index (2017=100)"),
        ({"measure": "Hours worked", "base_year": "-"}, "hours"),
        ({"duration": "% Change from previous quarter", "base_year": "2017"}, "percent"),
        ({"duration": "Percent change", "measure": "Output"}, "percent"),
        ({"periodicity": "12-month percent change"}, "percent"),
        ({"periodicity": "Monthly"}, None),
        ({"title": "All employees, thousands, construction"}, "thousands"),
        ({"title": "Unemployment Rate: California (S)"}, "percent"),
        ({"title": "Employment Level - Wage and salary workers"}, None),
        ({"title": "PPI of insurance rates", "base_date": "200406"}, "index (June 2004=100)"),
        ({"title": "Gold"}, None),
    ],
)
def test_the_unit_is_what_the_survey_says_where_it_says_it(
    columns: dict[str, str | None], expected: str | None
) -> None:
    assert unit_of("xx", columns) == expected


@pytest.mark.parametrize(
    ("survey", "columns", "expected"),
    [
        ("ap", {"title": "Gasoline, per gallon"}, "dollars"),
        ("la", {"measure_code": "03"}, "percent"),
        ("la", {"measure_code": "06", "measure": "labor force"}, "persons"),
        ("la", {"measure_code": "99", "measure": "some rate"}, "percent"),
        ("jl", {"ratelevel_code": "L", "ratelevel": "Level"}, "thousands"),
        ("jl", {"ratelevel_code": "R", "ratelevel": "Rate"}, "percent"),
    ],
)
def test_a_survey_has_a_rule_of_its_own_where_its_files_do_not_say_it(
    survey: str, columns: dict[str, str | None], expected: str
) -> None:
    assert unit_of(survey, columns) == expected


def test_all_real_data_types_of_employment_have_their_unit(shared_data: Path) -> None:
    path = shared_data / "surveys" / "ce" / "ce.datatype"
    types = read_small_table(path, path.name).rename({"data_type_text": "data_type"})
    units = types.select("data_type_code", unit(types.columns, "ce").alias("unit"))
    by_unit = {name: sorted(part["data_type_code"]) for (name,), part in units.group_by("unit")}

    expected = {
        "thousands": "01 06 10 25 26",
        "hours": "02 04 07 09 19 20 36 37",
        "dollars": "03 08 11 15 30 33",
        "1982-1984 dollars": "12 13",
        "1982-84 dollars": "31 32",
        "index (2007=100)": "16 17",
        "index (2002=100)": "34 35",
        "index": "21 22 23 24",
        "thousands of hours": "56 58 81 83",
        "thousands of dollars": "57 82",
        "percent": "C1 C2 C3 RR",
    }
    assert by_unit == {name: codes.split() for name, codes in expected.items()}
