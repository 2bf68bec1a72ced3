"""`python -m blocks`: what the environment wants, and registering it in a real Prefect server."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from httpx import HTTPStatusError, Request, Response
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsCredentials, S3Bucket

from blocks.__main__ import main
from blocks.api import ApiError, api_error
from blocks.publishers import BlsSource, PopulationSource
from blocks.register import VARIABLES, register, wanted_blocks
from blsquest.core.errors import Misuse
from blsquest.sources.bls import BLS_ROOT
from blsquest.sources.datausa import POPULATION_URL
from blsquest.sources.sample.server import SampleServer
from flows.mirror import mirror
from flows.population import population
from flows.report import report
from tests.support.prefect_server import PrefectServer
from tests.support.s3_servers import S3Server

Register = Callable[..., tuple[int, str]]

CONTACT = {"BLS_CONTACT": "me@quest.test"}
BUCKET = CONTACT | {"LAKE": "s3://bucket/some/prefix/"}
LAKE = CONTACT | {"LAKE": "s3://bucket/prefix"}
KEYS = {"LAKE_ACCESS_KEY_ID": "key", "LAKE_SECRET_ACCESS_KEY": "hush-hush"}


# -- What the environment wants, without a Prefect API ------------------------------------------


def problem(environment: dict[str, str]) -> str:
    with pytest.raises(Misuse) as found:
        wanted_blocks(environment)
    return found.value.what


def test_a_bucket_comes_after_its_credentials_whose_secret_does_not_show() -> None:
    endpoint = "https://minio.example.org:9000"
    where = {"LAKE_REGION": "eu-north-1", "LAKE_ENDPOINT_URL": endpoint}

    blocks = wanted_blocks(BUCKET | KEYS | where)

    credentials, bucket = blocks["aws-credentials/lake"], blocks["s3-bucket/lake"]
    assert isinstance(credentials, AwsCredentials)
    assert isinstance(bucket, S3Bucket)
    assert (bucket.bucket_name, bucket.bucket_folder) == ("bucket", "some/prefix")
    assert bucket.credentials is credentials
    assert list(blocks).index("aws-credentials/lake") < list(blocks).index("s3-bucket/lake")
    assert credentials.region_name == "eu-north-1"
    assert credentials.aws_client_parameters.endpoint_url == endpoint
    assert credentials.aws_access_key_id == "key"
    assert credentials.aws_secret_access_key
    assert credentials.aws_secret_access_key.get_secret_value() == "hush-hush"
    assert "hush" not in repr(credentials)


def test_a_directory_is_registered_by_its_absolute_path() -> None:
    blocks = wanted_blocks(CONTACT | {"LAKE": "./lake"})

    assert isinstance(block := blocks["local-file-system/lake"], LocalFileSystem)
    assert block.basepath == str(Path.cwd() / "lake")
    assert "s3-bucket/lake" not in blocks


BLS, PEOPLE = "http://127.0.0.1:8/pub/time.series", "http://127.0.0.1:8/x?y=1"
ELSEWHERE = {"BLS_URL": BLS, "POPULATION_URL": PEOPLE, "BLS_DOWNLOADS_PER_SECOND": "0"}


@pytest.mark.parametrize(
    ("given", "bls_url", "pace", "population_url"),
    [({}, BLS_ROOT, 1.0, POPULATION_URL), (ELSEWHERE, f"{BLS}/", 0.0, PEOPLE)],
)
def test_sources_get_the_contact_and_are_the_publishers_or_elsewhere(
    given: dict[str, str], bls_url: str, pace: float, population_url: str
) -> None:
    blocks = wanted_blocks(BUCKET | given)
    bls, census = blocks["bls-source/bls"], blocks["population-source/datausa"]

    assert isinstance(bls, BlsSource)
    assert isinstance(census, PopulationSource)
    assert (bls.contact, census.contact) == ("me@quest.test", "me@quest.test")
    assert (bls.base_url, bls.downloads_per_second) == (bls_url, pace)
    assert census.url == population_url


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({"LAKE": "bucket/prefix"}, "LAKE"),
        ({"LAKE": "s3-bucket/lake"}, "LAKE"),
        ({"LAKE": "file://server/lake"}, "LAKE"),
        ({"LAKE": "~nobody-of-that-name/lake"}, "LAKE"),
        ({"LAKE": "./lake", "LAKE_REGION": "eu-north-1"}, "LAKE_REGION"),
        ({"LAKE_ACCESS_KEY_ID": "key"}, "LAKE_SECRET_ACCESS_KEY"),
        ({"LAKE_SECRET_ACCESS_KEY": "hush"}, "LAKE_ACCESS_KEY_ID"),
        ({"LAKE_ENDPOINT_URL": "minio:9000"}, "LAKE_ENDPOINT_URL"),
        ({"LAKE_ENDPOINT_URL": "https://me:hush@minio"}, "LAKE_ENDPOINT_URL"),
        ({"LAKE_ENCRYPTION": "rot13"}, "LAKE_ENCRYPTION"),
        ({"LAKE_KMS_KEY": "arn:aws:kms:us-east-1:1:key/a"}, "LAKE_KMS_KEY"),
        ({"LAKE": "./lake", "LAKE_ENCRYPTION": "AES256"}, "LAKE_ENCRYPTION"),
        ({"LAKE": "s3://me:hush@bucket"}, "LAKE"),
        ({"BLS_CONTACT": "nobody"}, "BLS_CONTACT"),
        ({"BLS_CONTACT": "you@example.org"}, "BLS_CONTACT"),
        ({"BLS_URL": "https://me:hush@example.org/"}, "BLS_URL"),
        ({"BLS_DOWNLOADS_PER_SECOND": "-1"}, "BLS_DOWNLOADS_PER_SECOND"),
        ({"BLS_DOWNLOADS_PER_SECOND": "nan"}, "BLS_DOWNLOADS_PER_SECOND"),
        ({"BLS_DOWNLOADS_PER_SECOND": "inf"}, "BLS_DOWNLOADS_PER_SECOND"),
        ({"POPULATION_URL": "honolulu"}, "POPULATION_URL"),
    ],
)
def test_what_cannot_be_is_named_without_showing_a_secret(
    given: dict[str, str], variable: str
) -> None:
    said = problem(BUCKET | given)

    assert f"  {variable}: " in said
    assert "hush" not in said


def test_a_placeholder_reaches_a_server_on_this_machine_and_no_publisher() -> None:
    placeholder = BUCKET | {"BLS_CONTACT": "you@example.org"}

    assert "is a placeholder from a document: BLS could reach nobody." in problem(placeholder)
    assert wanted_blocks(placeholder | {"BLS_URL": "http://127.0.0.1:8080/"})


# -- The command, against a real Prefect server -------------------------------------------------


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Register:
    """`python -m blocks` in this process; its exit code, and what was written."""

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        kept = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        monkeypatch.setattr(os, "environ", kept | variables)
        monkeypatch.setattr(sys, "argv", ["blocks", *arguments])
        capsys.readouterr()
        code = main()
        written = capsys.readouterr()
        return code, written.out + written.err

    return run


def verdicts(said: str) -> dict[str, str]:
    """Reference → what was done, from the command's lines."""
    lines = [line for line in said.splitlines() if line.startswith("  ")]
    return {reference: rest.strip() for reference, _, rest in (x[2:].partition(" ") for x in lines)}


def registered(server: PrefectServer) -> set[str]:
    """The kinds of the project's documents that are there."""
    with server.client() as client:
        kinds = {d.block_type.slug for d in client.read_block_documents() if d.block_type}
    return kinds & {"bls-source", "population-source", "s3-bucket"}


def stored(server: PrefectServer, kind: str, name: str, *, secrets: bool) -> dict[str, Any]:
    with server.client() as client:
        found = client.read_block_document_by_name(name, kind, include_secrets=secrets)
    return dict(found.data)


def test_a_second_run_changes_nothing(workspace: PrefectServer, command: Register) -> None:
    code, first = command(**LAKE)
    with workspace.client() as client:
        bucket = client.read_block_document_by_name("lake", "s3-bucket")
    again, second = command(**LAKE)

    assert (code, again) == (0, 0)
    references = wanted_blocks(LAKE).keys()
    assert verdicts(first) == dict.fromkeys(references, "created")
    assert verdicts(second) == dict.fromkeys(references, "unchanged")
    # A reference, and no copy that would keep old keys.
    assert bucket.block_document_references.keys() == {"credentials"}


def test_what_the_environment_changes_is_updated_by_field_and_the_rest_stays(
    workspace: PrefectServer, command: Register
) -> None:
    command(**LAKE)
    block = BlsSource.load("bls")
    assert isinstance(block, BlsSource)
    block.read_timeout = 7.0  # as a person does in the dashboard
    block.save("bls", overwrite=True)
    changes = {"BLS_CONTACT": "you@quest.test", "BLS_DOWNLOADS_PER_SECOND": "0.5"}
    changes |= {"LAKE": "s3://bucket/other", "LAKE_ENDPOINT_URL": "https://s3.example.org"}

    foreseen = [done.sentence() for done in register(wanted_blocks(changes), dry_run=True)]
    _, said = command(**changes)

    lines = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert lines == foreseen
    assert verdicts(said) == {
        "bls-source/bls": "updated: contact, downloads_per_second",
        "population-source/datausa": "updated: contact",
        "aws-credentials/lake": "updated: aws_client_parameters.endpoint_url",
        "s3-bucket/lake": "updated: bucket_folder",
    }
    held = stored(workspace, "bls-source", "bls", secrets=False)
    assert (held["contact"], held["downloads_per_second"]) == ("you@quest.test", 0.5)
    assert held["read_timeout"] == 7.0


def test_keys_are_stored_secret_never_shown_and_removed_again_when_unset(
    workspace: PrefectServer, command: Register
) -> None:
    _, with_keys = command(**LAKE, **KEYS)
    shown = json.dumps(stored(workspace, "aws-credentials", "lake", secrets=False))
    true = stored(workspace, "aws-credentials", "lake", secrets=True)
    _, again = command(**LAKE, **KEYS)
    _, without = command(**LAKE)

    left = stored(workspace, "aws-credentials", "lake", secrets=True)
    assert "hush" not in with_keys + shown + again + without
    assert true["aws_secret_access_key"] == "hush-hush"
    assert verdicts(again)["aws-credentials/lake"] == "unchanged"
    assert verdicts(without)["aws-credentials/lake"] == (
        "updated: aws_access_key_id, aws_secret_access_key"
    )
    assert (left["aws_access_key_id"], left["aws_secret_access_key"]) == (None, None)


def test_flows_run_into_s3_over_nothing_but_the_registered_blocks(
    workspace: PrefectServer, command: Register, seaweed: S3Server
) -> None:
    bucket = seaweed.fresh_bucket()
    with SampleServer() as server:
        code, said = command(
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


def test_a_server_that_ignores_put_if_absent_is_named_and_nothing_is_registered(
    workspace: PrefectServer, command: Register, careless: S3Server
) -> None:
    code, said = command(
        **CONTACT,
        LAKE=f"s3://{careless.fresh_bucket()}/lake",
        LAKE_REGION="us-east-1",
        LAKE_ENDPOINT_URL=careless.endpoint,
        LAKE_ACCESS_KEY_ID=careless.key,
        LAKE_SECRET_ACCESS_KEY=careless.secret,
    )
    assert code == 3
    assert "ignores If-None-Match" in said
    assert not registered(workspace)


def test_all_that_is_wrong_is_named_with_what_it_is_for_and_nothing_is_registered(
    workspace: PrefectServer, command: Register
) -> None:
    code, said = command(BLS_URL="ftp://x/", BLS_DOWNLOADS_PER_SECOND="fast", LAKE=" ")

    assert code == 2
    for variable in ("LAKE", "BLS_CONTACT", "BLS_URL", "BLS_DOWNLOADS_PER_SECOND"):
        assert f"  {variable}: " in said
        assert VARIABLES[variable] in said
    assert not registered(workspace)


def test_the_help_documents_every_variable(
    command: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command("--help")

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"  {v}\n" in said and VARIABLES[v] in said for v in VARIABLES)


def test_an_api_that_does_not_answer_is_named_with_the_remedy(command: Register) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code, said = command(**CONTACT, LAKE="./lake")

    assert code == 1
    assert "The Prefect API at http://127.0.0.1:9/api does not answer" in said
    assert "PREFECT_API_URL" in said


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "PREFECT_API_KEY"), (403, "PREFECT_API_AUTH_STRING"), (404, "ends in /api")],
)
def test_an_api_that_refuses_is_named_with_the_remedy(status: int, words: str) -> None:
    url = "https://me:hush@prefect.example.org/api"
    response = Response(status, request=Request("GET", url))
    with temporary_settings({PREFECT_API_URL: url}):
        error = api_error(HTTPStatusError("", request=response.request, response=response))

    assert isinstance(error, ApiError)
    assert "The Prefect API at https://prefect.example.org/api " in error.what
    assert str(status) in error.what
    assert words in error.remedy
