"""Real releases through the real path: publisher, lake, answers; nothing is lost on the way."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import PR, Clock, assert_whole, contents, kinds, mirror, take_population
from tests.support.publishing import publish_folder

RELEASED = {
    "2024-06": datetime(2024, 6, 6, 12, 30, tzinfo=UTC),
    "2025-02": datetime(2025, 2, 6, 13, 30, tzinfo=UTC),
}
RESTAMPED = ("pr.class", "pr.duration", "pr.footnote", "pr.measure", "pr.sector")
"""What BLS restamps at each release though the bytes stay."""
SUMS = {"2024-06": Decimal("43289.269"), "2025-02": Decimal("44110.824")}
"""Of the best years by quarters."""
MEANS = {"tesseract_acs1": 322_069_808, "legacy_acs5": 317_437_383}
POPULATIONS = {"tesseract_acs1": "tesseract_acs1_2025-10", "legacy_acs5": "legacy_acs5_2025-05"}


@pytest.fixture
def publisher(shared_data: Path) -> Iterator[SampleServer]:
    """Nothing published yet but the real population."""
    with SampleServer() as server:
        server.population = (shared_data / "population" / "tesseract_acs1.json").read_bytes()
        yield server


def bring_out(server: SampleServer, shared_data: Path, release: str) -> dict[str, bytes]:
    """Publish a release as BLS did; its files."""
    folder = shared_data / "pr" / release
    publish_folder(server, folder, modified=RELEASED[release], restamp=RESTAMPED)
    return {f"{PR}/{path.name}": path.read_bytes() for path in folder.iterdir()}


def test_each_release_is_byte_identical_in_the_view_and_each_file_has_its_true_outcome(
    publisher: SampleServer, shared_data: Path, store: Store
) -> None:
    old = bring_out(publisher, shared_data, "2024-06")
    assert set(kinds(mirror(publisher, store)).values()) == {"added"}
    assert contents(store, f"{PR}/") == old
    new = bring_out(publisher, shared_data, "2025-02")
    outcome = mirror(publisher, store)
    assert kinds(outcome) == {
        **dict.fromkeys(RESTAMPED, "restamped"),
        **dict.fromkeys(("pr.data.0.Current", "pr.data.1.AllData", "pr.series"), "changed"),
    }
    assert contents(store, f"{PR}/") == new
    vintages = contents(store, f"vintages/{PR}/")
    assert set(vintages.values()) == set(old.values()) | set(new.values())
    assert outcome.uploaded == 3
    assert outcome.sample is False
    assert_whole(store)
    assert mirror(publisher, store).name == "Unchanged"


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("release", RELEASED)
def test_the_answers_in_the_lake_equal_the_expected_ones_row_by_row(
    publisher: SampleServer, shared_data: Path, tmp_path: Path, release: str, population: str
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    bring_out(publisher, shared_data, release)
    publisher.population = (shared_data / "population" / f"{population}.json").read_bytes()
    mirror(publisher, lake)
    take_population(publisher, lake)
    reported = make_report(lake, Request(), now=Clock())

    def answers(name: str) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(lake.read(f"{reported.folder}{name}.parquet")))

    def expected(name: str) -> list[dict[str, str]]:
        with (shared_data / "expected" / f"{release}.{name}.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    best = answers("best_year")
    quarters = best.filter(pl.col("basis") == "quarters")
    quarterly = expected("best_year.excl_Q05")
    assert quarters.select("series_id", "year", "value", "tied_years", "partial").rows() == [
        (
            row["series_id"],
            int(row["year"]),
            Decimal(row["value"]),
            [int(year) for year in row["all_tied_years"].split("|")],
            int(row["n_periods_in_year"]) < 4,
        )
        for row in quarterly
    ]
    assert quarters.get_column("value").sum() == SUMS[release]
    with_quarters = {row["series_id"] for row in quarterly}
    annual = best.filter(pl.col("basis") == "annual")
    assert annual.select("series_id", "year", "value").rows() == [
        (row["series_id"], int(row["year"]), Decimal(row["value"]))
        for row in expected("best_year.incl_Q05")
        if row["series_id"] not in with_quarters
    ]
    assert (best.height, quarters.height, annual.height) == (282, 237, 45)
    joined = answers("series_population")
    assert joined.select("series_id", "year", "period", "value", "population").rows() == [
        (
            row["series_id"],
            int(row["year"]),
            row["period"],
            Decimal(row["value"]),
            int(row["Population"]) if row["Population"] else None,
        )
        for row in expected(f"prs30006032_q01.{POPULATIONS[population]}")
    ]
    figures: dict[str, dict[str, Any]] = {
        "tesseract_acs1": {"std_sample": 4_158_441.0409, "std_population": 3_796_119.9369},
        "legacy_acs5": {"std_sample": 4_257_089.5415, "std_population": 3_886_173.2854},
    }
    (statistics,) = answers("population_statistics").to_dicts()
    for name, value in figures[population].items():
        assert statistics[name] == pytest.approx(value, abs=5e-5)
    assert statistics["mean"] == MEANS[population]
    span = ("first_year", "last_year", "years")
    assert tuple(statistics[name] for name in span) == (2013, 2018, 6)
    answered = reported.report["answers"]["population_statistics"]
    assert answered == statistics
