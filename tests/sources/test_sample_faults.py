from __future__ import annotations

import gzip
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from blsquest.sources.sample import faults as sick
from blsquest.sources.sample.faults import Fault
from blsquest.sources.sample.pages import PublishedFile
from blsquest.sources.sample.server import SampleServer
from tests.support.sample_client import get, wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = b"0123456789" * 10
MODIFIED = "Thu, 06 Feb 2025 13:30:02 GMT"


@pytest.fixture(params=["bytes", "path"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SampleServer]:
    """A server with one file of 100 bytes, from memory and streamed."""
    (tmp_path / "xy.txt").write_bytes(BODY)
    body = BODY if request.param == "bytes" else tmp_path / "xy.txt"
    with SampleServer() as running:
        running.surveys["xy"] = {"xy.txt": PublishedFile(body, "2/6/2025 8:30 AM", MODIFIED)}
        yield running


def address(server: SampleServer) -> str:
    return f"{server.bls_url}xy/xy.txt"


def sicken(server: SampleServer, *acts: sick.Act) -> str:
    """The file's address, with these acts upon it."""
    server.faults += [Fault(act, path="*/xy.txt") for act in acts]
    return address(server)


def split(answer: bytes) -> tuple[dict[str, str], bytes]:
    """The headers and the body of what came over the wire."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}, body


# -- Which requests ----------------------------------------------------------------------------


def test_a_fault_strikes_only_the_paths_it_names(server: SampleServer) -> None:
    server.faults.append(Fault(sick.status(500), path="*/pr.*"))
    assert get(f"{server.bls_url}pr/pr.class").status == 500
    assert get(f"{server.bls_url}pr/").status == 200
    assert get(address(server)).status == 200


def test_a_fault_strikes_so_many_times_after_so_many_requests(server: SampleServer) -> None:
    server.faults.append(Fault(sick.status(503), path="*/xy.txt", times=2, after=1))
    assert [get(address(server)).status for _ in range(5)] == [200, 503, 503, 200, 200]


def test_faults_on_one_request_compose_in_their_order(server: SampleServer) -> None:
    answer, end = wire(sicken(server, sick.body(b"x" * 50), sick.gzipped(), sick.truncate(5)))
    headers, body = split(answer)
    assert headers["Content-Encoding"] == "gzip"
    assert (len(body), end) == (5, "closed")


def test_a_fault_can_sicken_the_listing_and_the_population(server: SampleServer) -> None:
    server.faults.append(Fault(sick.edit(lambda page: page.replace(b"pr.class", b"..")), "*/pr/"))
    server.faults.append(Fault(sick.content_type("text/html"), "/tesseract/*"))
    assert b'<A HREF="/pub/time.series/pr/..">..</A>' in get(f"{server.bls_url}pr/").body
    assert get(server.population_url).headers["Content-Type"] == "text/html"


# -- Another answer ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [403, 404, 416, 429, 500, 503, 599])
def test_any_status_can_be_answered(server: SampleServer, code: int) -> None:
    answer = get(sicken(server, sick.status(code, headers={"Retry-After": "2"})))
    assert (answer.status, answer.headers["Retry-After"]) == (code, "2")
    assert server.requests[-1].status == code


def test_a_redirect_goes_elsewhere(server: SampleServer) -> None:
    answer = get(sicken(server, sick.redirect("http://other.example/")))
    assert (answer.status, answer.headers["Location"]) == (302, "http://other.example/")


def test_a_redirect_loop_comes_back_to_the_same_path(server: SampleServer) -> None:
    url = sicken(server, sick.redirect_loop())
    assert get(url + get(url).headers["Location"]).status == 302


def test_an_error_page_can_claim_success(server: SampleServer) -> None:
    answer = get(sicken(server, sick.html_page()))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_bytes_that_are_no_http_can_be_sent(server: SampleServer) -> None:
    assert wire(sicken(server, sick.raw(b"220 ftp ready\r\n"))) == (b"220 ftp ready\r\n", "closed")


def test_a_hang_up_closes_without_an_answer(server: SampleServer) -> None:
    assert wire(sicken(server, sick.hang_up())) == (b"", "closed")


def test_silence_lasts_until_the_client_gives_up(server: SampleServer) -> None:
    assert wire(sicken(server, sick.silence()), timeout=0.1) == (b"", "silent")


# -- Another body or header ----------------------------------------------------------------------


def test_a_body_can_be_another_or_empty(server: SampleServer) -> None:
    url = sicken(server, sick.edit(lambda body: body[:3]))
    assert get(url).body == b"012"
    sicken(server, sick.body(b"other"))
    assert get(url).body == b"other"
    sicken(server, sick.empty())
    assert (get(url).body, get(url).headers["Content-Length"]) == (b"", "0")


def test_headers_can_be_set_and_dropped(server: SampleServer) -> None:
    url = sicken(
        server,
        sick.header("last-modified", None),
        sick.header("Date", "Fri, 01 Jan 2100 00:00:00 GMT"),
        sick.content_type("text/html"),
    )
    headers = get(url).headers
    assert "Last-Modified" not in headers
    assert headers.get_all("Date") == ["Fri, 01 Jan 2100 00:00:00 GMT"]
    assert headers.get_all("Content-Type") == ["text/html"]


def test_a_body_can_be_a_gzip_bomb(server: SampleServer) -> None:
    answer = get(sicken(server, sick.body(bytes(1_000_000)), sick.gzipped()))
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.body) < 10_000
    assert len(gzip.decompress(answer.body)) == 1_000_000


# -- Another delivery ----------------------------------------------------------------------------


def test_a_truncated_body_is_announced_whole_and_ends_early(server: SampleServer) -> None:
    answer, end = wire(sicken(server, sick.truncate(at=40)))
    headers, body = split(answer)
    assert (headers["Content-Length"], body, end) == ("100", BODY[:40], "closed")
    assert server.requests[-1].sent == 40


def test_a_reset_ends_in_an_error_of_the_connection(server: SampleServer) -> None:
    answer, end = wire(sicken(server, sick.reset(at=40)))
    # What was still under way when the RST came may be lost.
    assert BODY[:40].startswith(split(answer)[1])
    assert end == "reset"


def test_a_stall_sends_some_and_then_nothing(server: SampleServer) -> None:
    answer, end = wire(sicken(server, sick.stall(at=40)), timeout=0.1)
    headers, body = split(answer)
    assert (headers["Content-Length"], body, end) == ("100", BODY[:40], "silent")


def test_a_stopping_server_lets_go_of_stalled_clients() -> None:
    arrived = Event()
    ends: list[str] = []
    with SampleServer() as server:
        server.faults.append(Fault(sick.stall(at=0)))
        server.on_request = lambda _: arrived.set()
        url = f"{server.bls_url}pr/"
        client = Thread(target=lambda: ends.append(wire(url)[1]))
        client.start()
        arrived.wait()
    client.join()
    assert ends == ["closed"]


def test_a_longer_body_goes_on_after_the_announced_length(server: SampleServer) -> None:
    answer, end = wire(sicken(server, sick.longer(b"more")))
    headers, body = split(answer)
    assert (headers["Content-Length"], body, end) == ("100", BODY + b"more", "closed")


def test_a_chunked_body_announces_no_length(server: SampleServer) -> None:
    answer = get(sicken(server, sick.chunked()))
    assert (answer.headers["Transfer-Encoding"], answer.body) == ("chunked", BODY)
    assert "Content-Length" not in answer.headers


def test_a_chunked_body_can_be_cut(server: SampleServer) -> None:
    answer, end = wire(sicken(server, sick.chunked(), sick.truncate(at=40)))
    assert (split(answer)[1], end) == (b"28\r\n" + BODY[:40] + b"\r\n", "closed")


def test_an_unannounced_body_ends_with_the_connection(server: SampleServer) -> None:
    answer, end = wire(sicken(server, sick.unannounced()))
    headers, body = split(answer)
    assert (body, end) == (BODY, "closed")
    assert "Content-Length" not in headers


def test_a_trickle_takes_its_time(server: SampleServer) -> None:
    url = sicken(server, sick.trickle(block=25, pause=0.01))
    started = perf_counter()
    assert get(url).body == BODY
    # The pause after the fourth block may still run when the client has everything.
    assert perf_counter() - started >= 0.03


@pytest.mark.parametrize("act", [sick.truncate(10), sick.chunked(), sick.longer(b"x")])
def test_a_304_stays_without_a_body(server: SampleServer, act: sick.Act) -> None:
    answer = get(sicken(server, act), If_Modified_Since=MODIFIED)
    assert (answer.status, answer.body) == (304, b"")
    assert "Transfer-Encoding" not in answer.headers


def test_the_server_answers_the_next_request_after_every_fault(server: SampleServer) -> None:
    acts = [sick.truncate(3), sick.reset(3), sick.hang_up(), sick.longer(b"x"), sick.raw(b"?")]
    for act in acts:
        server.faults[:] = [Fault(act, times=1)]
        wire(address(server))
        assert get(address(server)).body == BODY
