"""What a publisher sends stays text in the dashboard: looked at in a real browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import pytest
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)

from blsquest.sources.sample.pages import ROOT, published
from blsquest.sources.sample.population import payload
from flows.artifacts import as_text
from flows.mirror import mirror
from flows.population import population
from flows.report import report
from tests.support.browser import document
from tests.support.commands import CONTACT
from tests.support.lakes import LONG_AGO
from tests.support.prefect_server import (
    PrefectServer,
    copy_database,
    eventually,
    run_prefect_server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefect.client.schemas.objects import State

    from blsquest.sources.sample.pages import Row
    from blsquest.sources.sample.server import SampleServer

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
    """Put hostile text wherever a publisher's text can stand."""
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
    # The largest sums of all, so that the report shows them; the first one is a tie as well.
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
    lake = str(tmp_path / "lake")
    polite = {"lake": lake, "contact": CONTACT, "downloads_per_second": 0.0}

    of_mirror = ended(mirror(source=server.bls_url, **polite, return_state=True), "Changed")
    ended(population(source=server.population_url, **polite, return_state=True), "Changed")
    of_report = ended(report(lake=lake, return_state=True), "Changed")
    looked_at = len(server.requests)
    root = dashboard.api_url.removesuffix("/api")
    artifacts = {
        artifact(dashboard, of_mirror, "changes-bls-pr"),
        artifact(dashboard, of_report, "report-pr"),
    }
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


def ended(state: Any, name: str) -> State[Any]:
    """The flow's state, which must have this name."""
    found = cast("State[Any]", state)
    assert found.name == name, found.message
    return found


def artifact(server: PrefectServer, state: State[Any], key: str) -> str:
    """The id of the artifact of that key that a run left."""
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id]),
        key=ArtifactFilterKey(any_=[key]),
    )
    with server.client() as client:
        (found,) = client.read_artifacts(artifact_filter=wanted)
    return str(found.id)


def test_a_usual_name_is_shown_as_it_is() -> None:
    rows = [{"file": "pr.data.0.Current", "vintage": "s3://my_lake/a-b/x", "bytes now": 1}]

    assert as_text(rows) == rows
