"""What runs leave in the dashboard is text, and never decides how a run ends."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blsquest.lake.stores.s3 import S3Store
from flows import artifacts, tasks
from flows.artifacts import as_text, from_text
from flows.audit import audit
from tests.conftest import FreshStore
from tests.support.runs import Runs, failing_api

EVERYTHING = {
    "the transfer's progress",
    "the table of changes",
    "the revisions",
    "the note on tables",
    "the table of surveys",
    "the answers",
    "the table of best years",
    "the table of checks",
    "what the run did",
    "the table of findings",
}


def breaks(*_: object, **__: object) -> None:
    raise ValueError("a bug")


def test_an_api_that_takes_no_artifact_fails_no_run(
    runs: Runs, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "make_tables", breaks)
    with failing_api(runs.api, lambda request: "/artifacts" in request.target):
        first = runs.pipeline()
        runs.server.publish(2)
        states = [first, runs.pipeline(), audit(lake=str(runs.lake), return_state=True)]

    assert [state.name for state in states] == ["Changed", "Changed", "Sound"]
    lacks = [re.search(r"The dashboard lacks (.*): the Prefect API did not", s) for s in said]
    assert {found[1] for found in lacks if found} == EVERYTHING


def test_what_a_thread_without_a_run_cannot_report_fails_no_transfer() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(artifacts.leave, "the transfer's progress", breaks).result() is None


@given(st.text(st.characters(exclude_characters="\N{WORD JOINER}", exclude_categories=["Cs"])))
@example(r"\[a](https://x) www.y & <b> \\<")
def test_a_tables_text_is_read_again_as_it_was(text: str) -> None:
    rows = [{"cell": text, "number": 1}]
    assert from_text(as_text(rows)) == rows


def test_an_object_is_a_link_only_where_aws_has_a_page_for_it(
    fresh_store: FreshStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    place: Callable[..., tuple[str, bool]] = artifacts.place
    for store in (fresh_store("moto"), fresh_store("directory")):
        assert place(store, "a/b") == (f"{store.url}/a/b", False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")

    where, is_link = place(S3Store("bucket", "prefix"), "analytics/report.html")

    assert is_link
    assert where.startswith("https://console.aws.amazon.com/s3/object/bucket?region=us-west-2&")
    assert where.endswith("prefix%2Fanalytics%2Freport.html")
