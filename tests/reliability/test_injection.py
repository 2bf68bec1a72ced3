"""What a publisher sends stays text in the dashboard: looked at in a real browser."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from blsquest.sources.sample.pages import ROOT, Row, published
from blsquest.sources.sample.population import payload
from blsquest.sources.sample.server import SampleServer
from tests.support.browser import document
from tests.support.lakes import LONG_AGO
from tests.support.prefect_server import (
    PrefectServer,
    copy_database,
    eventually,
    run_prefect_server,
)
from tests.support.runs import Runs

MARK = "OWNED"
"""In every hostile text, and so in every request that one would cause."""


def hostile_ids(beacon: str) -> list[str]:
    """Series ids that would load a picture, run a script, or be a link, were they markup."""
    return [
        f"<img src={beacon}-html onerror=fetch('{beacon}-event')>",
        f"<script>fetch('{beacon}-script')</script>",
        f"![{MARK}]({beacon}-picture)",
        f"[{MARK}](javascript:fetch('{beacon}-link'))",
    ]


def hostile_names(port: int) -> list[str]:
    """File names that the rule for names lets pass, and that markdown would read."""
    there = f"&sol;&sol;127.0.0.1&colon;{port}&sol;{MARK}"
    return [
        f"pr.![{MARK}]({there}-name)",
        f"pr.[{MARK}](javascript&colon;alert(1))",
        f"pr.&lt;img src={there}&gt;",
        f"www.{MARK}.example",
    ]


def make_hostile(server: SampleServer) -> None:
    """Put hostile text wherever a publisher's text can be."""
    origin = server.bls_url.removesuffix(ROOT)
    port = int(origin.rpartition(":")[2])
    beacon = f"{origin}/{MARK}"
    current = server.surveys["pr"]["pr.data.0.Current"]
    body = current.body
    rows = [
        f"{text}\t2020\tQ0{quarter}\t{10**9}\t".encode()
        for text in hostile_ids(beacon)
        for quarter in (1, 2, 3, 4)
    ]
    # The first one is a tie: the report names it.
    rows += [row.replace(b"2020", b"2021") for row in rows[:4]]
    server.surveys["pr"]["pr.data.0.Current"] = replace(
        current, body=body + b"\r\n".join(rows) + b"\r\n"
    )
    for name in hostile_names(port):
        server.surveys["pr"][name] = published(b"x", LONG_AGO)

    def with_quoted_links(folder: str, shown: list[Row]) -> list[Row]:
        return [replace(row, href=quote(f"{ROOT}pr/{row.name}")) for row in shown]

    server.listing_rows = with_quoted_links
    document = json.loads(payload())
    document["annotations"]["dataset_name"] = hostile_ids(beacon)[0]
    server.population = json.dumps(document).encode()


@pytest.fixture(scope="module")
def dashboard(
    prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrefectServer]:
    """A Prefect server that serves its dashboards."""
    home = tmp_path_factory.mktemp("dashboard")
    copy_database(prefect_server.home, home)
    for server in run_prefect_server(home, dashboard=True):
        with server.in_use():
            yield server


def page(browser: str, url: str, expected: str, profile: Path) -> str:
    """The page's document once it shows the expected text."""

    def look() -> str | None:
        dumped = document(browser, url, profile)
        return dumped if expected in dumped else None

    return eventually(look, f"{expected} on {url}", seconds=120)


def test_hostile_names_ids_and_titles_are_text_in_both_dashboards(
    dashboard: PrefectServer, browser: str, server: SampleServer, tmp_path: Path
) -> None:
    make_hostile(server)
    runs = Runs(server, dashboard, tmp_path / "lake")
    states = [runs.mirror(), runs.population(), runs.report()]
    assert [state.name for state in states] == ["Changed"] * 3
    looked_at = len(server.requests)
    root = dashboard.api_url.removesuffix("/api")
    artifacts = [
        each.id
        for state in states
        for each in runs.all_artifacts(state)
        if each.key in {"changes-bls-pr", "report-pr"}
    ]
    shown = [
        page(browser, f"{root}{ui}/artifacts/artifact/{which}", MARK, tmp_path / "profile")
        for ui in ("", "/v2")
        for which in artifacts
    ]

    assert len(shown) == 4
    for dumped in shown:
        elements = re.findall(r"<(?:img|script|a|iframe)\b[^>]*>", dumped)
        assert [e for e in elements if MARK.lower() in e.lower()] == []
        assert [e for e in elements if "javascript:" in e] == []
    assert server.requests[looked_at:] == []
