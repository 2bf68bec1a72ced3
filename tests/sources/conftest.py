from collections.abc import Callable
from io import BytesIO

import pytest

from blsquest.core.usage import Meter
from blsquest.sources.http import Client, Retries, Timeouts
from blsquest.sources.pacer import Pacer
from blsquest.sources.request import Reply, Request
from blsquest.sources.sample.server import SampleServer

CONTACT = "tester@example.org"


@pytest.fixture
def client() -> Client:
    """Unpaced, and tries again at once."""
    return make_client()


def make_client(*, pacer: Pacer | None = None, read: float = 10.0, total: float = 60.0) -> Client:
    return Client(
        pacer or Pacer(None),
        contact=CONTACT,
        timeouts=Timeouts(connect=5.0, read=read, total=total),
        retries=Retries(first_wait=0.0),
    )


Getter = Callable[..., tuple[Reply, bytes]]


@pytest.fixture
def get(client: Client, server: SampleServer) -> Getter:
    """One request, by default for `pr.series`: its reply and its body."""
    default = client
    series = f"{server.bls_url}pr/pr.series"

    def ask(
        url: str | None = None,
        *,
        client: Client = default,
        size: int | None = None,
        limit: int = 1 << 20,
    ) -> tuple[Reply, bytes]:
        into = BytesIO(b"what an earlier attempt left behind")
        reply = client.get(Request(url or series, "the file", size, limit), into, Meter())
        return reply, into.getvalue()

    return ask
