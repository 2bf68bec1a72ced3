"""A bucket that is seen through a relay, which can break its requests."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import repeat
from typing import Any

import pytest

from blsquest.lake.stores import s3_client
from blsquest.lake.stores.s3 import S3Store
from tests.conftest import NewWire
from tests.support.s3_proxy import Fault, Request, Wire
from tests.support.s3_servers import S3Server


class Lake:
    """A store in a bucket of its own, seen through a relay and from outside."""

    def __init__(self, server: S3Server, wire: Wire) -> None:
        self.bucket = server.fresh_bucket()
        self.wire = wire
        self.outside = server.client()
        self.options = replace(server.options, endpoint=wire.endpoint)
        self.store = S3Store(self.bucket, "lake", self.options)

    def unfinished_uploads(self) -> list[Any]:
        found: list[Any] = self.outside.list_multipart_uploads(Bucket=self.bucket).get(
            "Uploads", []
        )
        return found

    def by(self) -> list[tuple[str, str]]:
        """(verb, client) of each request since the last look."""
        seen = [
            (r.verb, "s3fs" if "aiobotocore" in r.headers["user-agent"].lower() else "obstore")
            for r in self.wire.requests
        ]
        self.wire.requests.clear()
        return seen


def first(number: int, verb: str, fault: bytes) -> Callable[[Request], Fault]:
    left = iter(repeat(fault, number))
    return lambda request: next(left, None) if request.verb == verb else None


def always(verb: str, fault: bytes) -> Callable[[Request], Fault]:
    return lambda request: fault if request.verb == verb else None


@pytest.fixture(params=["moto_s3", "seaweed"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def lake(server: S3Server, wire: NewWire) -> Lake:
    return Lake(server, wire(server))


@pytest.fixture
def single_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that give up at the first failure: backing off takes seconds."""
    monkeypatch.setattr(s3_client, "ATTEMPTS", 1)
    monkeypatch.setattr(s3_client, "connect", cache(s3_client.connect.__wrapped__))
