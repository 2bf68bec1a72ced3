from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from blsquest.sources.sample.pages import PublishedFile
from blsquest.sources.sample.server import SampleServer
from tests.sources.sample_client import get, wire
from tests.support import faults as sick
from tests.support.faults import Fault
from tests.support.publishing import publish_folder

if TYPE_CHECKING:
    from pathlib import Path

    from blsquest.sources.sample.server import Request

BODY = b"0123456789" * 10


@pytest.fixture
def url(server: SampleServer) -> str:
    """A file of 100 bytes."""
    server.surveys["xy"] = {"xy.txt": PublishedFile(BODY, "2/6/2025 8:30 AM", None)}
    return f"{server.bls_url}xy/xy.txt"


def split(answer: bytes) -> tuple[dict[str, str], bytes]:
    """The headers and the body of what came over the wire."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}, body


# -- The server --------------------------------------------------------------------------------


def test_requests_are_logged_in_order_with_their_status(server: SampleServer) -> None:
    url = f"{server.bls_url}pr/pr.class"
    get(url)
    get(url, If_Modified_Since="Thu, 06 Feb 2025 13:30:02 GMT")
    get(server.population_url)
    first, second, third = server.requests
    assert (first.path, first.status) == ("/pub/time.series/pr/pr.class", 200)
    assert (second.headers["if-modified-since"][:3], second.status) == ("Thu", 304)
    assert third.query.startswith("cube=acs_yg_total_population_1&drilldowns=Year%2CNation")
    assert first.arrived <= second.arrived <= third.arrived


def test_a_release_can_come_out_between_two_requests_of_a_run(server: SampleServer) -> None:
    def publish(request: Request) -> None:
        if request.path.endswith("/pr.notice"):
            server.publish(2)

    server.on_request = publish
    assert b"pr.contacts" in get(f"{server.bls_url}pr/").body
    assert get(f"{server.bls_url}pr/pr.notice").status == 200
    page = get(f"{server.bls_url}pr/").body
    assert b"pr.contacts" not in page
    assert b"pr.notice" in page


def test_a_folder_of_real_files_restamps_those_with_the_same_bytes_that_are_named(
    server: SampleServer, tmp_path: Path
) -> None:
    for number in ("1", "2"):
        (folder := tmp_path / number).mkdir()
        for name, body in {"pr.class": "c", "pr.txt": "t", "pr.data": number}.items():
            (folder / name).write_text(body)
    publish_folder(server, tmp_path / "1")
    before = server.surveys["pr"]
    later = server.now()
    publish_folder(server, tmp_path / "2", modified=later, restamp=["pr.class"])
    after = server.surveys["pr"]
    assert [name for name in after if after[name].stamp != before[name].stamp] == [
        "pr.class",
        "pr.data",
    ]
    assert get(f"{server.bls_url}pr/pr.data").body == b"2"


def test_a_stopping_server_lets_go_of_stalled_clients() -> None:
    arrived = Event()
    ends: list[str] = []
    with SampleServer() as server:
        server.faults.append(Fault(sick.stall(at=0)))
        server.on_request = lambda _: arrived.set()
        client = Thread(target=lambda url: ends.append(wire(url)[1]), args=(server.bls_url,))
        client.start()
        arrived.wait()
    client.join()
    assert ends == ["closed"]


# -- Its faults --------------------------------------------------------------------------------


def test_a_fault_strikes_the_paths_it_names_so_many_times_after_so_many_requests(
    server: SampleServer, url: str
) -> None:
    server.faults.append(Fault(sick.status(503), path="*/xy.txt", times=2, after=1))
    assert get(f"{server.bls_url}pr/pr.class").status == 200
    assert [get(url).status for _ in range(5)] == [200, 503, 503, 200, 200]


@pytest.mark.parametrize(
    ("acts", "announced", "body", "end"),
    [
        ([sick.truncate(40)], "100", BODY[:40], "closed"),
        ([sick.stall(40)], "100", BODY[:40], "silent"),
        ([sick.reset(0)], "100", b"", "reset"),
        ([sick.longer(b"more")], "100", BODY + b"more", "closed"),
        ([sick.unannounced()], None, BODY, "closed"),
        ([sick.chunked(), sick.truncate(40)], None, b"28\r\n" + BODY[:40] + b"\r\n", "closed"),
        ([sick.body(b"abcdefghij"), sick.truncate(5)], "10", b"abcde", "closed"),
        ([sick.hang_up()], None, b"", "closed"),
        ([sick.silence()], None, b"", "silent"),
        ([sick.trickle(7, 0.001), sick.unannounced()], None, BODY, "closed"),
    ],
)
def test_an_answer_can_be_delivered_otherwise_than_whole(
    server: SampleServer,
    url: str,
    acts: list[sick.Act],
    announced: str | None,
    body: bytes,
    end: str,
) -> None:
    server.faults += [Fault(act) for act in acts]
    answer, ended = wire(url, timeout=0.5)
    headers, came = split(answer)
    assert (headers.get("Content-Length"), came, ended) == (announced, body, end)


@pytest.mark.parametrize("act", [sick.truncate(10), sick.chunked(), sick.longer(b"x")])
def test_a_304_stays_without_a_body(server: SampleServer, act: sick.Act) -> None:
    server.faults.append(Fault(act))
    since = "Thu, 06 Feb 2025 13:30:02 GMT"
    answer = get(f"{server.bls_url}pr/pr.class", If_Modified_Since=since)
    assert (answer.status, answer.body) == (304, b"")
    assert "Transfer-Encoding" not in answer.headers
