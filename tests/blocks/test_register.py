"""`python -m blocks`, against a real Prefect server."""

from __future__ import annotations

import http.server
import json
import os
import sys
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsCredentials

from blocks.__main__ import main
from blocks.desired import VARIABLES
from blocks.lake import open_lake
from blocks.sources import BlsSource
from blsquest.sources.sample.server import SampleServer
from flows.mirror import mirror
from flows.population import population
from flows.report import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.prefect_server import PrefectServer
    from tests.support.s3_servers import S3Server

CONTACT = {"BLS_CONTACT": "me@example.org"}


class Register:
    """`python -m blocks` in this process, with nothing but these variables set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """The exit code, and what was written."""
        kept = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        self._monkeypatch.setattr(os, "environ", kept | variables)
        self._monkeypatch.setattr(sys, "argv", ["blocks", *arguments])
        self._capsys.readouterr()
        code = main()
        written = self._capsys.readouterr()
        return code, written.out + written.err


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Register:
    return Register(monkeypatch, capsys)


def verdicts(said: str) -> dict[str, str]:
    """Reference → what was done, from the command's lines."""
    lines = [line for line in said.splitlines() if line.startswith("  ")]
    return {reference: rest.strip() for reference, _, rest in (x[2:].partition(" ") for x in lines)}


def stored(server: PrefectServer, kind: str, name: str, *, secrets: bool) -> dict[str, Any]:
    with server.client() as client:
        found = client.read_block_document_by_name(name, kind, include_secrets=secrets)
    return dict(found.data)


def test_a_second_run_changes_nothing(workspace: PrefectServer, register: Register) -> None:
    code, said = register(**CONTACT, LAKE="s3://bucket/prefix")
    assert code == 0
    assert set(verdicts(said).values()) == {"created"}
    assert set(verdicts(said)) == {
        "bls-source/bls",
        "population-source/datausa",
        "aws-credentials/lake",
        "s3-bucket/lake",
    }

    code, said = register(**CONTACT, LAKE="s3://bucket/prefix")

    assert code == 0
    assert set(verdicts(said).values()) == {"unchanged"}


def test_what_the_environment_changes_is_updated_by_field_and_the_rest_stays(
    workspace: PrefectServer, register: Register
) -> None:
    register(**CONTACT, LAKE="s3://bucket/prefix")
    block = BlsSource.load("bls")
    assert isinstance(block, BlsSource)
    block.read_timeout = 7.0  # as a person does in the dashboard
    block.save("bls", overwrite=True)

    _, said = register(
        BLS_CONTACT="you@example.org", BLS_DOWNLOADS_PER_SECOND="0.5", LAKE="s3://bucket/other"
    )

    assert verdicts(said) == {
        "bls-source/bls": "updated: contact, downloads_per_second",
        "population-source/datausa": "updated: contact",
        "aws-credentials/lake": "unchanged",
        "s3-bucket/lake": "updated: bucket_folder",
    }
    held = stored(workspace, "bls-source", "bls", secrets=False)
    assert (held["contact"], held["downloads_per_second"]) == ("you@example.org", 0.5)
    assert held["read_timeout"] == 7.0


def test_keys_are_stored_secret_never_shown_and_removed_again_when_unset(
    workspace: PrefectServer, register: Register
) -> None:
    lake = CONTACT | {"LAKE": "s3://bucket/prefix"}
    keys = {"LAKE_ACCESS_KEY_ID": "key", "LAKE_SECRET_ACCESS_KEY": "hush-hush"}

    _, with_keys = register(**lake, **keys)
    shown = json.dumps(stored(workspace, "aws-credentials", "lake", secrets=False))
    true = stored(workspace, "aws-credentials", "lake", secrets=True)
    _, again = register(**lake, **keys)
    _, without = register(**lake)

    assert "hush" not in with_keys + shown + again + without
    assert true["aws_secret_access_key"] == "hush-hush"
    assert verdicts(again)["aws-credentials/lake"] == "unchanged"
    assert verdicts(without)["aws-credentials/lake"] == (
        "updated: aws_access_key_id, aws_secret_access_key"
    )
    credentials = AwsCredentials.load("lake")
    assert isinstance(credentials, AwsCredentials)
    assert credentials.aws_access_key_id is None
    assert credentials.aws_secret_access_key is None


def test_a_lake_in_a_directory_is_a_local_file_system(
    workspace: PrefectServer, register: Register, tmp_path: Any
) -> None:
    _, said = register(**CONTACT, LAKE=str(tmp_path))

    assert verdicts(said)["local-file-system/lake"] == "created"
    assert open_lake("local-file-system/lake").url == str(tmp_path)


def test_flows_run_into_s3_over_nothing_but_the_registered_blocks(
    workspace: PrefectServer, register: Register, seaweed: S3Server
) -> None:
    bucket = seaweed.fresh_bucket()
    with SampleServer() as server:
        code, said = register(
            **CONTACT,
            LAKE=f"s3://{bucket}/lake",
            LAKE_REGION="us-east-1",
            LAKE_ENDPOINT_URL=seaweed.endpoint,
            LAKE_ACCESS_KEY_ID=seaweed.key,
            LAKE_SECRET_ACCESS_KEY=seaweed.secret,
            BLS_URL=server.bls_url,
            BLS_DOWNLOADS_PER_SECOND="0",
            POPULATION_URL=server.population_url,
        )
        assert code == 0, said
        states = [flow(return_state=True) for flow in (mirror, population, report, mirror)]
        published = {f"lake/bls/pr/{n}": f.body for n, f in server.surveys["pr"].items()}

    assert [s.name for s in states] == ["Changed", "Changed", "Changed", "Unchanged"]
    s3 = seaweed.client()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = {o["Key"] for page in pages for o in page.get("Contents", ())}
    assert set(published) <= keys
    assert any(k.endswith("/report.json") for k in keys)
    assert {k: s3.get_object(Bucket=bucket, Key=k)["Body"].read() for k in published} == published


def test_missing_variables_are_all_named_and_nothing_is_registered(
    workspace: PrefectServer, register: Register
) -> None:
    code, said = register(BLS_URL="nonsense")

    assert code == 2
    assert all(f"  {v}: " in said for v in ("LAKE", "BLS_CONTACT", "BLS_URL"))
    with workspace.client() as client:
        kinds = {d.block_type.slug for d in client.read_block_documents() if d.block_type}
    assert kinds.isdisjoint({"bls-source", "population-source", "s3-bucket"})


def test_the_help_documents_every_variable(
    register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        register("--help")

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"  {v}\n" in said and VARIABLES[v] in said for v in VARIABLES)


def test_an_api_that_does_not_answer_is_named_with_the_remedy(register: Register) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code, said = register(**CONTACT, LAKE="./lake")

    assert code == 1
    assert "The Prefect API at http://127.0.0.1:9/api" in said
    assert "does not answer" in said
    assert "PREFECT_API_URL" in said


@contextmanager
def refusing_api(status: int) -> Iterator[str]:
    """An API in front of which something answers every request alike."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815 - named by the protocol

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "PREFECT_API_KEY"), (403, "PREFECT_API_AUTH_STRING"), (404, "ends in /api")],
)
def test_an_api_that_refuses_is_named_with_the_remedy(
    register: Register, status: int, words: str
) -> None:
    with refusing_api(status) as url, temporary_settings({PREFECT_API_URL: url}):
        code, said = register(**CONTACT, LAKE="./lake")

    assert code == 1
    assert url in said
    assert str(status) in said
    assert words in said
