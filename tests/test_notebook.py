"""The analysis notebook: kept clean, run in a real kernel on each kind of lake, and never wrong."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.conftest import FreshStore
from tests.support.lakes import Clock, contents, mirror, take_population
from tests.support.publishing import publish_folder
from tests.support.s3_servers import S3Server

PROJECT = Path(__file__).parents[1]
NOTEBOOK = PROJECT / "docs" / "analysis.ipynb"

# The kernel talks over loopback, where anyone on the machine could listen.
_ENCRYPTED = Config({"KernelManager": {"transport_encryption": "required"}})


def read_notebook() -> Any:
    """Return the notebook as it is in git."""
    return nbformat.read(NOTEBOOK, as_version=4)


@dataclass
class Running:
    """The notebook in its kernel."""

    client: NotebookClient

    def run_all(self) -> None:
        """Run the cells from the first to the last, until one raises CellExecutionError."""
        for index, cell in enumerate(self.client.nb.cells):
            self.client.execute_cell(cell, index)

    def run(self, code: str) -> str:
        """Run further code, and return what it shows as plain text."""
        cell = nbformat.v4.new_code_cell(code)
        self.client.nb.cells.append(cell)
        self.client.execute_cell(cell, len(self.client.nb.cells) - 1)
        return _texts(cell, "text/plain")

    def cell(self, cell_id: str) -> Any:
        return next(cell for cell in self.client.nb.cells if cell.id == cell_id)

    def shown(self, cell_id: str, mime: str = "text/markdown") -> str:
        return _texts(self.cell(cell_id), mime)

    def table(self, cell_id: str) -> list[list[str]]:
        """The rows of the table that a cell shows, without its header."""
        rows = re.findall(r"<tr>(.*?)</tr>", self.shown(cell_id, "text/html"))
        cells = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
        return [[unescape(text).strip('"') for text in row] for row in cells if row]

    def charts(self) -> list[str]:
        shown = "".join(_texts(cell, "text/html") for cell in self.client.nb.cells)
        return re.findall(r"<img [^>]*>", shown)


@contextmanager
def notebook_in_kernel(lake: str, home: Path, **environment: str) -> Iterator[Running]:
    """Start a kernel for the notebook on a lake; nothing has run yet. `home` is an empty folder."""
    own = {"LAKE": lake, "AS_OF": "", "PYTHONPATH": str(PROJECT), "HOME": str(home)}
    client = NotebookClient(
        read_notebook(),
        timeout=120,
        config=_ENCRYPTED,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    manager = client.create_kernel_manager()
    manager.connection_file = str(home / "kernel.json")
    with client.setup_kernel(env=os.environ | own | {"IPYTHONDIR": str(home)} | environment):
        yield Running(client)


def _texts(cell: Any, mime: str) -> str:
    outputs = [output.get("data", {}) for output in cell.get("outputs", ())]
    return "".join(data.get(mime, "") for data in outputs)


NOT_KNOWN = "not known for these bytes"

RELEASES = {  # in the order in which they came: generation, release, payload
    "1": ("2024-06", datetime(2024, 6, 6, 13, tzinfo=UTC), "legacy_acs5"),
    "2": ("2025-02", datetime(2025, 2, 6, 14, tzinfo=UTC), "tesseract_acs1"),
}

WRONG_ANSWERS = {
    "population-by-hand": "statistics['std_sample'] += 1",
    "best-year-by-hand": "best = best.with_columns(pl.col('year') - 1)",
    "series-by-hand": "joined = joined.with_columns(pl.col('value') + 1)",
    "spot-checks-table": "KNOWN[inputs['identity'][0][:12]] = {'observations': '1'}",
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


def test_of_the_project_it_imports_the_lake_alone() -> None:
    rooms = "|".join(path.name for path in PROJECT.iterdir() if (path / "__init__.py").is_file())
    code = "\n".join(cell.source for cell in read_notebook().cells if cell.cell_type == "code")
    imports = re.findall(rf"^ *(?:from|import) (?:{rooms})\b.*", code, re.MULTILINE)
    assert imports == ["from blsquest import Lake"]


def test_every_assertion_is_among_those_that_were_seen_to_fail() -> None:
    asserts = re.compile("^ *assert ", re.MULTILINE)
    asserting = {cell.id for cell in read_notebook().cells if asserts.search(cell.source)}
    assert asserting == set(WRONG_ANSWERS)


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


def test_on_a_sample_it_says_that_the_numbers_are_not_real_and_needs_no_prefect(
    on_sample: Running,
) -> None:
    assert on_sample.shown("sample") == "**Generated sample: these are not real statistics.**"
    [statistics] = on_sample.table("population-statistics")
    assert statistics[-1] == "ACS 1-year, generated sample"
    assert {row[2] for row in on_sample.table("spot-checks-table")} == {NOT_KNOWN}
    assert "nothing to compare it with" in on_sample.shown("release-table")
    assert len(on_sample.charts()) == 3
    assert on_sample.run("import sys; sorted(m for m in sys.modules if 'prefect' in m)") == "[]"


@pytest.mark.parametrize("cell", WRONG_ANSWERS)
def test_a_wrong_answer_stops_the_notebook(on_sample: Running, cell: str) -> None:
    on_sample.run(WRONG_ANSWERS[cell])
    with pytest.raises(CellExecutionError, match="AssertionError"):
        on_sample.run(on_sample.cell(cell).source)


# -- On a bucket, and on a lake that has nothing ---------------------------------------------------


def test_it_reads_a_bucket(fresh_store: FreshStore, moto_s3: S3Server, tmp_path: Path) -> None:
    lake = fresh_store("moto")
    with SampleServer() as server:
        take_population(server, lake)
        mirror(server, lake)
    with notebook_in_kernel(lake.url, tmp_path, **moto_s3.environment) as running:
        running.run_all()
        assert [row[0] for row in running.table("inputs")] == [
            "pr.data.0.Current",
            "census.json",
        ]


def test_a_lake_without_data_is_named_with_what_to_do(tmp_path: Path) -> None:
    lake = tmp_path / "empty"
    with notebook_in_kernel(str(lake), tmp_path) as running, pytest.raises(CellExecutionError) as e:
        running.run_all()
    assert f"There is no lake at {lake}: it holds no manifest." in str(e.value)


def test_make_names_such_a_lake_in_one_line(tmp_path: Path) -> None:
    command = ["make", "-o", ".venv/dev.stamp", f"BIN={Path(sys.executable).parent}", "notebook"]
    ours = {"LAKE": str(tmp_path / "empty"), "PYTHONPATH": str(PROJECT), "MAKEFLAGS": ""}
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ | ours, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    said, makes_own = done.stderr.splitlines()
    assert said.startswith(f"There is no lake at {tmp_path}/empty: it holds no manifest. Check the")
    assert "Makefile" in makes_own


# -- On real releases ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """Two releases of the survey and two of the population."""
    lake, clock = DirectoryStore(tmp_path_factory.mktemp("real") / "lake"), Clock()
    with SampleServer() as server:
        for release, modified, payload in RELEASES.values():
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


def test_a_past_generation_is_read_as_it_was(on_real: Running, generation: str) -> None:
    survey, census = on_real.table("inputs")
    assert (survey[1], census[1]) == (generation, generation)
    tie = [
        ["PRS84006142", "2021", "28.5", "28.5"],
        ["PRS84006142", "2022", "28.5", "28.500000000000004"],
    ]
    changes = [["added", "834"], ["revised", "8140"], ["annotated", "17"]]
    table, ties = on_real.table("release-table"), on_real.table("ties-table")
    newest = generation == "2"
    assert table == (changes if newest else [])
    assert [[*row[1:4], row[5]] for row in ties] == (tie if newest else [])
    charts = on_real.charts()
    assert len(charts) == (4 if newest else 3)
    assert all('src="data:image/svg+xml;base64,' in chart for chart in charts)
    assert all(len(chart.partition('alt="')[2]) > 100 for chart in charts)


def test_another_series_and_other_years_are_answered_too(
    real_lake: DirectoryStore, tmp_path: Path
) -> None:
    with notebook_in_kernel(real_lake.url, tmp_path) as running:
        parameters = running.cell("parameters")
        parameters.source += "\nFIRST_YEAR, LAST_YEAR = 2014, 2019"
        parameters.source += "\nSERIES, PERIOD = 'PRS85006092', 'Q03'"
        running.run_all()
        [statistics] = running.table("population-statistics")
        assert statistics[0] == "324,088,255.3333"
        assert {row[1] for row in running.table("series-table")} == {"Q03"}
