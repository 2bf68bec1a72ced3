"""Answers on real files of other surveys, against plain Python with exact decimals.

The files lie beside the project in a checkout that has them; elsewhere these tests are skipped.
Nothing of the product is used to compute what is expected: not its reader, not its rules.
"""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blsquest.analytics.answers import Answers, Question, answer
from blsquest.analytics.checks import answer_checks, profile
from blsquest.analytics.observations import population_frame, read_observations
from tests.support.data_files import data_file

FILES = (
    "cu/2022/cu.data.1.AllItems",
    "cu/2024/cu.data.1.AllItems",
    "ap/ap.data.2.Gasoline",
    "ce/ce.data.0.AllCESSeries",
    "la/la.data.1.CurrentS",
    "la/la.data.0.CurrentU10-14",
    "mp/mp.data.1.AllData",
)
AVERAGES = ("M13", "Q05", "S03", "A01")
SIZES = {"M": 12, "Q": 4, "S": 2}

Series = dict[tuple[int, str], Decimal]


def read(path: Path) -> dict[str, Series]:
    """Every value of a data file, by series, then year and period."""
    found: dict[str, Series] = defaultdict(dict)
    with path.open(encoding="ascii", newline="") as file:
        file.readline()
        for line in file:
            series, year, period, value, _ = (cell.strip() for cell in line.split("\t"))
            if value not in {"", "-"}:
                found[series][int(year), period] = Decimal(value)
    return found


@pytest.fixture(scope="module", params=FILES)
def data(request: pytest.FixtureRequest, shared_data: Path) -> tuple[dict[str, Series], Answers]:
    path = shared_data / "surveys" / request.param
    return read(path), answered(path)


def answered(path: Path) -> Answers:
    people = population_frame({2013: 1, 2014: 2})
    question = Question(2013, 2014, None, by="mean")
    return answer(read_observations(path), people, "ACS", question)


def kind_of(series: Series) -> str:
    """The letter of a series' finest periods; "" where it has annual figures alone."""
    own = {period[0] for _, period in series if period not in AVERAGES}
    return next((kind for kind in "MQS" if kind in own), "")


def by_year(series: Series) -> dict[int, dict[str, Decimal]]:
    kind, years = kind_of(series), defaultdict[int, dict[str, Decimal]](dict)
    codes = {period for _, period in series}
    code = next((c for c in AVERAGES if c in codes), "")
    for (year, period), value in series.items():
        if (period[0] == kind and period not in AVERAGES) or (not kind and period == code):
            years[year][period] = value
    return dict(sorted(years.items()))


def average_of(series: Series, year: int) -> Decimal | None:
    order = sorted(AVERAGES, key=lambda code: (code[0] != kind_of(series), AVERAGES.index(code)))
    return next((series[year, code] for code in order if (year, code) in series), None)


def never_published(data: dict[str, Series]) -> set[tuple[int, str]]:
    """Single months that no series of a file has, between those that some have."""
    known = {at for series in data.values() for at in series if at[1] in MONTHS}
    years = {year for year, _ in known}
    gaps = {year: [m for m in MONTHS if (year, m) not in known] for year in years}
    alone = {(year, missing[0]) for year, missing in gaps.items() if len(missing) == 1}
    return {at for at in alone if min(known) < at < max(known)}


MONTHS = [f"M{number:02}" for number in range(1, 13)]


def complete_years(series: Series, gone: set[tuple[int, str]]) -> list[int]:
    years, kind = by_year(series), kind_of(series)
    order = list(years)
    if not kind:
        return order

    def alike(year: int, other: int) -> bool:
        silent = {month for at, month in gone if at in {year, other}}
        mine, theirs = set(years[year]) - silent, set(years[other]) - silent
        unaveraged = average_of(series, other) is None
        return mine == theirs and bool(mine) and unaveraged

    return [
        year
        for at, year in enumerate(order)
        if len(years[year]) + ((kind == "M") * len([g for g in gone if g[0] == year]))
        >= SIZES[kind]
        or average_of(series, year) is not None
        or (at > 0 and alike(year, order[at - 1]))
        or (at + 1 < len(order) and alike(year, order[at + 1]))
    ]


def test_best_years_are_those_that_plain_python_finds(
    data: tuple[dict[str, Series], Answers],
) -> None:
    check_best_years(*data)


observations = st.dictionaries(
    st.tuples(
        st.sampled_from("AB"),
        st.integers(2000, 2004),
        st.sampled_from(["M01", "M02", "M03", "M12", "M13", "Q01", "Q02", "S01", "S03", "A01"]),
    ),
    st.integers(-30, 30).map(lambda tenths: Decimal(tenths) / 10),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150)
@given(observations)
def test_best_years_of_generated_files_are_those_that_plain_python_finds(
    tmp_path: Path, observed: dict[tuple[str, int, str], Decimal]
) -> None:
    path = data_file(tmp_path, [(*key, f"{value:f}") for key, value in observed.items()])
    answers = answered(path)
    check_best_years(read(path), answers)
    checks = answer_checks(answers, profile(read_observations(path)))
    assert all(check.passed for check in checks if "best year" in check.name)


def check_best_years(plain: dict[str, Series], answers: Answers) -> None:
    gone = never_published(plain)
    found = {row["series_id"]: row for row in answers.best_year.to_dicts()}
    assert found.keys() == plain.keys()
    newest = max(year for series in plain.values() for year in by_year(series))
    for name, series in plain.items():
        years, complete = by_year(series), complete_years(series, gone)
        competing = complete or list(years)
        own = {year: average_of(series, year) for year in competing}
        means = {y: Fraction(sum(years[y].values())) / len(years[y]) for y in competing}
        averaged = all(average is not None for average in own.values())
        figures: dict[int, Any] = own if averaged else means
        tied = [year for year in competing if figures[year] == max(figures.values())]
        row = found[name]
        assert (row["year"], row["tied_years"]) == (tied[0], tied), name
        assert row["value"] == sum(years[tied[0]].values())
        assert row["periods"] == len(years[tied[0]])
        assert row["annual_average"] == own[tied[0]]
        assert abs(Fraction(row["mean"]) - means[tied[0]]) <= Fraction(1, 2 * 10**9)
        assert row["partial"] is (tied[0] not in complete)
        running = newest in years and newest not in complete and bool(complete)
        assert row["running_year"] == (newest if running else None), name
        if running:
            assert row["running_periods"] == len(years[newest])


def test_yearly_rows_and_annual_averages_are_those_of_plain_python(
    data: tuple[dict[str, Series], Answers],
) -> None:
    plain, answers = data
    columns = ["series_id", "year", "value", "periods", "quarters", "annual_average"]
    expected = [
        (name, year, sum(values.values()), len(values), len(values), average_of(series, year))
        for name, series in sorted(plain.items())
        for year, values in by_year(series).items()
    ]
    assert answers.bls_census_stats.select(columns).rows() == expected


def test_latest_values_and_changes_are_those_of_plain_python(
    data: tuple[dict[str, Series], Answers],
) -> None:
    plain, answers = data
    assert answers.latest.height == len(plain)
    for row in answers.latest.to_dicts():
        series = plain[row["series_id"]]
        own = [(y, p) for y, periods in by_year(series).items() for p in sorted(periods)]
        year, period = own[-1]
        assert (row["year"], row["period"], row["value"]) == (year, period, series[year, period])
        before = own[-2] if len(own) > 1 else None
        assert (row["previous_year"], row["previous_period"]) == (before or (None, None))
        assert row["change"] == (series[own[-1]] - series[before] if before else None)
        ago = series.get((year - 1, period))
        assert row["year_ago_value"] == ago
        assert row["change_from_year_ago"] == (None if ago is None else series[own[-1]] - ago)
