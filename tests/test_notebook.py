"""The analysis notebook: kept clean, run in a real kernel on each kind of lake, and never wrong."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from nbclient.exceptions import CellExecutionError

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import Clock, contents, mirror, take_population
from tests.support.notebook_kernel import NOTEBOOK, notebook_in_kernel, read_notebook
from tests.support.publishing import publish_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import FreshStore
    from tests.support.notebook_kernel import Running
    from tests.support.s3_servers import S3Server

NOT_KNOWN = "not known for these bytes"

RELEASES = {  # in the order in which they came: generation, release, payload, its expected rows
    "1": ("2024-06", datetime(2024, 6, 6, 13, tzinfo=UTC), "legacy_acs5", "legacy_acs5_2025-05"),
    "2": ("2025-02", datetime(2025, 2, 6, 14, tzinfo=UTC), "tesseract_acs1", "tesseract_acs1"),
}

WRONG_ANSWERS = {
    "population-by-hand": "statistics = statistics.with_columns(pl.col('std_sample') + 1)",
    "best-year-by-hand": "best = best.with_columns(pl.col('year') - 1)",
    "series-by-hand": "joined = joined.with_columns(pl.col('value') + 1)",
    "report-agrees": "from dataclasses import replace\n"
    "answers = replace(answers, best_year=answers.best_year.head(1))",
    "spot-checks-table": "KNOWN[data.sha256[:12]] = {'observations': '1'}",
}
"""Cells that check an answer, and what makes that answer another one."""


def test_the_notebook_is_kept_without_outputs_and_without_traces_of_a_machine() -> None:
    notebook = read_notebook()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert all(not cell.metadata for cell in notebook.cells)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]])
def test_the_notebook_is_linted_and_formatted_with_the_rest_of_the_code(check: list[str]) -> None:
    command = [sys.executable, "-m", "ruff", *check, str(NOTEBOOK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    listed = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--show-files", str(NOTEBOOK.parents[2])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(NOTEBOOK) in listed.stdout.splitlines()


# -- On the generated sample -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample_lake(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    lake = DirectoryStore(tmp_path_factory.mktemp("sample") / "lake")
    with SampleServer() as server:
        take_population(server, lake)
        mirror(server, lake)
    return lake


@pytest.fixture(scope="module")
def on_sample(
    sample_lake: DirectoryStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with notebook_in_kernel(sample_lake.url, tmp_path_factory.mktemp("home")) as running:
        before = contents(sample_lake, "")
        running.run_all()
        assert contents(sample_lake, "") == before, "the notebook only reads"
        yield running


def test_on_a_sample_it_says_that_the_numbers_are_not_real(on_sample: Running) -> None:
    assert on_sample.markdown("sample") == "**Generated sample: these are not real statistics.**"
    [statistics] = on_sample.table("population-statistics")
    assert statistics[-1] == "ACS 1-year, generated sample"
    assert {row[2] for row in on_sample.table("spot-checks-table")} == {NOT_KNOWN}


def test_it_needs_no_prefect(on_sample: Running) -> None:
    assert on_sample.run("import sys; sorted(m for m in sys.modules if 'prefect' in m)") == "[]"


def test_every_chart_is_told_in_words_too(on_sample: Running) -> None:
    charts = on_sample.charts()
    assert len(charts) == 3, "nothing to compare the first release with"
    assert all('src="data:image/svg+xml;base64,' in chart for chart in charts)
    assert all(len(chart.partition('alt="')[2]) > 50 for chart in charts)


def test_the_first_release_of_a_lake_is_compared_with_none(on_sample: Running) -> None:
    [[note]] = on_sample.table("release-counts")
    assert "no earlier release of pr.data.0.Current is in the lake" in note


@pytest.mark.parametrize("cell", WRONG_ANSWERS)
def test_a_wrong_answer_stops_the_notebook(on_sample: Running, cell: str) -> None:
    on_sample.run(WRONG_ANSWERS[cell])
    with pytest.raises(CellExecutionError, match="AssertionError"):
        on_sample.run(on_sample.source(cell))


def test_every_assertion_is_among_those_that_were_seen_to_fail() -> None:
    asserts = re.compile("^ *assert ", re.MULTILINE)
    asserting = {cell.id for cell in read_notebook().cells if asserts.search(cell.source)}
    assert asserting == {*WRONG_ANSWERS, "lake"}


def test_a_file_that_the_lake_does_not_have_is_named(on_sample: Running) -> None:
    with pytest.raises(CellExecutionError, match=r"bls/pr has no file pr\.data\.9\.None"):
        on_sample.run("fetch(pinned.survey, 'pr.data.9.None')")


def test_years_that_can_not_be_meant_stop_it_before_the_lake_is_read(on_sample: Running) -> None:
    years = "FIRST_YEAR, LAST_YEAR = 2013, 30_000_000\n"
    with pytest.raises(CellExecutionError, match="do not lie within 1900 to 2100"):
        on_sample.run(years + on_sample.source("lake"))


# -- On a bucket, and on a lake that has nothing ---------------------------------------------------


def test_it_reads_a_bucket(fresh_store: FreshStore, moto_s3: S3Server, tmp_path: Path) -> None:
    lake = fresh_store("moto")
    with SampleServer() as server:
        take_population(server, lake)
        mirror(server, lake)
    with notebook_in_kernel(lake.url, tmp_path, **moto_s3.environment) as running:
        running.run_all()
        assert [row[0] for row in running.table("inputs-table")] == ["bls/pr", "census"]


def test_a_lake_without_data_is_named_with_what_to_do(tmp_path: Path) -> None:
    lake = tmp_path / "empty"
    with notebook_in_kernel(str(lake), tmp_path) as running, pytest.raises(CellExecutionError) as e:
        running.run_all()
    assert f"The lake {lake} has no generation of bls/pr yet. Mirror it first" in str(e.value)


# -- On real releases ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """Two releases of the survey and two of the population."""
    lake, clock = DirectoryStore(tmp_path_factory.mktemp("real") / "lake"), Clock()
    with SampleServer() as server:
        for release, modified, payload, _ in RELEASES.values():
            clock.moment = modified
            publish_folder(server, shared_data / "pr" / release, modified=modified)
            server.population = (shared_data / "population" / f"{payload}.json").read_bytes()
            take_population(server, lake, clock)
            mirror(server, lake, clock)
    return lake


@pytest.fixture(scope="module", params=RELEASES)
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def on_real(
    generation: str, real_lake: DirectoryStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    past = {"AS_OF": generation} if generation == "1" else {}
    home = tmp_path_factory.mktemp("home")
    with notebook_in_kernel(real_lake.url, home, **past) as running:
        running.run_all()
        yield running


def test_what_is_known_from_elsewhere_is_found(on_real: Running) -> None:
    spot_checks = on_real.table("spot-checks-table")
    assert len(spot_checks) == 12
    assert all(here == elsewhere != NOT_KNOWN for _, here, elsewhere in spot_checks)


def test_the_series_beside_the_population_is_the_expected_one(
    on_real: Running, generation: str, shared_data: Path
) -> None:
    release, _, _, rows = RELEASES[generation]
    [path] = (shared_data / "expected").glob(f"{release}.prs30006032_q01.{rows}*.csv")
    with path.open(newline="") as file:
        expected = [
            (row["year"], float(row["value"]), row["Population"] or "unknown")
            for row in csv.DictReader(file)
        ]
    assert expected == [
        (year, float(value), people.replace(",", ""))
        for _, year, _, value, people in on_real.table("series-table")
    ]


def test_a_past_generation_is_read_as_it_was(on_real: Running, generation: str) -> None:
    survey, census = on_real.table("inputs-table")
    assert (survey[1], census[1]) == (generation, generation)
    compared = on_real.table("release-counts")
    if generation == "1":
        assert "no earlier release" in compared[0][0]
    else:
        assert compared == [["834", "0", "8,140", "17", "282"]]


def test_tied_years_are_shown_with_what_floats_would_have_made_of_them(
    on_real: Running, generation: str
) -> None:
    ties = [(row[1], row[2], row[3], row[5]) for row in on_real.table("ties-table")]
    tie = [
        ("PRS84006142", "2021", "28.5", "28.5"),
        ("PRS84006142", "2022", "28.5", "28.500000000000004"),
    ]
    assert ties == (tie if generation == "2" else [])
