"""Settings of an S3 lake: refused by name, the same for both clients, and what writes ask for."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from moto.s3.models import FakeKey

from blsquest.core.errors import Misuse, StoreError
from blsquest.lake.stores import open_store, s3_multipart
from blsquest.lake.stores import s3 as store_s3
from blsquest.lake.stores.s3 import S3Store
from blsquest.lake.stores.s3_options import S3Options
from blsquest.sources.sample.server import SampleServer
from tests.conftest import NewWire
from tests.lake.stores.conftest import Lake, always
from tests.support.certificates import self_signed
from tests.support.lakes import mirror
from tests.support.s3_servers import S3Server

KEYS = S3Options(key="id", secret="hush", region="us-east-1")


@pytest.mark.parametrize("odd", ["hush\r", "hush\n", "hu\tsh", " hush", "hu\udcffsh"])
@pytest.mark.parametrize("field", ["key", "secret", "token", "profile", "region", "endpoint"])
def test_an_option_with_a_line_break_is_refused_by_name(field: str, odd: str) -> None:
    with pytest.raises(Misuse, match=rf"The lake's {field} has .*carriage return") as wrong:
        S3Store("bucket", options=replace(KEYS, **cast("Any", {field: odd})))
    assert "hu" not in str(wrong.value)


OF_AWS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION", "ENDPOINT_URL", "CA_BUNDLE")


@pytest.mark.parametrize(
    "name", [*(f"AWS_{name}" for name in OF_AWS), "LAKE_ENCRYPTION", "LAKE_KMS_KEY"]
)
def test_a_variable_of_two_lines_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hush\r")
    with pytest.raises(Misuse, match=f"{name} has white space") as wrong:
        open_store("s3://bucket/lake")
    assert "hush" not in str(wrong.value)


@pytest.mark.parametrize(
    "address", ["./lake\r", "/lake\n", "s3://bucket/la\rke", "s3://bucket\r", "./la\udcffke"]
)
def test_an_address_with_a_line_break_is_refused_instead_of_meaning_another_lake(
    address: str,
) -> None:
    with pytest.raises(Misuse, match=r"The lake's address \(LAKE, --lake\) has white space"):
        open_store(address)


def test_an_access_point_s_arn_is_refused_and_its_alias_named() -> None:
    with pytest.raises(Misuse, match=r"access point.*s3alias"):
        open_store("s3://arn:aws:s3:us-east-1:123456789012:accesspoint/lake/prefix")


@pytest.mark.parametrize("url", ["http://[::1", "http://", "minio:9000", "http://minio:99999"])
def test_an_endpoint_that_is_no_url_is_refused_before_any_request(url: str) -> None:
    with pytest.raises(Misuse, match="The S3 server's URL makes no sense"):
        S3Store("bucket", options=replace(KEYS, endpoint=url))


@pytest.mark.parametrize("address", ["s3://", "s3://b ucket/x", "s3://a@b/x", "s3://bucket:9/x"])
def test_an_address_without_a_bucket_s_name_is_refused(address: str) -> None:
    with pytest.raises(Misuse, match="is no bucket's address"):
        open_store(address)


@pytest.mark.usefixtures("single_attempt")
def test_an_ipv6_endpoint_keeps_its_brackets() -> None:
    store = S3Store("bucket", options=replace(KEYS, endpoint="http://[::1]:9/path"))
    with pytest.raises(StoreError, match=r"no answer from http://\[::1\]:9 "):
        store.put("a", b"")


def test_this_machine_is_never_asked_by_a_proxy(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "example.org")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    store = S3Store(lake.bucket, "lake", lake.options)
    store.put("a", b"1")
    store.copy("a", "b")
    assert lake.by() == [("PUT", "obstore"), ("COPY", "s3fs")]
    assert os.environ["NO_PROXY"] == "example.org,127.0.0.1,localhost,::1"


# -- What the storage says ---------------------------------------------------------------------


def refusal(code: str, message: str, *, body: bool = True) -> bytes:
    said = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>" if body else ""
    head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/xml\r\nConnection: close"
    return f"{head}\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode()


def test_a_refused_head_is_explained_by_one_get(moto_s3: S3Server, wire: NewWire) -> None:
    """As when a token expires in mid-run."""
    lake = Lake(moto_s3, wire(moto_s3))
    lake.store.put("a", b"1")
    lake.wire.requests.clear()
    lake.wire.fault = lambda r: refusal("ExpiredToken", "It has expired", body=r.method != "HEAD")
    with pytest.raises(StoreError, match=r"session token has expired .*It has expired"):
        lake.store.size("a")
    assert [r.target for r in lake.wire.requests if r.method == "GET"] == [f"/{lake.bucket}/lake/a"]


def test_an_answer_without_any_cause_names_the_likely_ones(
    moto_s3: S3Server, wire: NewWire
) -> None:
    lake = Lake(moto_s3, wire(moto_s3))
    lake.wire.fault = always("PUT", refusal("", "", body=False))
    with pytest.raises(StoreError, match=r"answered 400\. .*token that has expired") as caught:
        lake.store.put("a", b"")
    assert "400 400" not in str(caught.value)


def test_the_storage_s_words_are_quoted_without_secrets(moto_s3: S3Server, wire: NewWire) -> None:
    lake = Lake(moto_s3, wire(moto_s3))
    token = replace(lake.options, token="a-session-token-of-mine")
    store = S3Store(lake.bucket, "lake", token)
    words = "explicit deny for arn:aws:s3:::bucket/a, a-session-token-of-mine &#x202e; "
    words += "https://u:pass@host/?X-Amz-Signature=0123456789abcdef0123456789abcdef " + "x" * 999
    lake.wire.fault = always("PUT", refusal("AccessDenied", words))
    with pytest.raises(StoreError, match=r"access was denied .*explicit deny") as caught:
        store.put("a", b"")
    said = str(caught.value)
    assert "arn:aws:s3:::bucket/a" in said
    assert len(caught.value.what) < 420
    for hidden in ("a-session-token", "pass@", "0123456789abcdef", "\u202e"):
        assert hidden not in said


# -- Certificates ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_bundle_that_is_no_file_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/no/such/bundle.pem")
    with pytest.raises(Misuse, match=f"{name} names no file: /no/such/bundle.pem"):
        S3Store("bucket", options=KEYS)


@pytest.mark.usefixtures("single_attempt")
def test_a_bundle_or_a_proxy_that_makes_no_sense_is_named_wherever_it_comes_from(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    moto_s3: S3Server,
    capfd: pytest.CaptureFixture[str],
) -> None:
    here = replace(KEYS, endpoint=moto_s3.endpoint)

    def asked(says: str, options: S3Options = here) -> None:
        with pytest.raises(StoreError, match=says) as wrong:
            S3Store("bucket", options=options).list("")
        assert not wrong.value.transient
        assert "hush" not in str(wrong.value)

    (tmp_path / "bundle.pem").write_text("no certificate")
    for bundle in (tmp_path / "bundle.pem", tmp_path):
        with monkeypatch.context() as env:
            env.setenv("AWS_CA_BUNDLE", str(bundle))
            asked("certificates can't be read, or holds none.*AWS_CA_BUNDLE")
    with monkeypatch.context() as env:
        env.setenv("HTTP_PROXY", "http://127.0.0.1:1\r")
        asked("the proxy makes no sense.*HTTP_PROXY", replace(KEYS, endpoint="http://lake.invalid"))
    keys = "aws_access_key_id = id\naws_secret_access_key = hush\n"
    (tmp_path / "odd").write_text(f"[default]\n{keys}aws_session_token = hush\x01hush\n")
    with monkeypatch.context() as env:
        env.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "odd"))
        chain = S3Options(region="us-east-1", endpoint=here.endpoint)
        asked("a control character.*~/.aws", chain)
    assert "panicked" not in capfd.readouterr().err


EMPTY = (
    b"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
)


class Empty(BaseHTTPRequestHandler):
    """Any bucket, empty."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(EMPTY)))
        self.end_headers()
        self.wfile.write(EMPTY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[S3Options]:
    """A server whose certificate is of a private CA: `tmp_path / "ca.pem"`."""
    context = self_signed(tmp_path / "ca.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=partial(server.serve_forever, 0.05), daemon=True).start()
        yield replace(KEYS, endpoint=f"https://127.0.0.1:{server.server_address[1]}")
        server.shutdown()


@pytest.mark.usefixtures("single_attempt")
def test_a_private_ca_is_asked_for_by_name_and_taken_from_either_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secure: S3Options
) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreError, match=r"TLS certificate.*AWS_CA_BUNDLE.*REQUESTS_CA_BUNDLE"):
        S3Store("bucket", options=secure).list("")
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        with monkeypatch.context() as set_once:
            set_once.setenv(name, str(tmp_path / "ca.pem"))
            assert S3Store("bucket", options=secure).list("") == []


# -- Encryption --------------------------------------------------------------------------------

ENCRYPTION = {
    "AES256": ("AES256", None),
    "aws:kms": ("aws:kms", "arn:aws:kms:us-east-1:123456789012:key/0a1b"),
}


@pytest.fixture(params=ENCRYPTION)
def demanding(request: pytest.FixtureRequest, lake: Lake) -> Lake:
    """A bucket that answers 403 to each write that does not ask for this encryption."""
    encryption, key = ENCRYPTION[request.param]
    wanted = {"x-amz-server-side-encryption": encryption}
    if key:
        wanted["x-amz-server-side-encryption-aws-kms-key-id"] = key
    lake.options = replace(lake.options, encryption=encryption, kms_key=key)
    lake.store = S3Store(lake.bucket, "lake", lake.options)
    denied = refusal("AccessDenied", "with an explicit deny").replace(b"400 Bad", b"403 Bad")
    lake.wire.fault = lambda r: (
        denied
        if r.verb in {"PUT", "COPY", "START"} and not wanted.items() <= r.headers.items()
        else None
    )
    return lake


@pytest.fixture
def server(moto_s3: S3Server) -> S3Server:
    """Moto encrypts nothing, and answers as S3 does; SeaweedFS wants a KMS of its own."""
    return moto_s3


def test_every_write_asks_for_the_encryption(
    demanding: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_s3, "LARGEST_PUT", 5 << 20)
    monkeypatch.setattr(s3_multipart, "PART", 5 << 20)
    store = demanding.store
    (tmp_path / "small").write_bytes(b"1")
    (tmp_path / "large").write_bytes(bytes((5 << 20) + 1))
    store.upload(tmp_path / "small", "vintages/small")
    store.upload(tmp_path / "large", "vintages/large")
    assert store.put_new("manifests/1", b"{}")
    store.put("state/view.json", b"{}")
    tokens = {store.copy("vintages/small", "bls/small")}
    tokens.add(s3_multipart.copy_in_parts(store._client, "lake/vintages/large", "lake/bls/large"))
    assert {stored.token for stored in store.list("bls/")} == {token.strip('"') for token in tokens}
    by = demanding.by()
    assert ("PUT", "obstore") in by
    assert ("PUT", "s3fs") not in by
    # Without obstore, the same.
    monkeypatch.setattr(store._client, "fast", type(store._client.fast)(None))
    store.put("state/view.json", b"{}")
    assert demanding.by() == [("PUT", "s3fs")]


def test_etags_that_are_no_md5_are_the_view_s_tokens_all_the_same(
    moto_s3: S3Server, wire: NewWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a KMS key: two objects of the same bytes have ETags of their own."""
    monkeypatch.setattr(FakeKey, "etag", property(lambda self: f'"{id(self):032x}"'))
    lake = Lake(moto_s3, wire(moto_s3))
    with SampleServer() as publisher:
        assert mirror(publisher, lake.store).name == "Changed"
        lake.wire.requests.clear()
        assert mirror(publisher, lake.store).name == "Unchanged"
    assert lake.wire.verbs == {"LIST": 2, "GET": 2}


def test_without_it_the_bucket_s_own_words_and_the_setting_are_shown(demanding: Lake) -> None:
    plain = replace(demanding.options, encryption=None, kms_key=None)
    with pytest.raises(StoreError, match=r"denied .*with an explicit deny.*LAKE_ENCRYPTION"):
        S3Store(demanding.bucket, "lake", plain).put("a", b"")


def test_the_environment_asks_where_no_option_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_ENCRYPTION", "aws:kms")
    monkeypatch.setenv("LAKE_KMS_KEY", "alias/lake")
    for own, asked in ((None, "aws:kms"), ("aws:kms:dsse", "aws:kms:dsse")):
        store = S3Store("bucket", options=replace(KEYS, encryption=own))
        assert store._client.options.encrypted["ServerSideEncryption"] == asked


@pytest.mark.parametrize(
    ("encryption", "key", "said"),
    [
        ("aes256", None, "no encryption 'aes256'"),
        (None, "k", "no meaning"),
        ("AES256", "k", "no meaning"),
    ],
)
def test_an_unknown_encryption_is_refused(
    encryption: str | None, key: str | None, said: str
) -> None:
    with pytest.raises(Misuse, match=said):
        S3Store("bucket", options=replace(KEYS, encryption=encryption, kms_key=key))
