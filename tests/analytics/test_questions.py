"""What the questions answer, on small files and against naive models."""

import itertools
import statistics
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from blsquest.analytics import Ddof
from blsquest.analytics.answers import Answers, Question, answer
from blsquest.analytics.checks import profile
from blsquest.analytics.observations import by_series, population_frame, read_observations
from blsquest.analytics.periods import BASES, PERIODS
from blsquest.analytics.questions import (
    best_year,
    bls_census_stats,
    population_statistics,
    series_with_population,
)
from blsquest.analytics.sums import SUMS, annual_sums
from blsquest.core.errors import BadData, NotInData
from tests.support.data_files import Row, data_file

PEOPLE = population_frame({2013: 10, 2014: 20, 2016: 40})


def best(folder: Path, rows: list[Row]) -> list[dict[str, Any]]:
    return best_year(annual_sums(read_observations(data_file(folder, rows)))).to_dicts()


def quarters(year: int, *values: str, series_id: str = "A") -> list[Row]:
    return [(series_id, year, f"Q0{number}", value) for number, value in enumerate(values, start=1)]


def test_the_best_year_has_the_largest_exact_sum(tmp_path: Path) -> None:
    rows = quarters(2000, "0.1", "0.2", "0.3", "0.4") + quarters(2001, "0.4", "0.3", "0.2", "0")
    none = dict.fromkeys(("annual_average", "running_year", "running_periods", "running_mean"))
    answer = {"year": 2000, "value": 1, "basis": "quarters", "tied_years": [2000], "partial": False}
    beside = {"periods": 4, "mean": Decimal("0.25"), "compared": "sum", "decimals": 1}
    assert best(tmp_path, rows) == [{"series_id": "A"} | answer | beside | none]


@pytest.mark.parametrize(
    ("first", "second", "year", "value", "tied", "partial"),
    [
        # A tie that floats would miss: 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1.
        (["0.1", "0.2", "0.3"], ["0.3", "0.2", "0.1"], 2000, "0.6", [2000, 2001], True),
        # An average (Q05) is never added to what it averages.
        (["1", "1", "1", "1", "900"], ["2", "2", "2", "2", "2"], 2001, "8", [2001], False),
        # A partial year competes; missing values are no periods.
        (["1", "1", "1", "1"], ["5", "-", "5", "5"], 2001, "15", [2001], True),
    ],
)
def test_the_best_year_is_the_earliest_with_the_largest_sum_of_its_quarters(
    tmp_path: Path,
    first: list[str],
    second: list[str],
    year: int,
    value: str,
    tied: list[int],
    *,
    partial: bool,
) -> None:
    [row] = best(tmp_path, quarters(2001, *second) + quarters(2000, *first))
    assert (row["year"], row["value"]) == (year, Decimal(value))
    assert (row["tied_years"], row["partial"]) == (tied, partial)


@pytest.mark.parametrize(("period", "second"), [("Q02", "1.0"), ("Q02", "-"), ("M01", "1")])
def test_a_repeated_row_is_refused_by_name(tmp_path: Path, period: str, second: str) -> None:
    """Two of M01 weigh as much as one M02: what gives them away is the number of rows."""
    rows = [("A", 2000, period, "1"), ("A", 2000, period, second)]
    with pytest.raises(BadData, match=f"two rows for A 2000 {period}"):
        best(tmp_path, rows)
    others = quarters(1999, "1", series_id="B") + quarters(2000, "1", "-", "1")
    with pytest.raises(BadData, match=f"two rows for A 2000 {period}"):
        best(tmp_path, [*others, *rows])


numbers = st.decimals(
    min_value=-(10**14), max_value=10**14, places=3, allow_nan=False, allow_infinity=False
)
small = st.integers(-3, 3).map(lambda tenths: Decimal(tenths) / 10)
observation_maps = st.dictionaries(
    st.tuples(st.sampled_from("ABC"), st.integers(2000, 2003), st.sampled_from(PERIODS)),
    st.none() | small | numbers,
    min_size=1,
    max_size=60,
)


def naive_best_years(observations: dict[tuple[str, int, str], Decimal | None]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for series in sorted({key[0] for key in observations}):
        for basis in BASES:
            years: dict[int, list[Decimal]] = defaultdict(list)
            for (series_id, year, period), value in observations.items():
                if series_id == series and period in basis.periods and value is not None:
                    years[year].append(value)
            if years:
                top = max(map(sum, years.values()))
                tied = sorted(year for year, values in years.items() if sum(values) == top)
                partial = len(years[tied[0]]) < len(basis.periods)
                answers[series] = (tied[0], top, basis.name, tied, partial)
                break
    return answers


@settings(max_examples=80)
@given(observation_maps)
def test_best_years_equal_a_naive_model_in_decimals(
    tmp_path: Path, observations: dict[tuple[str, int, str], Decimal | None]
) -> None:
    rows = [(*key, "-" if value is None else f"{value:f}") for key, value in observations.items()]
    found = {row["series_id"]: tuple(row.values())[1:6] for row in best(tmp_path, rows)}
    assert found == naive_best_years(observations)


SIX = ["series_id", "year", "value", "quarters", "is_best_year", "population"]


def test_every_year_of_a_summed_series_is_joined_with_the_population(tmp_path: Path) -> None:
    rows = [
        *quarters(2014, "1", "2", "3", "4", "2.5", series_id="B"),
        *quarters(2015, "10", series_id="B"),
        *quarters(2013, "-5.25", series_id="A"),
        ("C", 2013, "Q05", "1"),
    ]
    sums = annual_sums(read_observations(data_file(tmp_path, rows)))
    stats = bls_census_stats(sums, PEOPLE)
    assert stats.columns[:6] == SIX
    assert stats.columns[6:] == ["periods", "mean", "annual_average", "complete"]
    assert stats.select(SIX).rows() == [
        ("A", 2013, Decimal("-5.25"), 1, True, 10),
        ("B", 2014, Decimal(10), 4, True, 20),  # the earlier of the tied years
        ("B", 2015, Decimal(10), 1, False, None),
    ]


def test_the_schema_of_the_answers_does_not_depend_on_the_data(tmp_path: Path) -> None:
    full = annual_sums(read_observations(data_file(tmp_path, quarters(2013, "1.25"))))
    empty = annual_sums(read_observations(data_file(tmp_path, quarters(2013, "-"))))
    assert full.schema == empty.schema == SUMS
    assert best_year(full).schema == best_year(empty).schema
    assert bls_census_stats(full, PEOPLE).schema == bls_census_stats(empty, PEOPLE).schema


def test_a_series_is_shown_for_every_year_population_known_or_not(tmp_path: Path) -> None:
    rows = [("A", 2016, "Q01", "1.5"), ("A", 2012, "Q01", "-"), *quarters(2014, "2", "3")]
    shown = series_with_population(read_observations(data_file(tmp_path, rows)), PEOPLE, "A", "Q01")
    columns = ["series_id", "year", "period", "value", "population", "footnote_codes"]
    assert shown.columns == columns
    assert shown.rows() == [
        ("A", 2012, "Q01", None, None, ""),
        ("A", 2014, "Q01", Decimal(2), 20, ""),
        ("A", 2016, "Q01", Decimal("1.5"), 40, ""),
    ]


@pytest.mark.parametrize(
    ("series_id", "period", "message"),
    [
        ("PRS30006033", "Q01", r"no series 'PRS30006033'. It has 2 series; near it: PRS30006032"),
        ("PRS30006032", "Q03", r"PRS30006032 has no period 'Q03'. It has Q01, Q02\."),
        ("PRS30006032", "q1", r"PRS30006032 has no period 'q1'. It has Q01"),
        ("PRS30006032", "Q02", "two rows for PRS30006032 2000 Q02"),
    ],
)
def test_an_unknown_or_repeated_series_or_period_is_refused(
    tmp_path: Path, series_id: str, period: str, message: str
) -> None:
    rows = quarters(2000, "1", "2", series_id="PRS30006032") + quarters(2000, "1", series_id="X")
    observations = read_observations(data_file(tmp_path, [*rows, rows[1]]))
    with pytest.raises(BadData if period == "Q02" else NotInData, match=message):
        series_with_population(observations, PEOPLE, series_id, period)


@given(st.lists(st.integers(1, 10**10), min_size=2, max_size=9), st.sampled_from((0, 1)))
def test_statistics_are_those_of_the_standard_library(people: list[int], ddof: Ddof) -> None:
    frame = population_frame(dict(enumerate(people, start=2000)))
    last = 1999 + len(people)
    headline = {0: statistics.pstdev(people), 1: statistics.stdev(people)}
    [row] = population_statistics(frame, 2000, last, ddof, estimate="ACS").to_dicts()
    assert row == {
        "first_year": 2000,
        "last_year": last,
        "years": len(people),
        "mean": pytest.approx(sum(people) / len(people), rel=1e-15),
        "std_sample": statistics.stdev(people),
        "std_population": statistics.pstdev(people),
        "std": headline[ddof],
        "ddof": ddof,
        "estimate": "ACS",
    }


def test_missing_years_of_the_asked_span_are_named_and_one_year_is_refused() -> None:
    with pytest.raises(NotInData, match=r"\(ACS\) lacks 2015, 2017 of 2013-2017.*2013-2014, 2016"):
        population_statistics(PEOPLE, 2013, 2017, estimate="ACS")
    for first, last in ((2013, 2013), (2014, 2013)):
        with pytest.raises(BadData, match="needs at least two years"):
            population_statistics(PEOPLE, first, last, estimate="ACS")


def test_all_answers_come_from_one_call_as_named_tables(tmp_path: Path) -> None:
    answers = answered(tmp_path, quarters(2013, "1", "2"), Question(2013, 2014, "A", "Q02"))
    tables = answers.tables()
    names = ["best_year", "bls_census_stats", "latest", "population_statistics"]
    names.append("series_population")
    assert {name: frame.height for name, frame in tables.items()} == dict.fromkeys(names, 1)
    assert tables["population_statistics"].select("mean", "estimate").row(0) == (15.0, "ACS")
    assert tables["series_population"].get_column("value").to_list() == [Decimal(2)]


def answered(folder: Path, rows: list[Row], question: Question) -> Answers:
    return answer(read_observations(data_file(folder, rows)), PEOPLE, "ACS", question)


def test_several_pairs_are_joined_in_the_order_in_which_they_were_asked(tmp_path: Path) -> None:
    rows = quarters(2013, "1", "2") + quarters(2014, "3", series_id="B")
    question = Question(2013, 2014, "B", "Q01", pairs=(("A", "Q02"), ("B", "Q01"), ("A", "Q01")))
    joined = answered(tmp_path, rows, question).series_population
    shown = joined.select("series_id", "period", "year").rows()
    assert shown == [("B", "Q01", 2014), ("A", "Q02", 2013), ("A", "Q01", 2013)]


def test_all_pairs_that_the_data_lacks_are_named_at_once(tmp_path: Path) -> None:
    question = Question(2013, 2014, "A", "Q01", pairs=(("X", "Q01"), ("A", "Q04"), ("Y", "Q02")))
    said = r"series 'X'.*A has no period 'Q04'\. It has Q01\..*series 'Y'"
    with pytest.raises(NotInData, match=said):
        answered(tmp_path, quarters(2013, "1"), question)


def test_answers_in_words_have_title_and_unit_beside_each_id(tmp_path: Path) -> None:
    rows = quarters(2013, "1") + quarters(2013, "1", series_id="B")
    answers = answered(tmp_path, rows, Question(2013, 2014, "A", "Q01"))
    words = pl.DataFrame({"series_id": ["B", "A"], "title": ["b", "a"], "unit": ["u", None]})
    tables = answers.in_words(words).tables()
    for name in ("best_year", "bls_census_stats"):
        rows_of = tables[name].select("series_id", "title", "unit").rows()
        assert rows_of == [("A", "a", None), ("B", "b", "u")]
    assert tables["series_population"].select("title", "unit").row(0) == ("a", None)


def test_a_file_that_is_grouped_in_parts_gives_the_same_sums_and_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        (series_id, year, period, f"{year}.{at}")
        for year in (2001, 2000)
        for at, period in enumerate(("M01", "M02", "M13", "Q01", "S03"))
        for series_id in ("B", "C", "A")
    ]
    observations = read_observations(data_file(tmp_path, rows))
    whole = annual_sums(observations), profile(observations)
    monkeypatch.setattr("blsquest.analytics.observations.ROWS_AT_ONCE", 4)
    assert_frame_equal(annual_sums(observations), whole[0])
    assert_frame_equal(profile(observations), whole[1])
    twice = read_observations(data_file(tmp_path, [*rows, rows[0]]))
    with pytest.raises(BadData, match="two rows for B 2001 M01"):
        annual_sums(twice)


def test_no_part_is_larger_than_its_rows_and_one_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = ["C", "A", "D", "B", "E"]
    rows = [(s, year, "M01", "1") for year in range(2000, 2003) for s in series]
    observations = read_observations(data_file(tmp_path, rows))
    monkeypatch.setattr("blsquest.analytics.observations.ROWS_AT_ONCE", 4)

    parts = [part.get_column("series_id").to_list() for part in by_series(observations)]

    assert max(map(len, parts)) <= 4 + 3
    assert sorted(itertools.chain(*parts)) == sorted(row[0] for row in rows)
    assert all(max(one) < min(next_) for one, next_ in itertools.pairwise(parts))
