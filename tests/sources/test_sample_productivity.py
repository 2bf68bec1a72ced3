from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from itertools import groupby

import pytest

from blsquest.sources.sample.pages import http_date
from blsquest.sources.sample.productivity import TIED_SERIES, TIED_YEARS, generated

QUARTERS = ("Q01", "Q02", "Q03", "Q04")
DATA = ("pr.data.0.Current", "pr.data.1.AllData")

Rows = dict[tuple[str, str, str], tuple[str, str]]


def lines(name: str, release: int = 1) -> list[list[str]]:
    text = generated(release)[name].content().decode("ascii")
    assert text.count("\n") == text.count("\r\n")
    assert text.endswith("\r\n")
    return [line.split("\t") for line in text.removesuffix("\r\n").split("\r\n")]


def rows(name: str = "pr.data.1.AllData", release: int = 1) -> Rows:
    """(series, year, period) → (value, footnote), both stripped."""
    return {
        (series.strip(), year, period): (value.strip(), note)
        for series, year, period, value, note in lines(name, release)[1:]
    }


def sums(release: int) -> dict[str, dict[str, list[str]]]:
    """Series → year → its quarters' values in Current."""
    result: dict[str, dict[str, list[str]]] = {}
    for (series, year, period), (value, _) in rows("pr.data.0.Current", release).items():
        if period in QUARTERS:
            result.setdefault(series, {}).setdefault(year, []).append(value)
    return result


# -- Form --------------------------------------------------------------------------------------


def test_a_release_is_the_twelve_files_of_the_real_survey() -> None:
    names = "class contacts data.0.Current data.1.AllData duration footnote measure period"
    names += " seasonal sector series txt"
    assert list(generated(1)) == [f"pr.{name}" for name in names.split()]


def test_there_is_no_third_release() -> None:
    with pytest.raises(ValueError, match="no generated release 3: choose 1 or 2"):
        generated(3)


@pytest.mark.parametrize("name", DATA)
def test_data_rows_are_padded_as_the_real_ones(name: str) -> None:
    header, *body = lines(name)
    assert "\t".join(header) == "series_id        \tyear\tperiod\t       value\tfootnote_codes"
    assert {(len(r[0]), len(r[1]), len(r[2]), len(r[3]), len(r)) for r in body} == {
        (17, 4, 3, 12, 5)
    }
    assert all(r[0].startswith("PRS") and r[3] == r[3].strip().rjust(12) for r in body)
    assert {note for *_, note in body} == {"", "R"}


# -- Meaning -----------------------------------------------------------------------------------


def test_the_series_file_agrees_with_the_data() -> None:
    header, *body = lines("pr.series")
    assert "\t".join(header).startswith("series_id        \tsector_code\tclass_code\tmeasure_code")
    spans = {
        series: [key[1:] for key in keys]
        for series, keys in groupby(rows(), key=lambda key: key[0])
    }
    assert 90 <= len(body) <= 120
    assert "PRS30006032" in spans
    for line in body:
        series, sector, group, measure, duration, seasonal, base, note, *span = line
        assert len(series) == 17
        assert series.strip() == f"PR{seasonal}{sector}{group}{measure}{duration}"
        assert (base, note) == ("2017" if duration == "3" else "-", "")
        periods = spans.pop(series.strip())
        assert tuple(span) == periods[0] + periods[-1]
    assert not spans


def test_manufacturings_nonlabor_payments_have_only_annual_averages() -> None:
    periods: dict[str, set[str]] = {}
    for series, _, period in rows():
        periods.setdefault(series, set()).add(period)
    only_annual = {series for series, seen in periods.items() if seen == {"Q05"}}
    assert only_annual == {
        f"PRS{sector}608{duration}" for sector in ("3000", "3100", "3200") for duration in "123"
    }


def test_the_newest_quarter_is_there_for_some_series_and_missing_for_others() -> None:
    data = rows()
    has = {series for series, year, period in data if (year, period) == ("2024", "Q04")}
    before = {series for series, year, period in data if (year, period) == ("2024", "Q03")}
    assert has
    assert {series[:7] for series in before - has} == {"PRS8800"}
    assert max(key[1:] for key in data) == ("2024", "Q05")


@pytest.mark.parametrize("release", [1, 2])
def test_the_best_years_of_one_series_tie_exactly_and_floats_get_it_wrong(release: int) -> None:
    years = sums(release)[TIED_SERIES]
    exact = {year: sum(map(Decimal, values)) for year, values in years.items()}
    floats = {year: sum(map(float, values)) for year, values in years.items()}
    first, second = (str(year) for year in TIED_YEARS)
    assert exact[first] == exact[second] == Decimal("58.0")
    assert [year for year in exact if exact[year] == max(exact.values())] == [first, second]
    assert max(floats, key=lambda year: floats[year]) == second
    assert floats[first] < floats[second]


# -- The second release ------------------------------------------------------------------------


def test_the_second_release_differs_exactly_as_promised() -> None:
    first, second = generated(1), generated(2)
    assert second.keys() - first.keys() == {"pr.notice"}
    assert first.keys() - second.keys() == {"pr.contacts"}
    both = first.keys() & second.keys()
    changed = {name for name in both if first[name].body != second[name].body}
    stamped = {name for name in both if first[name].stamp != second[name].stamp}
    dated = {name for name in both if first[name].last_modified != second[name].last_modified}
    assert changed == set(DATA)
    assert stamped == dated == {*DATA, "pr.class"}


@pytest.mark.parametrize("name", DATA)
def test_the_second_release_revises_recent_values_and_marks_them(name: str) -> None:
    before, after = rows(name, 1), rows(name, 2)
    assert list(before) == list(after)
    revised = {key for key in before if before[key][0] != after[key][0]}
    assert {after[key][1] for key in revised} == {"R"}
    assert all(before[key] == after[key] for key in before.keys() - revised)
    assert {key[1] for key in revised} == {"2022", "2023", "2024"}
    assert 300 < len(revised) < 1500


# -- Making it ---------------------------------------------------------------------------------


def test_the_sample_is_the_same_wherever_it_is_made() -> None:
    digest = sha256()
    for release in (1, 2):
        for name, file in generated(release).items():
            assert file.last_modified
            dates = f"{name} {file.stamp} {http_date(file.last_modified)}"
            digest.update(dates.encode() + file.content())
    # A new digest means new sample data: whoever changes it on purpose changes this line.
    assert digest.hexdigest() == (
        "502e9d2b7490e533b28bf534b91c42a9cbbb7a530a2d00fe0df1c1aee1ae091a"
    )
