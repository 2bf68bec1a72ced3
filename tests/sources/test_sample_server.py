from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

from blsquest.sources.sample.server import SampleServer
from tests.sources.sample_client import get, wire
from tests.support import faults as sick
from tests.support.faults import Fault

if TYPE_CHECKING:
    from blsquest.sources.sample.server import Request


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
