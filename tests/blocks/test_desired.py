"""What the environment asks for, decided without a Prefect API."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.desired import VARIABLES, Document, Reference, Value, changed_fields, desired_documents
from blsquest.core.errors import Misuse

CONTACT = {"BLS_CONTACT": "me@example.org"}
BUCKET = CONTACT | {"LAKE": "s3://bucket/some/prefix/"}


def by_reference(environment: dict[str, str]) -> dict[str, Document]:
    return {d.reference: d for d in desired_documents(environment)}


def problem(environment: dict[str, str]) -> str:
    with pytest.raises(Misuse) as found:
        desired_documents(environment)
    return found.value.what


def test_a_bucket_is_reached_by_the_role_unless_keys_are_given() -> None:
    documents = by_reference(BUCKET)

    assert documents["s3-bucket/lake"].fields == {
        "bucket_name": "bucket",
        "bucket_folder": "some/prefix",
        "credentials": Reference("aws-credentials/lake"),
    }
    assert set(documents["aws-credentials/lake"].fields.values()) == {None}


def test_each_document_comes_after_those_that_it_refers_to() -> None:
    names = [d.reference for d in desired_documents(BUCKET)]

    assert names.index("aws-credentials/lake") < names.index("s3-bucket/lake")


def test_region_endpoint_and_keys_go_into_the_credentials_and_the_secret_does_not_show() -> None:
    documents = by_reference(
        BUCKET
        | {
            "LAKE_REGION": "eu-north-1",
            "LAKE_ENDPOINT_URL": "https://minio.example.org:9000",
            "LAKE_ACCESS_KEY_ID": "key",
            "LAKE_SECRET_ACCESS_KEY": "hush",
        }
    )

    assert documents["aws-credentials/lake"].fields == {
        "aws_access_key_id": "key",
        "aws_secret_access_key": SecretStr("hush"),
        "aws_session_token": None,
        "region_name": "eu-north-1",
        "aws_client_parameters.endpoint_url": "https://minio.example.org:9000",
    }
    assert "hush" not in repr(documents)


@pytest.mark.parametrize(
    ("lake", "path"),
    [
        ("/data/lake", "/data/lake"),
        ("./lake", str(Path.cwd() / "lake")),
        ("~/lake", str(Path.home() / "lake")),
        ("file:///data/my%20lake", "/data/my lake"),
    ],
)
def test_a_directory_is_registered_by_its_absolute_path(lake: str, path: str) -> None:
    documents = by_reference(CONTACT | {"LAKE": lake})

    assert documents["local-file-system/lake"].fields == {"basepath": path}
    assert "s3-bucket/lake" not in documents


def test_both_sources_get_the_contact_and_their_defaults() -> None:
    documents = by_reference(BUCKET)

    bls = documents["bls-source/bls"].fields
    assert bls == {
        "base_url": "https://download.bls.gov/pub/time.series/",
        "contact": "me@example.org",
        "downloads_per_second": 1.0,
    }
    population = documents["population-source/datausa"].fields
    assert population["contact"] == "me@example.org"
    assert str(population["url"]).startswith("https://honolulu-api.datausa.io/")


def test_sources_can_be_elsewhere_and_faster() -> None:
    documents = by_reference(
        BUCKET
        | {
            "BLS_URL": "http://127.0.0.1:8000/pub/time.series",
            "BLS_DOWNLOADS_PER_SECOND": "0",
            "POPULATION_URL": "http://127.0.0.1:8000/population?x=1",
        }
    )

    assert (
        documents["bls-source/bls"].fields["base_url"] == "http://127.0.0.1:8000/pub/time.series/"
    )
    assert documents["bls-source/bls"].fields["downloads_per_second"] == 0.0
    assert documents["population-source/datausa"].fields["url"] == (
        "http://127.0.0.1:8000/population?x=1"
    )


def test_all_that_is_wrong_is_named_at_once_with_what_it_is_for() -> None:
    said = problem({"BLS_URL": "ftp://x/", "BLS_DOWNLOADS_PER_SECOND": "fast", "LAKE": " "})

    for variable in ("LAKE", "BLS_CONTACT", "BLS_URL", "BLS_DOWNLOADS_PER_SECOND"):
        assert f"  {variable}: " in said
        assert VARIABLES[variable] in said


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({"LAKE": "bucket/prefix"}, "LAKE"),
        ({"LAKE": "s3://"}, "LAKE"),
        ({"LAKE": "s3-bucket/lake"}, "LAKE"),
        ({"LAKE": "file://server/lake"}, "LAKE"),
        ({"LAKE": "~nobody-of-that-name/lake"}, "LAKE"),
        ({"LAKE": "./lake", "LAKE_REGION": "eu-north-1"}, "LAKE_REGION"),
        ({"LAKE_ACCESS_KEY_ID": "key"}, "LAKE_SECRET_ACCESS_KEY"),
        ({"LAKE_SECRET_ACCESS_KEY": "hush"}, "LAKE_ACCESS_KEY_ID"),
        ({"LAKE_ENDPOINT_URL": "minio:9000"}, "LAKE_ENDPOINT_URL"),
        ({"LAKE_ENDPOINT_URL": "https://me:hush@minio"}, "LAKE_ENDPOINT_URL"),
        ({"LAKE": "s3://me:hush@bucket"}, "LAKE"),
        ({"BLS_CONTACT": "nobody"}, "BLS_CONTACT"),
        ({"BLS_URL": "http://elsewhere.example.org/"}, "BLS_URL"),
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


def test_only_fields_that_differ_count_as_changed() -> None:
    present: dict[str, Value] = {
        "a": 1.0,
        "b": SecretStr("x"),
        "c": None,
        "d": Reference("t/n"),
        "ungoverned": "z",
    }

    assert changed_fields({"a": 1.0, "b": SecretStr("x"), "c": None}, present) == ()
    assert changed_fields({"b": SecretStr("y"), "a": 2.0, "c": None}, present) == ("a", "b")
    assert changed_fields({"d": Reference("t/other")}, present) == ("d",)
