"""A lake's or a source's reference, and what it opens."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.filesystems import LocalFileSystem
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    temporary_settings,
)
from prefect_aws import AwsCredentials, S3Bucket
from prefect_aws.client_parameters import AwsClientParameters

from blocks.api import api_error, explain_api
from blocks.lake import open_lake
from blocks.publishers import BlsSource, PopulationSource, open_bls_root, open_population, pace_of
from blocks.register import register, wanted_blocks
from blsquest.core.errors import Misuse, StoreError
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from tests.support.prefect_server import PrefectServer
from tests.support.s3_servers import S3Server


def register_bucket(
    server: S3Server, *, secret: str | None = None, config: dict[str, Any] | None = None
) -> str:
    """Register `s3-bucket/lake` on a new bucket of this server; the bucket."""
    credentials = AwsCredentials(
        aws_access_key_id=server.key,
        aws_secret_access_key=secret or server.secret,
        region_name=server.options.region,
        aws_client_parameters=AwsClientParameters(endpoint_url=server.endpoint, config=config),
    )
    credentials.save("lake")
    bucket = server.fresh_bucket()
    S3Bucket(bucket_name=bucket, bucket_folder="some/prefix", credentials=credentials).save("lake")
    return bucket


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("/data/lake", Path("/data/lake")),
        ("./lake", Path.cwd() / "lake"),
        ("../lake", Path.cwd() / "../lake"),
        ("~/lake", Path.home() / "lake"),
        ("file:///data/my%20lake", Path("/data/my lake")),
    ],
)
def test_a_path_opens_a_directory(reference: str, path: Path) -> None:
    store = open_lake(reference)

    assert isinstance(store, DirectoryStore)
    assert store.root == path


def test_a_url_opens_a_bucket_with_the_environments_credentials(
    moto_s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_s3.environment.items():
        monkeypatch.setenv(name, value)
    store = open_lake(f"s3://{moto_s3.fresh_bucket()}/some/prefix/")

    assert isinstance(store, S3Store)
    assert store.put_new("a/key", b"body")
    assert store.read("a/key") == b"body"
    assert store.url.endswith("/some/prefix")


def test_a_bucket_block_says_the_encryption_and_leaves_certificates_to_be_verified(
    workspace: PrefectServer,
) -> None:
    environment = {"LAKE_ENCRYPTION": "aws:kms", "LAKE_KMS_KEY": "alias/lake"}
    wanted = environment | {"LAKE": "s3://bucket/prefix", "BLS_CONTACT": "me@quest.test"}
    list(register(wanted_blocks(wanted)))

    store = open_lake("s3-bucket/lake")

    assert isinstance(store, S3Store)
    options = store._client.options
    assert (options.encryption, options.kms_key) == ("aws:kms", "alias/lake")
    assert options.verify is None


def test_a_bucket_block_opens_its_bucket_with_its_own_endpoint_and_encryption(
    workspace: PrefectServer, moto_s3: S3Server
) -> None:
    bucket = register_bucket(moto_s3, config={"s3": {"ServerSideEncryption": "AES256"}})
    open_lake("s3-bucket/lake").put("a", b"1")
    held = moto_s3.client().get_object(Bucket=bucket, Key="some/prefix/a")
    assert (held["Body"].read(), held["ServerSideEncryption"]) == (b"1", "AES256")


def test_an_api_at_an_ipv6_address_keeps_its_brackets_and_loses_its_password() -> None:
    with temporary_settings({PREFECT_API_URL: "http://me:hush@[::1]:9/api"}):
        error = api_error(httpx.ConnectError("refused"))

    assert error is not None
    assert "at http://[::1]:9/api does not answer" in error.what


@pytest.mark.parametrize("setting", [PREFECT_API_URL, PREFECT_API_KEY, PREFECT_API_AUTH_STRING])
def test_a_setting_of_the_api_with_a_line_break_is_refused_by_name(setting: Any) -> None:
    with (
        temporary_settings({setting: "http://127.0.0.1:9/hush\r"}),
        pytest.raises(Misuse, match=f"{setting.name} has white space") as wrong,
        explain_api(),
    ):
        pass

    assert "hush" not in str(wrong.value)


def test_wrong_keys_in_a_block_are_named_without_showing_them(
    workspace: PrefectServer, seaweed: S3Server
) -> None:
    register_bucket(seaweed, secret="hush-hush")
    store = open_lake("s3-bucket/lake")

    with pytest.raises(StoreError) as refused:
        store.put_new("a/key", b"body")

    assert "secret key is wrong" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_directory_block_opens_its_directory(workspace: PrefectServer, tmp_path: Path) -> None:
    LocalFileSystem(basepath=str(tmp_path)).save("lake")

    assert open_lake("local-file-system/lake").url == str(tmp_path)


@pytest.mark.parametrize("reference", ["s3-bucket/lake", "local-file-system/lake"])
def test_an_unregistered_block_is_named_with_the_command_that_registers_it(
    workspace: PrefectServer, reference: str
) -> None:
    with pytest.raises(Misuse) as unknown:
        open_lake(reference)

    assert reference in unknown.value.what
    assert "python -m blocks" in unknown.value.remedy


def test_a_block_that_names_a_role_to_assume_is_not_silently_ignored(
    workspace: PrefectServer,
) -> None:
    credentials = AwsCredentials(assume_role_arn="arn:aws:iam::123456789012:role/lake")
    credentials.save("lake")
    S3Bucket(bucket_name="bucket", credentials=credentials).save("lake")

    with pytest.raises(Misuse, match="a role to assume"):
        open_lake("s3-bucket/lake")


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "lake",
        "bucket/prefix",
        "gs://bucket",
        "S3://bucket",
        "s3://",
        "s3:///prefix",
        "s3://bucket?x=1",
        "s3-bucket/",
        "s3-bucket/Lake",
        "s3-bucket/a/b",
        "slack-webhook/x",
        "file://",
        "file://server/lake",
        "https://example.org/lake",
    ],
)  # fmt: skip -- a list to read at a glance
def test_what_names_no_lake_is_refused_with_examples(reference: str) -> None:
    with pytest.raises(Misuse) as wrong:
        open_lake(reference)

    assert "s3://bucket/prefix" in wrong.value.remedy


def test_source_blocks_say_whom_to_ask_and_in_whose_name(workspace: PrefectServer) -> None:
    BlsSource(
        base_url="http://127.0.0.1:1/folder", contact="block@example.org", downloads_per_second=0.5
    ).save("bls")
    PopulationSource(url="http://127.0.0.1:1/people").save("datausa")

    survey = open_bls_root("bls-source/bls").survey("cu")
    mine = open_bls_root("bls-source/bls", contact="me@example.org").survey("cu")
    people = open_population("population-source/datausa", range(2013, 2019))

    assert survey.url == "http://127.0.0.1:1/folder/cu/"
    assert "block@example.org" in survey.client.user_agent
    assert "me@example.org" in mine.client.user_agent
    assert people.url == "http://127.0.0.1:1/people"
    assert (pace_of("bls-source/bls"), pace_of("bls-source/bls", 0.0)) == (0.5, 0.0)


@pytest.mark.parametrize("reference", ["", "bls", "ftp://host/", "s3-bucket/lake"])
def test_what_names_no_source_is_refused(reference: str) -> None:
    with pytest.raises(Misuse):
        open_bls_root(reference, contact="me@example.org")


def test_every_field_of_a_source_block_says_what_it_is_for() -> None:
    for kind in (BlsSource, PopulationSource):
        assert len(kind.get_description() or "") > 50
        for name, field in kind.model_fields.items():
            assert field.title, f"{kind.__name__}.{name} has no title"
            assert len(field.description or "") > 20, f"{kind.__name__}.{name} has no description"
