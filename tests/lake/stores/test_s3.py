"""What S3 alone promises or refuses: requests, lost answers, parts; the rest is in the contract."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from blsquest.core.errors import Misuse, StoreError
from blsquest.lake.stores import s3_multipart
from blsquest.lake.stores.s3 import LARGEST_PUT, S3Store
from blsquest.lake.stores.s3_multipart import MOST_PARTS, PART, part_size
from blsquest.lake.stores.s3_options import S3Options
from tests.conftest import NewWire
from tests.lake.stores.conftest import Lake, always, first
from tests.support.s3_proxy import LOSE, answer
from tests.support.s3_servers import S3Server

GIB = 1 << 30


def test_each_verb_is_one_request_of_one_client_and_the_meter_agrees(
    lake: Lake, tmp_path: Path
) -> None:
    """The small ones never start s3fs."""
    store = lake.store
    (tmp_path / "spool").write_bytes(bytes(100_000))
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: store.put("a/1", bytes(50_000)), "PUT"),
        (lambda: store.put_new("a/2", b"2"), "PUT"),
        (lambda: store.upload(tmp_path / "spool", "a/3"), "PUT"),
        (lambda: store.list("a/"), "LIST"),
        (lambda: store.list("nothing/"), "LIST"),
        (lambda: store.folders(""), "LIST"),
        (lambda: store.size("a/1"), "HEAD"),
        (lambda: store.size("a/none"), "HEAD"),
        (lambda: store.read("a/3"), "GET"),
        (lambda: store.copy("a/3", "b/3"), "COPY"),
        (lambda: store.delete("a/1"), "DELETE"),
    ]
    for ask, verb in asked:
        lake.wire.requests.clear()
        store.meter.requests.clear()
        ask()
        assert lake.wire.verbs == dict(store.meter.requests) == {verb: 1}
        by_s3fs = verb in {"COPY", "DELETE"}
        assert lake.by() == [(verb, "s3fs" if by_s3fs else "obstore")]
        assert ("filesystem" in vars(store._client)) is by_s3fs
    with store.open("a/3") as stream:
        stream.read()
    assert (store.meter.sent, store.meter.received) == (150_001, 200_000)


def test_a_list_takes_one_request_a_thousand_keys(seaweed: S3Server, wire: NewWire) -> None:
    """Moto takes 6 s to hold so many."""
    lake = Lake(seaweed, wire(seaweed))
    folders = [f"{number:04}" for number in range(1_005)]
    wanted = [f"many/{folder}/file" for folder in folders]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: lake.store.put(key, b"."), [*wanted, "other"]))
    asked: list[tuple[Callable[[], Sequence[str]], list[str]]] = [
        (lambda: [stored.key for stored in lake.store.list("many/")], wanted),
        (lambda: lake.store.folders("many/"), folders),
    ]
    for ask, listed in asked:
        lake.wire.requests.clear()
        lake.store.meter.requests.clear()
        assert ask() == listed
        assert lake.wire.verbs == dict(lake.store.meter.requests) == {"LIST": 2}


@pytest.mark.parametrize("lost", [0, 1])
def test_a_large_upload_survives_a_lost_last_answer(lake: Lake, tmp_path: Path, lost: int) -> None:
    body = os.urandom(LARGEST_PUT + 1)
    (tmp_path / "spool").write_bytes(body)
    lake.wire.fault = first(lost, "COMPLETE", LOSE)
    lake.store.upload(tmp_path / "spool", "vintages/x")
    assert lake.wire.verbs == dict(lake.store.meter.requests)
    if not lost:
        assert lake.wire.verbs == {"START": 1, "PART": 3, "COMPLETE": 1}
    assert lake.wire.verbs["START"] == 1
    assert lake.unfinished_uploads() == []
    assert lake.store.read("vintages/x") == body


SLOW_DOWN = answer("503 Slow Down", "SlowDown")
CONFLICT = answer("409 Conflict", "ConditionalRequestConflict")


@pytest.mark.parametrize(
    ("fault", "verbs"), [(LOSE, {"PUT": 2, "GET": 1}), (SLOW_DOWN, {"PUT": 2})]
)
def test_a_lost_answer_is_asked_for_again(lake: Lake, fault: bytes, verbs: dict[str, int]) -> None:
    lake.wire.fault = first(1, "PUT", fault)
    assert lake.store.put_new("manifests/1", b"mine") is True
    assert lake.wire.verbs == dict(lake.store.meter.requests) == verbs
    assert lake.store.read("manifests/1") == b"mine"


@pytest.mark.usefixtures("single_attempt")
def test_a_writer_that_never_hears_an_answer_looks_for_itself(lake: Lake) -> None:
    lake.wire.fault = always("PUT", LOSE)
    assert lake.store.put_new("manifests/1", b"mine") is True
    assert lake.store.put_new("manifests/1", b"another") is False
    assert lake.wire.verbs["GET"] == 2
    assert lake.store.read("manifests/1") == b"mine"


def test_a_conflict_with_another_writer_is_tried_again_for_a_while(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").write_bytes(b"body")
    lake.wire.fault = first(2, "PUT", CONFLICT)
    assert lake.store.put_new("manifests/1", b"mine") is True
    lake.wire.fault = first(2, "PUT", CONFLICT)
    lake.store.upload(tmp_path / "spool", "vintages/x")
    assert lake.wire.verbs == {"PUT": 6, "HEAD": 1}
    assert [stored.size for stored in lake.store.list("")] == [4, 4]
    monkeypatch.setattr("blsquest.lake.stores.s3.CONFLICTS", 2)
    lake.wire.fault = always("PUT", CONFLICT)
    with pytest.raises(StoreError, match=r"manifests/2: other writers.*Run again") as caught:
        lake.store.put_new("manifests/2", b"mine")
    assert caught.value.transient


SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 9


@pytest.mark.parametrize(
    ("verb", "fault"),
    [
        ("LIST", SLOW_DOWN),
        ("LIST", answer("500 Internal", "InternalError")),
        ("LIST", LOSE),
        ("GET", SHORT),
    ],
)
@pytest.mark.usefixtures("single_attempt")
def test_a_sick_server_is_transient_and_no_short_read(lake: Lake, verb: str, fault: bytes) -> None:
    lake.store.put("a", bytes(1000))
    lake.wire.fault = always(verb, fault)
    with pytest.raises(StoreError, match=rf"s3://{lake.bucket}/lake/") as caught:
        lake.store.list("") if verb == "LIST" else lake.store.read("a")
    assert caught.value.transient
    assert caught.value.remedy


def test_a_large_copy_goes_in_parts(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS refuses CopyObject over 5 GiB; the refusal is injected, the copy by parts is real."""
    body = os.urandom((11 << 20) + 5)
    lake.store.put("vintages/x", body)
    lake.wire.requests.clear()
    monkeypatch.setattr(s3_multipart, "COPY_PART", 5 << 20)
    lake.wire.fault = always("COPY", answer("400 Bad Request", "InvalidRequest"))
    token = lake.store.copy("vintages/x", "view/x")
    assert lake.wire.verbs == {"COPY": 1, "HEAD": 1, "START": 1, "COPYPART": 3, "COMPLETE": 1}
    assert [stored.token for stored in lake.store.list("view/")] == [token]
    assert lake.store.read("view/x") == body


@pytest.mark.parametrize("size", [1, PART, GIB, 78 * GIB, 79 * GIB, 5 << 40])
def test_a_file_of_any_size_fits_into_the_parts_that_s3_allows(size: int) -> None:
    step = part_size(size, PART)
    assert -(-size // step) <= MOST_PARTS
    assert PART <= step <= 5 * GIB
    assert step == PART or size > 78 * GIB


def everything(store: S3Store, spool: Path) -> list[Callable[[], object]]:
    """Each verb that tells an absent bucket from an absent object."""
    spool.write_bytes(b"1")
    return [
        *(partial(verb, "") for verb in (store.list, store.folders)),
        *(partial(verb, "a") for verb in (store.read, store.delete)),
        *(partial(verb, "a", b"") for verb in (store.put, store.put_new)),
        partial(store.upload, spool, "a"),
    ]


def test_a_bucket_that_does_not_exist_is_named(moto_s3: S3Server, tmp_path: Path) -> None:
    """SeaweedFS creates it."""
    store = S3Store("no-such-bucket-here", "lake", moto_s3.options)
    for attempt in everything(store, tmp_path / "spool"):
        with pytest.raises(StoreError, match=r"s3://no-such-bucket-here/.*does not exist.*Create"):
            attempt()


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"key": "unknown"}, "access key is unknown"),
        ({"secret": "wrong-secret-value"}, "secret key is wrong"),
    ],
)
def test_wrong_credentials_are_explained_without_showing_them(
    seaweed: S3Server, tmp_path: Path, options: dict[str, str], cause: str
) -> None:
    store = S3Store(seaweed.fresh_bucket(), "lake", replace(seaweed.options, **options))
    looks: list[Callable[[], object]] = [partial(store.size, "a")]
    for attempt in [*everything(store, tmp_path / "spool"), *looks]:
        with pytest.raises(StoreError, match=rf"{cause}.*Check the access key") as caught:
            attempt()
        assert not caught.value.transient
        assert "wrong-secret-value" not in f"{caught.value!r} {caught.value}"


def test_absent_credentials_are_explained(
    seaweed: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    absent = S3Options(endpoint=seaweed.endpoint, region="us-east-1")
    for options in (absent, replace(absent, profile="absent")):
        with pytest.raises(StoreError, match=r"no usable AWS credentials.*AWS_ACCESS_KEY_ID"):
            S3Store("bucket", options=options).list("")


@pytest.mark.usefixtures("single_attempt")
@pytest.mark.parametrize("endpoint", ["http://user:hidden@127.0.0.1:9", "user:hidden@host"])
def test_a_password_in_the_endpoint_is_not_shown(endpoint: str) -> None:
    with pytest.raises((StoreError, Misuse)) as caught:
        S3Store("bucket", "lake", S3Options(key="k", secret="s", endpoint=endpoint)).list("")
    assert "hidden" not in f"{caught.value} {caught.value!r}"


@pytest.mark.usefixtures("single_attempt")
def test_a_server_that_can_not_be_reached_is_named_and_worth_another_run() -> None:
    options = S3Options(key="k", secret="s", endpoint="http://127.0.0.1:9")
    with pytest.raises(StoreError, match=r"no answer from http://127.0.0.1:9 .*network") as caught:
        S3Store("bucket", "lake", options).put_new("a", b"")
    assert caught.value.transient


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        ("403 Forbidden", "AccessDenied", "s3:PutObject"),
        ("400 Bad Request", "ExpiredToken", "session token has expired"),
        ("403 Forbidden", "RequestTimeTooSkewed", "clock is wrong"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", "another region"),
        ("400 Bad Request", "SomethingNew", r"400 SomethingNew \(it says: injected\)"),
    ],
)
def test_a_refusal_is_explained(
    moto_s3: S3Server, wire: NewWire, status: str, code: str, cause: str
) -> None:
    lake = Lake(moto_s3, wire(moto_s3))
    lake.wire.fault = always("PUT", answer(status, code))
    with pytest.raises(StoreError, match=cause) as caught:
        lake.store.put("a", b"")
    assert f"s3://{lake.bucket}/lake/a" in caught.value.what
    assert caught.value.remedy
    assert not caught.value.transient


def test_secrets_are_not_shown_and_no_other_bucket_name_is_taken() -> None:
    options = S3Options(key="id", secret="hidden", token="hidden")
    store = S3Store("bucket", "/some/prefix/", options)
    assert store.url == "s3://bucket/some/prefix"
    assert S3Store("bucket").url == "s3://bucket"
    assert "hidden" not in repr(options)
    for bucket in ("", "bucket/prefix"):
        with pytest.raises(Misuse, match="bucket"):
            S3Store(bucket)


def test_a_lake_sees_nothing_beside_its_prefix(server: S3Server) -> None:
    bucket = server.fresh_bucket()
    whole, lake, other = (
        S3Store(bucket, prefix, server.options) for prefix in ("", "lake", "lake-2")
    )
    lake.put("a", b"1")
    other.put("b", b"2")
    assert [stored.key for stored in lake.list("")] == ["a"]
    assert [stored.key for stored in whole.list("")] == ["lake-2/b", "lake/a"]
    assert whole.folders("") == ["lake", "lake-2"]


@pytest.mark.parametrize("body", [b"", b"not empty"])
def test_a_consoles_folder_is_no_object_once_a_delete_has_left_it(lake: Lake, body: bytes) -> None:
    lake.store.put("bls/pr/pr.class", b"1")
    lake.outside.put_object(Bucket=lake.bucket, Key="lake/bls/pr/notes/", Body=body)
    for stored in lake.store.list("bls/pr/"):
        if stored.key == "bls/pr/notes":
            lake.store.delete(stored.key)
    assert [stored.key for stored in lake.store.list("bls/pr/")] == ["bls/pr/pr.class"]


def test_a_derived_object_has_its_content_type(server: S3Server) -> None:
    bucket = server.fresh_bucket()
    store = S3Store(bucket, options=server.options)
    store.put("report.html", b"<p>")
    store.put("pr.data.0.Current", b"")
    head = server.client().head_object
    assert head(Bucket=bucket, Key="report.html")["ContentType"] == "text/html"
    assert head(Bucket=bucket, Key="pr.data.0.Current")["ContentType"] == "binary/octet-stream"


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
        (None, "us-west-2"),
        ("http://127.0.0.1:9000", None),
        ("https://s3.amazonaws.com.evil.example", None),
        ("https://s3.example.org", None),
    ],
)
def test_an_object_has_a_page_in_the_console_at_aws_alone(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None, region: str | None
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    options = S3Options(key="k", secret="s", region=region or "us-east-1", endpoint=endpoint)
    page = (
        f"https://console.aws.amazon.com/s3/object/bucket?region={region}"
        "&prefix=lake%2Fa%2Fb%20c%26d%23e%5D%28x%29.json"
    )
    found = S3Store("bucket", "lake", options).console_url("a/b c&d#e](x).json")
    assert found == (page if region else None)
