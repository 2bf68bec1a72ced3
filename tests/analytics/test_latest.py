"""Latest values and their changes, rates and levels, headline series, a survey's own words."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blsquest.analytics.headlines import Headline, headlines
from blsquest.analytics.latest import LATEST, annual_averages, is_rate, latest, with_percent
from blsquest.analytics.observations import population_frame, read_observations
from blsquest.analytics.overview import overview
from blsquest.analytics.periods import PERIODS, in_words
from blsquest.analytics.questions import bls_census_stats, newest_period
from blsquest.analytics.sums import annual_sums
from blsquest.core.errors import NotInData
from tests.support.data_files import Row, data_file


def found(folder: Path, rows: list[Row], title: str = "Total", unit: str = "index") -> Any:
    observations = read_observations(data_file(folder, rows))
    frame = latest(observations, annual_sums(observations), "mean")
    assert frame.schema == LATEST
    words = frame.with_columns(title=pl.lit(title), unit=pl.lit(unit))
    return with_percent(words).to_dicts()


# -- Values and changes ------------------------------------------------------------------------


def test_the_newest_value_is_beside_the_period_and_the_year_before(tmp_path: Path) -> None:
    rows = [
        ("A", 2023, "M05", "100"),
        ("A", 2024, "M04", "104.0"),
        ("A", 2024, "M05", "105.00"),
        ("A", 2024, "M06", "-"),
        ("A", 2024, "M13", "900"),
    ]
    [row] = found(tmp_path, rows)
    assert (row["year"], row["period"], row["value"]) == (2024, "M05", 105)
    assert (row["previous_year"], row["previous_period"], row["change"]) == (2024, "M04", 1)
    assert (row["year_ago_value"], row["change_from_year_ago"]) == (100, 5)
    assert row["change_from_year_ago_percent"] == 5
    assert row["change_percent"] == Decimal("0.961538462")
    assert (row["basis"], row["years"], row["rate"]) == ("months", 2, False)


@pytest.mark.parametrize(
    ("rows", "previous", "year_ago"),
    [
        # A bimonthly series, over the turn of the year; nothing a year before.
        ([("A", 2023, "M12", "1"), ("A", 2024, "M02", "2")], (2023, "M12"), None),
        # A month that was never published lies between.
        ([("A", 2025, "M09", "1"), ("A", 2025, "M10", "-"), ("A", 2025, "M11", "2")],) * 1
        + ((2025, "M09"), None),
        # The same month two years before is no year before.
        ([("A", 2022, "M02", "1"), ("A", 2024, "M02", "2")], (2022, "M02"), None),
        ([("A", 2023, "A01", "1"), ("A", 2024, "A01", "2")], (2023, "A01"), 1),
        ([("A", 2023, "S01", "1"), ("A", 2024, "S01", "2")], (2023, "S01"), 1),
        ([("A", 2024, "Q01", "2")], (None, None), None),
    ],
)
def test_the_period_before_is_the_newest_earlier_one_with_a_value(
    tmp_path: Path, rows: list[Row], previous: tuple[Any, Any], year_ago: int | None
) -> None:
    [row] = found(tmp_path, rows)
    assert (row["previous_year"], row["previous_period"]) == previous
    assert row["year_ago_value"] == year_ago


def test_rates_change_by_points_and_what_is_not_known_by_its_own_unit(tmp_path: Path) -> None:
    rows: list[Row] = [("A", 2024, "M04", "4"), ("A", 2024, "M05", "5")]
    [row] = found(tmp_path, rows, "Unemployment Rate: Ohio", "")
    assert (row["rate"], row["change"], row["change_percent"]) == (True, 1, None)
    below: list[Row] = [("A", 2024, "M04", "-2"), ("A", 2024, "M05", "2")]
    [row] = found(tmp_path, below)
    assert (row["rate"], row["change"], row["change_percent"]) == (False, 4, None)


@pytest.mark.parametrize(
    ("unit", "title", "rate"),
    [
        ("percent", "Anything", True),
        ("index (1982-84=100)", "Interest rates", False),
        ("dollars", "Rate of pay", False),
        ("thousands of persons", "Unemployment rate", False),
        ("rate per 100 workers", None, True),
        (None, "Unemployment Rate: California (S)", True),
        (None, "Employment-population ratio", True),
        (None, "Multiple jobholders as a percent of all employed", True),
        (None, "Corporate goods", False),
        ("widgets", None, False),
        (None, None, None),
    ],
)
def test_a_rate_is_recognised_by_its_unit_else_by_its_title(
    unit: str | None, title: str | None, *, rate: bool | None
) -> None:
    frame = pl.DataFrame(
        {"unit": [unit], "title": [title]}, schema={"unit": pl.String, "title": pl.String}
    )
    assert frame.select(is_rate()).item() is rate


def test_annual_averages_are_of_one_kind_and_of_complete_years(tmp_path: Path) -> None:
    def months(year: int, count: int, value: str) -> list[Row]:
        return [("A", year, f"M{m:02}", value) for m in range(1, count + 1)]

    rows = [*months(2021, 12, "1"), *months(2022, 12, "2"), *months(2023, 12, "4")]
    rows += [("A", 2022, "M13", "2.5"), ("A", 2023, "M13", "3.5"), *months(2024, 2, "9")]
    [row] = found(tmp_path, rows)
    known = [row[name] for name in ("average_year", "average", "average_published")]
    assert known == [2023, Decimal("3.5"), True]
    assert (row["average_change"], row["average_change_percent"]) == (1, 40)
    # Without one of 2022, both are means.
    [row] = found(tmp_path, [r for r in rows if r[1:3] != (2022, "M13")])
    assert (row["average"], row["average_published"], row["average_change"]) == (4, False, 2)
    sums = annual_sums(read_observations(data_file(tmp_path, rows)))
    stats = bls_census_stats(sums, population_frame({2020: 1}), "mean")
    years = annual_averages(stats, "A").select("year", "average", "published", "complete", "change")
    assert years.rows() == [
        (2021, Decimal(1), False, True, None),
        (2022, Decimal("2.5"), True, True, None),
        (2023, Decimal("3.5"), True, True, Decimal(1)),
        (2024, Decimal(9), False, False, None),
    ]


def test_the_newest_period_of_a_series_is_of_its_finest_kind(tmp_path: Path) -> None:
    rows = [("A", 2023, "M02", "1"), ("A", 2023, "M13", "1"), ("A", 2023, "S01", "1")]
    observations = read_observations(data_file(tmp_path, [*rows, ("B", 2023, "Q05", "1")]))
    assert [newest_period(observations, series) for series in "AB"] == ["M02", "Q05"]
    with pytest.raises(NotInData, match="no series 'C'"):
        newest_period(observations, "C")


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ("M03", "March 2024"),
        ("M12", "December 2024"),
        ("Q01", "1st quarter 2024"),
        ("Q03", "3rd quarter 2024"),
        ("S02", "2nd half 2024"),
        ("A01", "2024"),
        *((average, "annual average 2024") for average in ("M13", "Q05", "S03")),
    ],
)
def test_periods_are_named_as_people_do(period: str, words: str) -> None:
    assert in_words(period, 2024) == words
    assert in_words(period) == (words.removesuffix(" 2024") if " " in words else "year")


def test_no_code_is_shown_to_people() -> None:
    assert not [period for period in PERIODS if period in in_words(period, 2024)]


# -- Headlines ---------------------------------------------------------------------------------

CPI = {
    "CUSR0000SA0": ("All items in U.S. city average, seasonally adjusted", "0000", "SA0", "S"),
    "CUUR0000SA0": ("All items in U.S. city average, not seasonally adjusted", "0000", "SA0", "U"),
    "CUUR0000AA0": ("All items - old base in U.S. city average", "0000", "AA0", "U"),
    "CUURS12BSA0": ("All items in Philadelphia", "S12B", "SA0", "U"),
    "CUUR0000SA0L1E": ("All items less food and energy in U.S.", "0000", "SA0L1E", "U"),
    "CUUR0000SAF": ("Food in U.S. city average", "0000", "SAF", "U"),
}
ITEMS = {
    "SA0": "All items",
    "AA0": "All items - old base",
    "SA0L1E": "All items less food and energy",
}


def catalogue(series: dict[str, tuple[str, str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "series_id": list(series),
            "title": [words[0] for words in series.values()],
            "unit": [None for _ in series],
            "area_code": [words[1] for words in series.values()],
            "item_code": [words[2] for words in series.values()],
            "item": [ITEMS.get(words[2], "Food") for words in series.values()],
            "seasonal": [words[3] for words in series.values()],
        },
        schema_overrides={"unit": pl.String},
    )


def newest_of(folder: Path, series: dict[str, tuple[int, str]]) -> pl.DataFrame:
    rows = [(name, year, period, "1") for name, (year, period) in series.items()]
    observations = read_observations(data_file(folder, rows))
    return latest(observations, annual_sums(observations), "mean")


def test_headlines_are_the_broadest_series_of_each_kind_with_their_twins(tmp_path: Path) -> None:
    newest = newest_of(tmp_path, dict.fromkeys(CPI, (2024, "M05")))
    assert headlines(newest, catalogue(CPI)) == (
        Headline("CUSR0000SA0", "CUUR0000SA0"),
        Headline("CUUR0000SA0L1E"),
    )


def test_a_series_that_was_asked_for_comes_first_and_is_shown_itself(tmp_path: Path) -> None:
    newest = newest_of(tmp_path, dict.fromkeys(CPI, (2024, "M05")))
    assert headlines(newest, catalogue(CPI), "CUUR0000SA0")[0] == Headline(
        "CUUR0000SA0", "CUSR0000SA0"
    )
    asked = headlines(newest, catalogue(CPI), "CUUR0000SAF")
    assert [headline.series_id for headline in asked][:2] == ["CUUR0000SAF", "CUSR0000SA0"]


def test_a_series_that_ended_is_no_headline(tmp_path: Path) -> None:
    ended = dict.fromkeys(CPI, (2010, "M05")) | {"CUURS12BSA0": (2024, "M04")}
    assert headlines(newest_of(tmp_path, ended), catalogue(CPI)) == (Headline("CUURS12BSA0"),)


def test_without_words_the_series_with_the_most_years_are_shown(tmp_path: Path) -> None:
    rows: list[Row] = [("B", year, "A01", "1") for year in (2022, 2023)]
    observations = read_observations(data_file(tmp_path, [("A", 2023, "A01", "1"), *rows]))
    newest = latest(observations, annual_sums(observations))
    none = pl.DataFrame(schema=dict.fromkeys(("series_id", "title", "unit"), pl.String()))
    assert headlines(newest, none) == (Headline("B"), Headline("A"))
    assert headlines(newest.clear(), none) == ()


# -- The survey's own words --------------------------------------------------------------------

TEXT = """\t\t\tConsumer Price Index (CU)
\t\t\t\tcu.txt
The following is a definition of:  CONSUMER PRICE INDEX (CU)

Survey Description: The Consumer Price Index (CPI) is a measure
of change.  It is monthly. A third sentence.

Summary Data Available: more.
"""


@pytest.mark.parametrize(
    ("text", "name", "measures"),
    [
        (
            TEXT,
            "Consumer Price Index (CU)",
            "The Consumer Price Index (CPI) is a measure of change. It is monthly.",
        ),
        (TEXT.split("\n", 2)[2], "CONSUMER PRICE INDEX (CU)", "The Consumer Price Index (CPI)"),
        ("Anything\n\nelse", "Survey cu", ""),
        ("", "Survey cu", ""),
        (None, "Survey cu", ""),
        ("x" * 9_000 + " (CU)", "Survey cu", ""),
        ("Survey Description: " + "word " * 9_000, "Survey cu", ""),
    ],
)
def test_a_survey_is_called_by_its_own_overview(text: str | None, name: str, measures: str) -> None:
    found = overview("cu", text)
    assert found.name == name
    assert found.measures.startswith(measures)
    assert bool(found.measures) == bool(measures)
