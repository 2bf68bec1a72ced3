"""Which years are complete, and which is the best where means are compared: outside `pr`."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blsquest.analytics.answers import Answers, Question, answer
from blsquest.analytics.checks import answer_checks, periods_differ, profile
from blsquest.analytics.observations import population_frame, read_observations
from blsquest.analytics.questions import best_year, bls_census_stats
from blsquest.analytics.sums import annual_sums
from tests.support.data_files import Row, data_file

EVEN = (2, 4, 6, 8, 10, 12)
ODD = (1, 3, 5, 7, 9, 11)
ALL = tuple(range(1, 13))


def months(year: int, numbers: tuple[int, ...], value: str = "1", series: str = "A") -> list[Row]:
    return [(series, year, f"M{number:02}", value) for number in numbers]


def sums_of(folder: Path, rows: list[Row]) -> pl.DataFrame:
    return annual_sums(read_observations(data_file(folder, rows)))


def complete_years(folder: Path, rows: list[Row], series: str = "A") -> list[int]:
    sums = sums_of(folder, rows).filter(pl.col("complete"), series_id=series)
    return sums.get_column("year").to_list()


def best(folder: Path, rows: list[Row]) -> dict[str, Any]:
    [row] = best_year(sums_of(folder, rows), "mean").to_dicts()
    return row


# -- Which years are complete ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("years", "complete"),
    [
        # All periods of the basis are complete, whatever the neighbours.
        ({2000: (1, 2), 2001: ALL, 2002: (1,)}, [2001]),
        # Two years alike are a pattern, also twelve values that become six.
        ({1996: ALL, 1997: ALL, 1998: EVEN, 1999: EVEN, 2000: (2,)}, [1996, 1997, 1998, 1999]),
        # Quarterly, published as months, then monthly.
        ({1976: (3, 6, 9, 12), 1977: (3, 6, 9, 12), 1978: ALL}, [1976, 1977, 1978]),
        # A first year that begins in May, and one in which the series changed.
        ({2000: tuple(range(5, 13)), 2001: ALL}, [2001]),
        ({2000: ALL, 2001: (1, 2, 3, 4, 6, 8, 10, 12), 2002: EVEN, 2003: EVEN}, [2000, 2002, 2003]),
        # The running year is none, though an old pattern began like it.
        ({1940: (12,), 1941: (12,), 1942: EVEN, 1943: EVEN, 1944: (12,)}, [1940, 1941, 1942, 1943]),
        # Discontinued in March, resumed years later in September.
        ({1990: ALL, 1991: (1, 2, 3), 1997: (9, 10, 11, 12), 1998: ALL}, [1990, 1998]),
        # A survey of one month a year.
        ({2001: (5,), 2002: (5,), 2003: (5,)}, [2001, 2002, 2003]),
    ],
)
def test_a_year_is_complete_by_its_series_own_pattern(
    tmp_path: Path, years: dict[int, tuple[int, ...]], complete: list[int]
) -> None:
    rows = [row for year, numbers in years.items() for row in months(year, numbers)]
    others = [r for y in range(1930, 2010) for r in months(y, ALL, series="B")]
    assert complete_years(tmp_path, rows + others) == complete


def test_a_month_that_no_series_has_makes_no_year_incomplete(tmp_path: Path) -> None:
    """October 2025: a row without a value, or none."""
    without = tuple(m for m in ALL if m != 10)
    rows = [
        *months(2024, ALL),
        *months(2025, without),
        ("A", 2025, "M10", "-"),
        *months(2026, (1,)),
        *months(2024, EVEN, series="B"),
        *months(2025, (2, 4, 6, 8, 12), series="B"),
        *months(2024, ODD, series="C"),
        *months(2025, ODD, series="C"),
        *months(2025, without[:-1], series="D"),
        *months(2026, (1,), series="D"),
    ]
    assert complete_years(tmp_path, rows, "A") == [2024, 2025]
    assert complete_years(tmp_path, rows, "B") == [2024, 2025]
    assert complete_years(tmp_path, rows, "C") == [2024, 2025]
    assert complete_years(tmp_path, rows, "D") == []
    # Two months that nobody has are a gap, and so is one that others have.
    fewer = [row for row in rows if row[1:3] != (2025, "M09")]
    assert complete_years(tmp_path, fewer, "A") == [2024]
    assert complete_years(tmp_path, [*rows, *months(2025, (10,), series="E")], "A") == [2024]
    # The newest months are not published yet.
    assert complete_years(tmp_path, months(2024, ALL[:-1]) + months(2023, ALL)) == [2023]


def test_a_year_that_the_publisher_averages_is_complete(tmp_path: Path) -> None:
    rows = [*months(1935, (3, 7, 10)), ("A", 1935, "M13", "1"), *months(1936, ALL)]
    assert complete_years(tmp_path, rows) == [1935, 1936]
    # December 1917 alone is no year: of its like, the publisher averages 1918.
    rows = [*months(1917, (12,)), *months(1918, (12,)), ("A", 1918, "M13", "1")]
    assert complete_years(tmp_path, rows) == [1918]


@pytest.mark.parametrize(
    ("periods", "complete"),
    [
        (["Q01", "Q02", "Q03"], False),
        (["Q01", "Q02", "Q03", "Q04"], True),
        (["S01"], False),
        (["S01", "S02"], True),
        (["A01"], True),
        (["S01", "S03"], True),
    ],
)
def test_quarters_halves_and_annual_figures_have_years_too(
    tmp_path: Path, periods: list[str], *, complete: bool
) -> None:
    rows: list[Row] = [("A", 2000, period, "1") for period in periods]
    assert complete_years(tmp_path, rows) == ([2000] if complete else [])


# -- Which year is the best --------------------------------------------------------------------


def test_the_running_year_does_not_compete_and_is_shown_beside(tmp_path: Path) -> None:
    rows = months(2023, ALL, "1.25") + months(2024, (1, 2), "99")
    found = best(tmp_path, rows)
    assert (found["year"], found["partial"], found["decimals"]) == (2023, False, 2)
    running = found["running_year"], found["running_periods"], found["running_mean"]
    assert running == (2024, 2, Decimal(99))
    # The last year of a series that ended is no running one.
    ended = best_year(sums_of(tmp_path, rows + months(2026, ALL, series="B")), "mean")
    assert ended.get_column("running_year").to_list() == [None, None]


def test_means_tie_exactly_and_the_earliest_wins(tmp_path: Path) -> None:
    """Thirds: sums of 4 and of 2 over twelve and six months."""
    twelve = [("A", 2000, f"M{m:02}", "0.333" if m < 12 else "0.337") for m in ALL]
    six = [("A", y, f"M{m:02}", "0.333" if m < 12 else "0.335") for y in (2001, 2002) for m in EVEN]
    assert sum(Decimal(r[3]) for r in twelve) * 6 == sum(Decimal(r[3]) for r in six[:6]) * 12
    found = best(tmp_path, [*twelve, *six])
    assert (found["year"], found["tied_years"]) == (2000, [2000, 2001, 2002])
    nearly = [("A", 2002, "M12", "0.335000001") if r[1:3] == (2002, "M12") else r for r in six]
    found = best(tmp_path, [*twelve, *nearly])
    assert (found["year"], found["tied_years"]) == (2002, [2002])


def test_annual_figures_have_rows_in_both_answers(tmp_path: Path) -> None:
    sums = sums_of(tmp_path, [("A", 1992, "A01", "2.8"), ("A", 2004, "A01", "2.8")])
    [row] = best_year(sums, "mean").to_dicts()
    assert (row["year"], row["tied_years"], row["basis"]) == (1992, [1992, 2004], "annual")
    stats = bls_census_stats(sums, population_frame({1992: 5}), "mean")
    columns = ["year", "value", "quarters", "periods", "mean", "is_best_year", "complete"]
    value = Decimal("2.8")
    assert stats.select(columns).rows() == [
        (1992, value, 1, 1, value, True, True),
        (2004, value, 1, 1, value, False, True),
    ]


# -- The checks --------------------------------------------------------------------------------


def answered(folder: Path, rows: list[Row]) -> Answers:
    people = population_frame({2013: 1, 2014: 2})
    observations = read_observations(data_file(folder, rows))
    return answer(observations, people, "ACS", Question(2013, 2014, None, by="mean"))


@pytest.mark.parametrize("year", [1997, 2024])
def test_a_best_year_that_another_one_beats_fails_the_check(tmp_path: Path, year: int) -> None:
    rows = months(1997, ALL, "10") + months(1998, EVEN, "11") + months(1999, EVEN, "11")
    rows += months(2024, (2,), "12")
    answers = answered(tmp_path, rows)
    profiled = profile(read_observations(data_file(tmp_path, rows)))
    names = {check.name: check.passed for check in answer_checks(answers, profiled)}
    assert names["each best year has the largest mean"]
    frame = answers.best_year.drop("year", "value", "periods").join(
        answers.bls_census_stats.filter(year=year).select("series_id", "year", "value", "periods"),
        on="series_id",
    )
    wrong = answers.__class__(**{**vars(answers), "best_year": frame})
    names = {check.name: check.passed for check in answer_checks(wrong, profiled)}
    assert names["each best year has the largest mean"] is False


def test_series_whose_years_differ_in_periods_are_counted(tmp_path: Path) -> None:
    rows = months(1997, ALL) + months(1998, EVEN) + months(1999, EVEN) + months(1999, ALL, "1", "B")
    check = periods_differ(answered(tmp_path, rows))
    assert (check.required, check.passed) == (False, True)
    assert check.detail == (
        "complete years of different numbers of periods in 1 of 2 series: A (6 and 12)"
    )
    check = periods_differ(answered(tmp_path, months(1999, ALL)))
    assert check.detail == "no complete years of one series differ, in 1 series"
