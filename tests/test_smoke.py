"""The sample from end to end once through each kind of server: all that `make test` starts."""

import subprocess
import sys
from pathlib import Path

from blsquest import Lake
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.sources.sample.server import SampleServer
from tests.conftest import FreshStore
from tests.support.browser import document
from tests.support.commands import PROJECT
from tests.support.lakes import mirror, take_population
from tests.support.prefect_server import clean_environment


def test_the_pipeline_runs_with_a_prefect_server_of_its_own(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    done = subprocess.run(
        [sys.executable, "-m", "flows", "pipeline", "--sample", "1", "--lake", str(lake)],
        cwd=PROJECT,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bls/pr (sample) Changed: 12 added" in done.stdout
    assert Lake(lake).report("pr")["best_year"].height == 108


def test_a_lake_in_an_s3_server_is_mirrored_reported_on_and_read(
    fresh_store: FreshStore, server: SampleServer
) -> None:
    store = fresh_store("seaweed")
    take_population(server, store)
    assert mirror(server, store).name == "Changed"
    assert mirror(server, store).name == "Unchanged"
    assert make_report(store, Request()).name == "Changed"
    assert make_report(store, Request()).name == "Unchanged"


def test_the_report_is_shown_by_a_browser(
    browser: str, server: SampleServer, lake: DirectoryStore, tmp_path: Path
) -> None:
    take_population(server, lake)
    mirror(server, lake)
    page = lake.root / make_report(lake, Request()).folder / "report.html"
    shown = document(browser, page.as_uri(), tmp_path / "profile")
    assert "PRS30006032" in shown
    assert "generated sample" in shown
