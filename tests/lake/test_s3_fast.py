"""Small requests by obstore: what goes that way, what s3fs is asked again, and when all of it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import StoreError
from blsquest.lake.stores import s3_client as s3_filesystem
from blsquest.lake.stores.s3 import LARGEST_PUT, S3Store
from blsquest.lake.stores.s3_client import S3Options
from blsquest.lake.stores.s3_fast import fast_bucket
from tests.support.s3_proxy import answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blsquest.lake.stores.s3_fast import FastBucket
    from tests.conftest import NewWire
    from tests.support.s3_proxy import Fault, Request, Wire
    from tests.support.s3_servers import S3Server

MINIMUM_PART = 5 << 20


class Seen:
    """A store on SeaweedFS behind a relay; obstore and s3fs are told apart by their User-Agent."""

    def __init__(self, server: S3Server, wire: Wire) -> None:
        self.wire = wire
        self.bucket = server.fresh_bucket()
        self.outside = server.client()
        self.options = replace(server.options, endpoint=wire.endpoint)
        self.store = S3Store(self.bucket, "lake", self.options)

    def by(self) -> list[tuple[str, str]]:
        """(verb, who asked) of each request since the last look."""
        seen = [
            (r.verb, "s3fs" if "aiobotocore" in r.headers["user-agent"].lower() else "obstore")
            for r in self.wire.requests
        ]
        self.wire.requests.clear()
        return seen


@pytest.fixture
def seen(seaweed: S3Server, wire: NewWire) -> Seen:
    return Seen(seaweed, wire(seaweed))


def fail_once(verb: str, fault: bytes) -> Callable[[Request], Fault]:
    left = iter([fault])

    def decide(request: Request) -> Fault:
        return next(left, None) if request.verb == verb else None

    return decide


def test_small_requests_are_one_each_and_never_start_s3fs(seen: Seen, tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"body")
    started = len(s3_filesystem._filesystems)
    assert seen.store.size("vintages/a") is None
    seen.store.upload(tmp_path / "spool", "vintages/a")
    assert seen.store.put_new("manifests/1", b"{}") is True
    seen.store.put("state/view.json", b"{}")
    token = seen.store.copy("vintages/a", "bls/a")
    assert seen.store.read("bls/a") == b"body"
    assert [(s.key, s.token) for s in seen.store.list("bls/")] == [("bls/a", token)]
    verbs = ["HEAD", "PUT", "PUT", "PUT", "COPY", "GET", "LIST"]
    assert seen.by() == [(verb, "obstore") for verb in verbs]
    assert seen.store.meter.spent().requests == {
        "HEAD": 1, "PUT": 3, "COPY": 1, "GET": 1, "LIST": 1,
    }  # fmt: skip
    assert len(s3_filesystem._filesystems) == started


def test_a_request_that_fails_is_s3fs_s_and_so_are_all_after_it(seen: Seen) -> None:
    seen.wire.fault = fail_once("PUT", answer("503 Slow Down", "SlowDown"))
    seen.store.put("a", b"1")
    assert seen.store.read("a") == b"1"
    assert seen.by() == [("PUT", "obstore"), ("PUT", "s3fs"), ("GET", "s3fs")]


def test_a_key_that_is_taken_is_no_failure_and_the_fast_way_stays_open(seen: Seen) -> None:
    assert seen.store.put_new("manifests/1", b"mine") is True
    assert seen.store.put_new("manifests/1", b"theirs") is False
    assert seen.store.read("manifests/1") == b"mine"
    assert seen.by()[-1] == ("GET", "obstore")


@pytest.mark.parametrize(
    "write",
    [
        lambda store, _: store.put("a", b"1"),
        lambda store, _: store.put_new("a", b"1"),
        lambda store, path: store.upload(path, "a"),
    ],
    ids=["put", "put_new", "upload"],
)
def test_a_bucket_that_goes_away_is_named_by_the_write_that_meets_it(
    seen: Seen, tmp_path: Path, write: Callable[[S3Store, Path], object]
) -> None:
    (tmp_path / "spool").write_bytes(b"body")
    gone = answer("404 Not Found", "NoSuchBucket")
    seen.wire.fault = lambda request: gone if request.verb == "PUT" else None
    with pytest.raises(StoreError, match="the bucket does not exist"):
        write(seen.store, tmp_path / "spool")


def test_a_folder_that_a_console_made_is_no_object(seen: Seen) -> None:
    seen.store.put("bls/pr/pr.class", b"1")
    seen.outside.put_object(Bucket=seen.bucket, Key="lake/bls/pr/notes/", Body=b"")
    assert [stored.key for stored in seen.store.list("bls/pr/")] == ["bls/pr/pr.class"]


def test_an_object_that_came_in_parts_is_copied_by_s3fs_whose_answer_tells_the_token(
    seen: Seen,
) -> None:
    target = {"Bucket": seen.bucket, "Key": "lake/vintages/a"}
    upload = seen.outside.create_multipart_upload(**target)["UploadId"]
    parts = [
        seen.outside.upload_part(**target, UploadId=upload, PartNumber=n, Body=body)["ETag"]
        for n, body in ((1, bytes(MINIMUM_PART)), (2, b"end"))
    ]
    seen.outside.complete_multipart_upload(
        **target,
        UploadId=upload,
        MultipartUpload={
            "Parts": [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(parts, start=1)]
        },
    )
    token = seen.store.copy("vintages/a", "bls/a")
    assert seen.by() == [("HEAD", "obstore"), ("COPY", "s3fs")]
    assert [stored.token for stored in seen.store.list("bls/")] == [token]


def test_a_copy_that_is_asked_for_again_is_s3fs_s_because_the_first_had_another_token(
    seen: Seen,
) -> None:
    """As it is in a bucket that KMS encrypts: there a copy's ETag is not its original's."""
    seen.store.put("vintages/a", b"1")
    seen.store.copy("vintages/a", "bls/a")
    seen.by()
    token = seen.store.copy("vintages/a", "bls/a")
    seen.store.copy("vintages/a", "bls/b")
    assert seen.by() == [("COPY", "s3fs")] * 2
    assert {stored.token for stored in seen.store.list("bls/")} == {token}


def test_a_file_too_large_for_one_request_goes_up_in_parts(seen: Seen, tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(bytes(LARGEST_PUT + 1))
    seen.store.upload(tmp_path / "spool", "vintages/a")
    assert {who for _, who in seen.by()} == {"s3fs"}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_SOMETHING_NEW", "1"),
    ],
)
def test_a_setting_that_the_two_may_read_differently_leaves_all_to_s3fs(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    monkeypatch.setenv(setting, value)
    assert fast(seen.options).bucket is None


@pytest.mark.parametrize("verify", [False, "bundle.pem"])
def test_certificates_of_one_s_own_leave_https_to_s3fs(
    verify: bool | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    options = S3Options(key="k", secret="s", region="eu-west-1", verify=verify)
    assert fast(options).bucket is None
    assert fast(replace(options, verify=True)).bucket is not None


def test_a_profile_that_says_where_requests_go_leaves_all_to_s3fs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile plain]\nregion = eu-west-1\naws_access_key_id = k\naws_secret_access_key = s\n"
        "[profile odd]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    assert fast(S3Options(profile="plain")).bucket is not None
    assert fast(S3Options(key="k", secret="s", profile="odd")).bucket is None
    assert fast(S3Options(key="k", secret="s", profile="absent")).bucket is None


def test_a_key_that_is_given_does_not_meet_the_environment_s_session_token(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-another-key")
    S3Store(seen.bucket, "lake", seen.options).put("a", b"1")
    (request,) = seen.wire.requests
    assert "x-amz-security-token" not in request.headers


def test_credentials_come_from_the_environment_as_for_aws_s_own_tools(
    seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(seen.options.key))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(seen.options.secret))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", str(seen.options.endpoint))
    S3Store(seen.bucket, "lake").put("a", b"1")
    assert seen.by() == [("PUT", "obstore")]


def fast(options: S3Options) -> FastBucket:
    environment = frozenset(i for i in os.environ.items() if i[0].startswith("AWS_"))
    return fast_bucket("bucket", options, environment)
