from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

from blsquest.sources.http import IN_FLIGHT

if TYPE_CHECKING:
    from blsquest.sources.http import Client
    from blsquest.sources.sample.server import SampleServer
    from blsquest.sources.sample.wire import Request
    from tests.sources.conftest import Getter


def test_sixteen_requests_of_a_client_are_under_way_at_once_and_no_seventeenth(
    server: SampleServer, client: Client, get: Getter
) -> None:
    full: list[bool] = []

    def see() -> None:
        """All sixteen have arrived, and none is answered."""
        full.append(not client._slots.acquire(blocking=False))

    together = Barrier(IN_FLIGHT, action=see)

    def arrive(_request: Request) -> None:
        together.wait(timeout=30)

    server.on_request = arrive
    url = f"{server.bls_url}pr/pr.class"
    with ThreadPoolExecutor(3 * IN_FLIGHT) as pool:
        replies = list(pool.map(get, [url] * 3 * IN_FLIGHT))
    assert all(reply.size for reply, _ in replies)
    assert full == [True] * 3
