"""Each check passes on sound data and fails on data that is wrong in just its way."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.analytics.answers import Answers, Question, answer
from blsquest.analytics.catalogue import empty_catalogue
from blsquest.analytics.checks import (
    Check,
    Earlier,
    advisory,
    agrees_with_complete,
    answer_checks,
    disagreement,
    layout_checks,
    population_checks,
    profile,
    require,
    required,
    rows_kept,
    series_catalogued,
    values_in_range,
    years_contiguous,
)
from blsquest.analytics.observations import (
    OBSERVATIONS,
    observation_batches,
    population_frame,
    read_observations,
)
from blsquest.analytics.revisions import compare
from blsquest.core.errors import BadData
from blsquest.core.text import some
from tests.support.contents import named
from tests.support.data_files import Row, data_file

NAME = "xx.data.0.Current"
PEOPLE = {2013: 316_128_839, 2014: 318_857_056, 2015: 321_418_821}


def observed(folder: Path, rows: list[Row]) -> pl.LazyFrame:
    return read_observations(data_file(folder, rows), NAME)


def steady(*years: int, series_id: str = "A", value: str = "1.5") -> list[Row]:
    return [(series_id, year, f"Q0{quarter}", value) for year in years for quarter in range(1, 5)]


def the(checks: list[Check], name: str) -> Check:
    (found,) = (check for check in checks if check.name == name)
    return found


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A", "B", "PRS1"]),
            st.integers(2000, 2002),
            st.sampled_from(["Q01", "Q02", "Q05", "M12", "S01", "A01"]),
            st.integers(-99, 99),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_a_profile_is_what_a_plain_loop_counts(rows: list[tuple[str, int, str, int]]) -> None:
    frame = pl.DataFrame(
        [(*row[:3], str(row[3]), "", 0) for row in rows], schema=list(OBSERVATIONS), orient="row"
    ).cast(OBSERVATIONS)
    expected = []
    for series_id, year in sorted({row[:2] for row in rows}):
        own = [row for row in rows if row[:2] == (series_id, year)]
        values = [row[3] for row in own]
        periods = [row[2] for row in own]
        repeated = len(set(periods)) < len(periods)
        expected.append((series_id, year, len(own), min(values), max(values), repeated))
    found = profile(frame.lazy())
    assert dict(found.schema) == {
        "series_id": pl.String,
        "year": pl.Int32,
        "rows": pl.Int64,
        "low": pl.Decimal(38, 9),
        "high": pl.Decimal(38, 9),
        "repeated": pl.Boolean,
    }
    assert found.rows() == expected


def test_a_sound_file_passes_the_required_checks_and_a_period_twice_fails(tmp_path: Path) -> None:
    checks = layout_checks(NAME, profile(observed(tmp_path, steady(2000, 2001))))
    assert [(c.name, c.required, c.passed) for c in checks] == [
        ("schema", True, True),
        ("periods known", True, True),
        ("keys unique", True, True),
    ]
    assert checks[0].detail.startswith("8 lines")
    twice = [*steady(2000, 2001), ("A", 2001, "Q05", "1"), ("A", 2001, "Q05", "2")]
    check = the(layout_checks(NAME, profile(observed(tmp_path, twice))), "keys unique")
    assert (check.required, check.passed) == (True, False)
    assert check.detail == "a period is there twice in A 2001"


def earlier(folder: Path, before: list[Row], now: list[Row]) -> Earlier:
    """The release before, of these rows, as generation 7."""
    (folder / "before").mkdir(exist_ok=True)
    paths = data_file(folder / "before", before), data_file(folder, now)
    revisions = compare(*(observation_batches(path, NAME) for path in paths))
    return Earlier(7, profile(read_observations(paths[0], NAME)), revisions)


def judged(
    check: Callable[[str, pl.DataFrame, Any], Check], folder: Path, before: Any, now: list[Row]
) -> tuple[bool, bool | None, str]:
    """What a check says of these rows after those before; None for no release before."""
    seen = None if before is None else earlier(folder, before, now)
    found = check(NAME, profile(observed(folder, now)), seen)
    return found.required, found.passed, found.detail


GAP = steady(2000, 2003)
GONE = "series with gaps that generation 7 did not have, 1: A lacks "
UNKNOWN = "no earlier release is in the lake, so what is new is not known; series with gaps, 1: A "


@pytest.mark.parametrize(
    ("before", "now", "passed", "detail"),
    [
        (None, steady(2000, 2001, 2002), True, "2000-2002, no series has a gap"),
        (None, GAP, None, f"{UNKNOWN}lacks 2001, 2002"),
        (
            GAP,
            [*GAP, *steady(2004), *steady(1990, 1995, series_id="NEW")],
            True,
            "1990-2004; 2 series have gaps, none of them new since generation 7",
        ),
        (GAP, [*GAP, *steady(2006)], False, f"{GONE}2004, 2005"),
        # A year that was lost from within.
        (steady(2000, 2001, 2002), steady(2000, 2002), False, f"{GONE}2001"),
    ],
)
def test_only_a_gap_that_the_release_before_did_not_have_fails(
    tmp_path: Path, before: list[Row] | None, now: list[Row], *, passed: bool | None, detail: str
) -> None:
    assert judged(years_contiguous, tmp_path, before, now) == (False, passed, detail)


TEN = (*steady(2000, value="5"), *steady(*range(2001, 2010), value="20"))


@pytest.mark.parametrize(
    ("newest", "passed"),
    [("15", True), ("27.5", True), ("27.6", False), ("-2.5", True), ("-2.6", False)],
)
def test_new_values_far_from_all_before_are_named(
    tmp_path: Path, newest: str, passed: bool
) -> None:
    young = [*steady(2009, series_id="YOUNG"), ("YOUNG", 2010, "Q01", "900")]
    rows = [*TEN, ("A", 2010, "Q01", newest), ("NEW", 2010, "Q01", "900"), *young]
    for before, result in (([*TEN, *young[:4]], passed), (None, passed or None)):
        required_, found, detail = judged(values_in_range, tmp_path, before, rows)
        assert (required_, found) == (False, result)
        assert ("far from all before in A" in detail) is not passed


def test_a_value_that_was_far_before_is_no_news_and_a_revised_one_is(tmp_path: Path) -> None:
    far = [*TEN, ("A", 2010, "Q01", "900")]
    rows = [*far, ("A", 2010, "Q02", "21")]
    _, passed, detail = judged(values_in_range, tmp_path, far, rows)
    assert passed is True
    assert "new since generation 7 in 1 series" in detail
    revised = [("A", 2000, "Q01", "900"), *TEN[1:]]
    assert judged(values_in_range, tmp_path, TEN, revised)[1] is False


def test_consumer_prices_fail_nothing_by_their_nature(shared_data: Path) -> None:
    """Two real releases: 20 series with gaps, and indexes that were begun in 2017."""
    folders = [shared_data / "surveys" / "cu" / year for year in ("2022", "2024")]
    old, new = (folder / "cu.data.1.AllItems" for folder in folders)
    profiles = [profile(read_observations(path)) for path in (old, new)]
    revisions = compare(observation_batches(old), observation_batches(new))
    before = Earlier(1, profiles[0], revisions)
    gaps = years_contiguous(NAME, profiles[1], before)
    assert (gaps.passed, "20 series have gaps" in gaps.detail) == (True, True)
    far = values_in_range(NAME, profiles[1], before)
    assert (far.passed, "under 10 years before" in far.detail) == (True, True)
    assert years_contiguous(NAME, profiles[1], None).passed is None
    assert rows_kept(NAME, profiles[1], before).passed is True


def test_a_series_that_the_series_file_lacks_is_named_when_it_is_new(tmp_path: Path) -> None:
    profiled = profile(observed(tmp_path, [*steady(2000), *steady(2000, series_id="B")]))
    both = {"A": ("a", "u"), "B": ("b", "u"), "C": ("c", "u")}
    assert series_catalogued(NAME, profiled, named(both), None).passed is True
    only = named({"A": ("a", "u")})
    counted = "2 series in the data, 1 in the series file"
    check = series_catalogued(NAME, profiled, only, frozenset())
    assert (check.required, check.passed) == (False, False)
    assert check.detail == f"{counted}; not in it, and new there: B"
    check = series_catalogued(NAME, profiled, only, {"B"})
    assert check.passed is True
    assert check.detail == f"{counted}; 1 are not in it, as in the release before"
    assert series_catalogued(NAME, profiled, only, None).passed is None
    check = series_catalogued(NAME, profiled, empty_catalogue("xx has no xx.series"), None)
    assert (check.passed, check.detail) == (None, "xx has no xx.series")


def test_rows_that_are_gone_since_the_last_release_are_counted(tmp_path: Path) -> None:
    before = steady(2000, 2001)
    assert judged(rows_kept, tmp_path, before, before)[1] is True
    lost = (False, False, "5 rows; 3 of generation 7 are gone")
    assert judged(rows_kept, tmp_path, before, [before[0], *before[4:]]) == lost
    # A file that holds the newest years alone moves on.
    _, passed, detail = judged(rows_kept, tmp_path, before, [*before[4:], *steady(2002)])
    assert passed is True
    assert detail.endswith("4 of years before 2001, with which the file begins now")


OLDER = steady(1990)
RECENT = steady(2000, 2001)


DASH = [("A", 2000, "Q01", "-")]
OTHER = steady(2000, 2001, value="2")


@pytest.mark.parametrize(
    ("part", "complete", "detail"),
    [
        (RECENT, OLDER + RECENT, "all 8 rows are those of xx.data.1.AllData"),
        (DASH, OLDER + DASH, "all 1 rows are those of xx.data.1.AllData"),
        (RECENT, OLDER + RECENT[1:], "not in xx.data.1.AllData: 1;"),
        (RECENT[:-1], OLDER + RECENT, "not here: 1; such as A, 4th quarter 2001"),
        (OTHER, OLDER + RECENT, "not in xx.data.1.AllData: 8; rows of it not here: 8"),
    ],
)
def test_a_part_must_be_the_recent_rows_of_the_complete_file(
    tmp_path: Path, part: list[Row], complete: list[Row], detail: str
) -> None:
    (tmp_path / "complete").mkdir()
    mine, whole = observed(tmp_path, part), observed(tmp_path / "complete", complete)
    found = disagreement(mine, whole)
    check = agrees_with_complete(NAME, "xx.data.1.AllData", found, None)
    assert detail in check.detail
    assert (check.required, check.passed) == (False, detail.startswith("all"))
    # What was so in the release before is no news.
    assert agrees_with_complete(NAME, "xx.data.1.AllData", found, found).passed is True


def of_population(people: dict[int, int], name: str, estimate: str = "ACS 1-year") -> Check:
    return the(population_checks("census.json", population_frame(people), estimate), name)


@pytest.mark.parametrize(
    ("people", "passed"),
    [
        (PEOPLE, True),
        (PEOPLE | {2018: 327_167_439}, True),  # three years apart: +0.6 % a year
        (PEOPLE | {2016: 340_000_000}, False),
        (PEOPLE | {2016: 310_000_000}, False),
        (PEOPLE | {2016: 321_419}, False),  # thousands
        ({2013: 316_128_839}, None),
    ],
)
def test_too_much_growth_is_another_unit(people: dict[int, int], passed: bool | None) -> None:
    check = of_population(people, "growth plausible")
    assert (check.required, check.passed) == (True, passed)


def test_only_of_one_year_estimates_2020_may_be_missing() -> None:
    name = "no year is missing"
    census = PEOPLE | dict.fromkeys([*range(2016, 2020), 2021], 322_000_000)
    check = of_population(census, name, "ACS 5-year")
    assert (check.passed, check.detail) == (False, "2013-2021 without 2020")
    assert of_population(census, name).passed is True
    assert "no one-year estimate was published for 2020" in of_population(census, name).detail
    del census[2017]
    check = of_population(census, name)
    assert (check.required, check.passed) == (False, False)
    assert "2017, 2020" in check.detail


@pytest.fixture
def answered(tmp_path: Path) -> tuple[Answers, pl.DataFrame]:
    rows = [*steady(2013, 2014, value="1"), *steady(2015, value="0.5"), ("B", 2014, "Q05", "7")]
    observations = observed(tmp_path, rows)
    question = Question(2013, 2015, "A", "Q01")
    answers = answer(observations, population_frame(PEOPLE), "ACS", question)
    return answers, profile(observations)


def test_right_answers_pass_every_check(answered: tuple[Answers, pl.DataFrame]) -> None:
    checks = answer_checks(*answered)
    assert len(checks) == 4
    assert all(check.passed and check.required for check in checks)


def changed(**columns: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.with_columns(
        column.cast(frame.schema[name]).alias(name) for name, column in columns.items()
    )


def first_again(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame, frame.head(1)])


IS_A = pl.col("series_id") == "A"
LATER_OF_A_TIE = pl.when(IS_A).then(2014).otherwise("year")
OTHER_SUM = pl.when(IS_A).then(pl.col("value") + 1).otherwise("value")


@pytest.mark.parametrize(
    ("table", "spoil", "failing"),
    [
        ("best_year", lambda frame: frame.head(1), "one best year for each series with values"),
        ("best_year", first_again, "one best year for each series with values"),
        ("best_year", changed(year=LATER_OF_A_TIE), "each best year has the largest sum"),
        ("best_year", changed(value=OTHER_SUM), "each best year has the largest sum"),
        ("series_population", first_again, "the join keeps each year once"),
        (
            "series_population",
            changed(population=pl.col("population").shift(1)),
            "the join keeps each year once",
        ),
        (
            "population_statistics",
            changed(mean=pl.col("mean") / 10),
            "the mean lies within its years",
        ),
    ],
)
def test_a_wrong_answer_fails_the_check_that_is_for_it(
    answered: tuple[Answers, pl.DataFrame],
    table: str,
    spoil: Callable[[pl.DataFrame], pl.DataFrame],
    failing: str,
) -> None:
    answers, profiled = answered
    wrong: dict[str, Any] = {table: spoil(getattr(answers, table))}
    check = the(answer_checks(replace(answers, **wrong), profiled), failing)
    assert (check.required, check.passed) == (True, False)


def test_all_required_checks_that_failed_are_named_at_once() -> None:
    checks = [
        required("keys unique", NAME, "twice in A 2001", passed=False),
        required("schema", NAME, "8 lines", passed=True),
        required("growth plausible", "census.json", "2016", passed=False),
        advisory("years contiguous", NAME, "A lacks 2001", passed=False),
        required("growth known", "census.json", "one year", passed=None),
    ]
    with pytest.raises(BadData) as caught:
        require(checks)
    for said in ("keys unique", "twice in A 2001", "growth plausible", "census.json", "2016"):
        assert said in caught.value.what
    for unsaid in ("schema", "years contiguous", "growth known"):
        assert unsaid not in caught.value.what
    require([check for check in checks if check.passed is not False])


def test_many_things_are_named_by_the_first_and_a_count() -> None:
    assert some([1, 2, 3]) == "1, 2, 3"
    assert some(list(range(1003))) == "0, 1, 2 and 1,000 more"
