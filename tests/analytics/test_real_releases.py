"""The answers on published releases, row by row against answers computed apart from this project.

The files lie beside the project in a checkout that has them; elsewhere these tests are skipped.
"""

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from blsquest.analytics.answers import Answers, Question, answer
from blsquest.analytics.observations import population_frame, read_observations


@pytest.fixture(scope="module", params=["2024-06", "2025-02"])
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["legacy_acs5", "tesseract_acs1"])
def payload(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def answers(shared_data: Path, release: str, payload: str) -> Answers:
    rows = json.loads((shared_data / "population" / f"{payload}.json").read_text())["data"]
    people = {int(row["Year"]): int(row["Population"]) for row in rows if row["Population"]}
    observations = read_observations(shared_data / "pr" / release / "pr.data.0.Current")
    return answer(observations, population_frame(people), payload, Question())


def expected(shared_data: Path, name: str) -> Iterator[dict[str, str]]:
    with next((shared_data / "expected").glob(f"{name}*.csv")).open(newline="") as file:
        yield from csv.DictReader(file)


def test_best_years_by_quarters_are_known(
    answers: Answers, shared_data: Path, release: str
) -> None:
    found = answers.best_year.filter(pl.col("basis") == "quarters")
    assert found.select("series_id", "year", "value", "tied_years", "partial").rows() == [
        (
            row["series_id"],
            int(row["year"]),
            Decimal(row["value"]),
            [int(year) for year in row["all_tied_years"].split("|")],
            int(row["n_periods_in_year"]) < 4,
        )
        for row in expected(shared_data, f"{release}.best_year.excl_Q05")
    ]
    assert found.height == 237
    totals = {"2024-06": Decimal("43289.269"), "2025-02": Decimal("44110.824")}
    assert found.get_column("value").sum() == totals[release]


def test_best_years_by_averages_are_known(
    answers: Answers, shared_data: Path, release: str
) -> None:
    quarterly = {row["series_id"] for row in expected(shared_data, f"{release}.best_year.excl_Q05")}
    found = answers.best_year.filter(pl.col("basis") == "annual")
    assert found.select("series_id", "year", "value").rows() == [
        (row["series_id"], int(row["year"]), Decimal(row["value"]))
        for row in expected(shared_data, f"{release}.best_year.incl_Q05")
        if row["series_id"] not in quarterly
    ]
    assert found.height == 45
    assert answers.best_year.height == 282


def test_the_series_beside_the_population_equals_the_expected_rows(
    answers: Answers, shared_data: Path, release: str, payload: str
) -> None:
    found = answers.series_population.drop("footnote_codes").rows()
    assert found == [
        (
            row["series_id"],
            int(row["year"]),
            row["period"],
            Decimal(row["value"]),
            int(row["Population"]) if row["Population"] else None,
        )
        for row in expected(shared_data, f"{release}.prs30006032_q01.{payload}")
    ]


def test_the_population_statistics_are_the_published_ones(answers: Answers, payload: str) -> None:
    assert answers.population_statistics is not None
    [row] = answers.population_statistics.to_dicts()
    figures = {
        "tesseract_acs1": (322_069_808, 4_158_441.0409, 3_796_119.9369),
        "legacy_acs5": (317_437_383, 4_257_089.5415, 3_886_173.2854),
    }
    mean, sample, population = figures[payload]
    assert row["mean"] == mean
    assert row["std_sample"] == pytest.approx(sample, abs=5e-5)
    assert row["std_population"] == pytest.approx(population, abs=5e-5)
    assert (row["first_year"], row["last_year"], row["years"]) == (2013, 2018, 6)
