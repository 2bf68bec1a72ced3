"""Small requests by obstore: which it makes, what s3fs makes again, and when s3fs makes all."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from blsquest.core.errors import Missing
from blsquest.core.usage import Meter
from blsquest.lake.stores.s3 import LARGEST_PUT, S3Store
from blsquest.lake.stores.s3_fast import FastBucket, fast_bucket
from blsquest.lake.stores.s3_options import S3Options
from tests.lake.stores.conftest import Lake, first
from tests.support.s3_proxy import answer
from tests.support.s3_servers import S3Server


@pytest.fixture
def server(seaweed: S3Server) -> S3Server:
    return seaweed


def test_after_a_request_that_failed_s3fs_makes_all(lake: Lake) -> None:
    lake.wire.fault = first(1, "PUT", answer("503 Slow Down", "SlowDown"))
    lake.store.put("a", b"1")
    assert lake.store.read("a") == b"1"
    assert lake.by() == [("PUT", "obstore"), ("PUT", "s3fs"), ("GET", "s3fs")]


def test_a_key_that_is_taken_or_absent_is_no_failure_and_s3fs_explains_it(lake: Lake) -> None:
    assert lake.store.put_new("manifests/1", b"mine") is True
    assert lake.store.put_new("manifests/1", b"theirs") is False
    with pytest.raises(Missing):
        lake.store.read("manifests/2")
    assert lake.store.read("manifests/1") == b"mine"
    assert lake.by()[-3:] == [("GET", "obstore"), ("GET", "s3fs"), ("GET", "obstore")]


def test_an_obstore_panic_is_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    from obstore.store import S3Store as Obstore

    keys = {"access_key_id": "k", "secret_access_key": "s", "region": "of two\nlines"}
    fast = FastBucket(Obstore("bucket", config=cast("Any", keys)))
    assert fast.answer("head_object", {"Key": "a"}, Meter()) is None
    assert "panicked" in capfd.readouterr().err
    assert fast.bucket is None


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_is_none(interruption: type[BaseException]) -> None:
    class Interrupted:
        def head(self, _: str) -> Any:
            raise interruption

    with pytest.raises(interruption):
        FastBucket(cast("Any", Interrupted())).answer("head_object", {"Key": "a"}, Meter())


def test_a_body_too_large_for_one_request_is_s3fs_s(lake: Lake, tmp_path: Path) -> None:
    body = bytes(LARGEST_PUT + 1)
    (tmp_path / "spool").write_bytes(body)
    lake.store.upload(tmp_path / "spool", "vintages/a")
    lake.store.put("report", body)
    assert {client for _, client in lake.by()} == {"s3fs"}
    assert lake.store.read("report") == body
    assert lake.by()[-1] == ("GET", "s3fs")


KEYS = S3Options(key="k", secret="s")
HERE = replace(KEYS, endpoint="http://127.0.0.1:1")
REGION = replace(KEYS, region="eu-west-1")
PROFILES = """[profile plain]\nregion = eu-west-1\naws_access_key_id = k\naws_secret_access_key = s
[profile odd]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\n"""


@pytest.mark.parametrize(
    ("options", "setting", "is_fast"),
    [
        (HERE, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", True),  # only says where
        # What the two may read differently.
        (HERE, "AWS_USE_FIPS_ENDPOINT", False),
        (HERE, "AWS_USE_DUALSTACK_ENDPOINT", False),
        (HERE, "AWS_SKIP_SIGNATURE", False),
        (HERE, "AWS_NEW_ONE", False),
        # Certificates of one's own.
        (replace(REGION, verify=True), None, True),
        (replace(REGION, verify=False), None, False),
        (replace(REGION, verify="bundle.pem"), None, False),
        # A profile that says where requests go.
        (S3Options(profile="plain"), None, True),
        (replace(KEYS, profile="odd"), None, False),
        (replace(KEYS, profile="absent"), None, False),
    ],
)
def test_what_the_two_may_understand_differently_leaves_all_to_s3fs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: S3Options,
    setting: str | None,
    *,
    is_fast: bool,
) -> None:
    (tmp_path / "config").write_text(PROFILES)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    if setting:
        monkeypatch.setenv(setting, "true")
    environment = frozenset(i for i in os.environ.items() if i[0].startswith("AWS_"))
    assert (fast_bucket("bucket", options, environment).bucket is not None) is is_fast


def test_a_given_key_meets_no_session_token(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-another-key")
    S3Store(lake.bucket, "lake", lake.options).put("a", b"1")
    (request,) = lake.wire.requests
    assert "x-amz-security-token" not in request.headers


def test_credentials_come_from_the_environment(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(lake.options.key))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(lake.options.secret))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", str(lake.options.endpoint))
    monkeypatch.setenv("AWS_DEFAULT_REGION", str(lake.options.region))
    store = S3Store(lake.bucket, "lake")
    store.put("a", b"1")
    store.copy("a", "b")
    assert lake.by() == [("PUT", "obstore"), ("COPY", "s3fs")]
