"""Where a person is sent to look at an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.lake.stores.s3_client import console_url
from flows.links import place

if TYPE_CHECKING:
    from tests.conftest import FreshStore

AWS = "https://s3.eu-central-1.amazonaws.com"


def test_an_object_at_aws_has_a_page_in_the_console() -> None:
    assert console_url(AWS, "eu-central-1", "lake", "a/b c&d#e](x).json") == (
        "https://console.aws.amazon.com/s3/object/lake?region=eu-central-1"
        "&prefix=a%2Fb%20c%26d%23e%5D%28x%29.json"
    )
    assert console_url("https://s3.amazonaws.com", None, "lake", "a") == (
        "https://console.aws.amazon.com/s3/object/lake?prefix=a"
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:9000",
        "https://s3.amazonaws.com.evil.example",
        "https://s3.example.org",
        "",
    ],
)
def test_another_server_has_none(endpoint: str) -> None:
    assert console_url(endpoint, "us-east-1", "lake", "a") is None


def test_a_store_knows_by_its_own_endpoint(
    fresh_store: FreshStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulated = fresh_store("moto")
    assert place(emulated, "a/b") == (f"{emulated.url}/a/b", False)
    directory = fresh_store("directory")
    assert isinstance(directory, DirectoryStore)
    assert place(directory, "a/b") == (f"{directory.url}/a/b", False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    where, is_link = place(S3Store("bucket", "prefix"), "analytics/report.html")
    assert is_link
    assert where.startswith("https://console.aws.amazon.com/s3/object/bucket?region=us-west-2&")
    assert where.endswith("prefix%2Fanalytics%2Freport.html")
