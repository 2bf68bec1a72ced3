from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from threading import Barrier, Semaphore

import pytest

from blsquest.core.errors import Contradicted, QuestError, Refused, SourceError
from blsquest.core.usage import Meter
from blsquest.sources.failures import StatusError
from blsquest.sources.http import IN_FLIGHT, Client
from blsquest.sources.pacer import Pacer
from blsquest.sources.request import Request
from blsquest.sources.sample.server import SampleServer
from tests.sources.conftest import CONTACT, Getter, make_client
from tests.sources.test_pacer import Clock
from tests.support import faults as sick
from tests.support.faults import Act, Fault

ATTEMPTS = 4


@pytest.fixture
def url(server: SampleServer) -> str:
    return f"{server.bls_url}pr/pr.series"


@pytest.fixture
def body(server: SampleServer) -> bytes:
    return bytes(server.surveys["pr"]["pr.series"].body)


def test_requests_name_the_project_and_contact(server: SampleServer, get: Getter) -> None:
    get()
    headers = server.requests[0].headers
    assert headers["User-Agent"].startswith("bls-data-quest/")
    assert headers["User-Agent"].endswith(f" (+{CONTACT})")
    assert headers["Accept-Encoding"] == "identity"


def test_credentials_from_netrc_and_cookies_are_never_sent(
    server: SampleServer, get: Getter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.faults.append(Fault(sick.header("Set-Cookie", "who=you; Path=/")))
    get()
    get()
    for request in server.requests:
        assert not {"Authorization", "Cookie"} & set(request.headers)


def test_the_environments_proxy_is_used_and_paced_but_never_for_this_machine(
    server: SampleServer, get: Getter, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = server.bls_url.removesuffix("/pub/time.series/")
    monkeypatch.setenv("http_proxy", proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    clock = Clock()
    client = make_client(pacer=Pacer(1, clock=clock, sleep=clock.sleep))
    for _ in range(2):
        with pytest.raises(StatusError):
            get("http://publisher.example/pub/", client=client)
    assert [r.path for r in server.requests] == ["http://publisher.example/pub/"] * 2
    assert sum(clock.slept) == pytest.approx(1, rel=0.02)
    get()
    assert server.requests[2].path == "/pub/time.series/pr/pr.series"


def test_the_password_of_a_proxy_is_not_shown(get: Getter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:hunter2@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(SourceError, match="through the proxy") as caught:
        get("http://publisher.example/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "framing", [sick.edit(bytes), sick.chunked(), sick.unannounced(), sick.trickle(500, 0.0)]
)
def test_a_body_arrives_and_is_measured_however_it_is_framed(
    server: SampleServer, body: bytes, get: Getter, framing: Act
) -> None:
    server.faults.append(Fault(framing))
    reply, got = get(size=len(body))
    assert got == body
    assert (reply.size, reply.sha256) == (len(body), sha256(body).hexdigest())


def test_a_body_over_its_limit_is_not_read_on(server: SampleServer, get: Getter) -> None:
    with pytest.raises(SourceError, match="the limit of 100 bytes"):
        get(limit=100)
    server.faults.append(Fault(sick.chunked()))
    with pytest.raises(SourceError, match="the limit of 100 bytes"):
        get(limit=100)
    assert len(server.requests) == 2


@pytest.mark.parametrize("off", [-1, 1])
def test_an_announced_length_must_be_the_listings(
    server: SampleServer, body: bytes, get: Getter, off: int
) -> None:
    with pytest.raises(SourceError) as caught:
        get(size=len(body) + off)
    assert f"{len(body):,}" in caught.value.what
    assert f"{len(body) + off:,}" in caught.value.what
    assert isinstance(caught.value, Contradicted)
    assert len(server.requests) == 1


@pytest.mark.parametrize("word", ["UTF-8", "none", "binary", "", "identity", "windows-1252"])
def test_a_word_that_encodes_nothing_is_no_encoding_where_the_length_is_as_listed(
    server: SampleServer, body: bytes, get: Getter, word: str
) -> None:
    server.faults.append(Fault(sick.header("Content-Encoding", word)))
    assert get(size=len(body))[1] == body
    if word == "windows-1252":
        with pytest.raises(Refused, match="encoded"):
            get()


TOO_LATE = sick.status(503, headers={"Retry-After": "3600"})
NEVER = sick.status(503, headers={"Retry-After": "9" * 400})


@pytest.mark.parametrize(
    ("acts", "requests", "error", "why"),
    [
        ([sick.edit(lambda b: b + b"!"), sick.chunked()], 1, SourceError, "but more came"),
        ([sick.body(b"0" * 10_000_000), sick.gzipped()], 1, Refused, r"encoded \('gzip'\)"),
        *(
            ([sick.header("Content-Encoding", word)], 1, Refused, "encoded")
            for word in ("x-gzip", "br", "deflate", "zstd", "compress", "utf-8, gzip")
        ),
        ([sick.html_page()], 1, Refused, "a web page in its place"),
        ([TOO_LATE], 1, SourceError, "asks to wait 3,600 s"),
        ([NEVER], 1, SourceError, "asks to wait inf s"),
        ([sick.redirect_loop()], 4, SourceError, "more than 3 times"),
        ([sick.trickle(100, 0.05)], 1, SourceError, "in the time allowed"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(
    server: SampleServer,
    get: Getter,
    acts: list[Act],
    requests: int,
    error: type[QuestError],
    why: str,
) -> None:
    server.faults += [Fault(act) for act in acts]
    client = make_client(total=0.1 if "time" in why else 60)
    with pytest.raises(error, match=why) as caught:
        get(client=client, size=len(server.surveys["pr"]["pr.series"].body))
    assert len(server.requests) == requests
    assert caught.value.transient is (why == "in the time allowed")


def test_no_byte_after_the_end_is_taken(server: SampleServer, body: bytes, get: Getter) -> None:
    server.faults.append(Fault(sick.longer(b"HTTP/1.1 200 OK\r\n\r\n"), times=1))
    assert get()[1] == get()[1] == body


def test_sixteen_requests_are_under_way(server: SampleServer, client: Client, get: Getter) -> None:
    full: list[bool] = []

    def see() -> None:
        full.append(not client._slots.acquire(blocking=False))

    together = Barrier(IN_FLIGHT, action=see)
    server.on_request = lambda _: together.wait(timeout=300)
    with ThreadPoolExecutor(3 * IN_FLIGHT) as pool:
        replies = list(pool.map(lambda _: get(), range(3 * IN_FLIGHT)))
    assert all(reply.size for reply, _ in replies)
    assert full == [True] * 3


PASSING = {
    **{f"{code}": sick.status(code) for code in (408, 429, 500, 503)},
    "no answer": sick.hang_up(),
    "not HTTP": sick.raw(b"what?\r\n\r\n"),
    "short body": sick.truncate(700),
    "reset": sick.reset(700),
    "stalled body": sick.stall(700),
    "silence": sick.silence(),
}


@pytest.mark.parametrize("act", PASSING.values(), ids=PASSING.keys())
def test_what_passes_is_tried_again_and_the_attempts_are_bounded(
    server: SampleServer, body: bytes, get: Getter, act: Act
) -> None:
    client = make_client(read=1.0)
    server.faults.append(Fault(act, times=ATTEMPTS - 1))
    assert get(client=client, size=len(body))[1] == body
    assert len(server.requests) == ATTEMPTS
    server.faults[:], seen = [Fault(act)], Semaphore(0)
    server.on_request = lambda _: seen.release()
    # Nothing is answered now: a client that waits less is not fooled by a busy machine.
    with pytest.raises(SourceError, match=f"Given up after {ATTEMPTS} attempts") as caught:
        get(client=make_client(read=0.1), size=len(body))
    assert caught.value.transient
    # A busy server sees the last ones after the client has given up.
    assert all(seen.acquire(timeout=300) for _ in range(ATTEMPTS))
    assert len(server.requests) == 2 * ATTEMPTS


@pytest.mark.parametrize("code", [201, 204, 206, 304, 403, 404])
def test_any_other_status_is_final(server: SampleServer, get: Getter, code: int) -> None:
    server.faults.append(Fault(sick.status(code, b"")))
    with pytest.raises(StatusError, match=f"answered {code}") as caught:
        get()
    assert caught.value.status == code
    assert not caught.value.transient
    assert len(server.requests) == 1


def test_a_second_attempt_reports_no_byte_twice(
    server: SampleServer, url: str, body: bytes, client: Client
) -> None:
    server.faults += [Fault(sick.truncate(900), times=1), Fault(sick.reset(300), times=2)]
    into, arrived, meter = BytesIO(), list[int](), Meter()
    client.get(Request(url, "the file", len(body)), into, meter, progress=arrived.append)
    assert into.getvalue() == body
    assert sum(arrived) == len(body)
    assert min(arrived) > 0
    assert meter.requests == {"GET": 3}
    assert meter.received > len(body)


@pytest.mark.parametrize(
    ("after", "waited"),
    [
        ("20", 20),
        ("Thu, 06 Aug 2026 12:30:45 GMT", 45),
        ("Thu, 06 Aug 2026 12:29:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
    ],
)
def test_retry_after_holds_back_every_request_of_the_pacer(
    server: SampleServer, get: Getter, after: str, waited: float
) -> None:
    clock = Clock()
    pacer = Pacer(None, clock=clock, sleep=clock.sleep)
    server.faults += [
        Fault(sick.status(429, headers={"Retry-After": after}), times=1),
        Fault(sick.header("Date", "Thu, 06 Aug 2026 12:30:00 GMT"), times=1),
    ]
    get(client=make_client(pacer=pacer))
    assert sum(clock.slept) == waited


def test_a_redirect_on_its_host_is_followed(server: SampleServer, body: bytes, get: Getter) -> None:
    stuck = sick.status(302, b"0" * 1000, {"Location": "?again"})
    server.faults += [Fault(stuck, times=1), Fault(sick.stall(10), times=1)]
    server.faults.append(Fault(sick.redirect("/pub/time.series/pr/pr.series"), path="/old"))
    assert get()[1] == body
    assert get(server.bls_url.replace("/pub/time.series/", "/old"))[1] == body


ELSEWHERE = ["http://evil.example/x", "//evil.example/x", "file:///etc/passwd", "http://[bad", ""]


@pytest.mark.parametrize(
    "target", [*ELSEWHERE, "http://user:pw@127.0.0.1/x", "http://127.0.0.1:1/x", "https://HERE/x"]
)
def test_a_redirect_elsewhere_is_never_followed(
    server: SampleServer, url: str, get: Getter, target: str
) -> None:
    server.faults.append(Fault(sick.redirect(target.replace("HERE", url.split("/")[2]))))
    with pytest.raises(SourceError, match="redirects to") as caught:
        get()
    assert "127.0.0.1" in caught.value.what
    assert not caught.value.transient
    assert len(server.requests) == 1
