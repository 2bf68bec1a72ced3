"""A loopback server that speaks as BLS and DataUSA do, for `make run` and for the tests.

Its data is a generated sample, and labelled so wherever it shows. It needs no pacing; the
publishers do.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from blsquest.sources.sample import pages
from blsquest.sources.sample.population import PATH, QUERY
from blsquest.sources.sample.productivity import generated
from blsquest.sources.sample.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from blsquest.sources.sample.pages import PublishedFile, Shown
    from blsquest.sources.sample.wire import Reply, Request


class SampleServer:
    """Both publishers on one free port of 127.0.0.1, while its `with` block lasts.

    Attributes:
        surveys: Folder under the root → file name → file. May be changed at any time; every
            request sees the state of its moment.
        population: A payload to serve as it is; None for the generated one.
        now: The publishers' clock, zone-aware: it dates every answer, and no file is dated after
            it.
        requests: Every request so far, in order of arrival.
        on_request: Called with each request before it is answered, in its connection's thread;
            it may publish.
        listing_rows: Given a folder and its true rows, the rows that the listing shows.
        faults: Each is given a request and its reply, in this order, and returns the reply to
            send.
    """

    def __init__(
        self, *, release: int = 1, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Prepare, but do not listen yet.

        Args:
            release: Which generated release of `pr` to publish, 1 or 2.
            now: See the attribute.

        Raises:
            ValueError: There is no such generated release.
        """
        self.surveys: dict[str, dict[str, PublishedFile]] = {}
        self.population: bytes | None = None
        self.now = now
        self.requests: list[Request] = []
        self.on_request: Callable[[Request], object] = lambda _: None
        self.listing_rows: Shown = lambda _, rows: rows
        self.faults: list[Callable[[Request, Reply], Reply]] = []
        self._turns = count()
        self._wire: Wire | None = None
        self.publish(release)

    def publish(self, release: int) -> None:
        """Bring out a generated release, 1 or 2: every later request sees all of it."""
        self.surveys["pr"] = generated(release)

    @property
    def bls_url(self) -> str:
        """The root that holds the survey folders."""
        return f"{self._origin}{pages.ROOT}"

    @property
    def population_url(self) -> str:
        """The whole request for the population."""
        return f"{self._origin}{PATH}?{QUERY}"

    @property
    def _origin(self) -> str:
        if self._wire is None:
            raise RuntimeError("The sample server is not running: enter its `with` block first.")
        return f"http://127.0.0.1:{self._wire.server_address[1]}"

    def __enter__(self) -> Self:
        self._wire = Wire(self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        if self._wire is not None:
            self._wire.stop()
            self._wire = None

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        self.on_request(request)
        path, now = unquote(request.path), self.now()
        if path.startswith(pages.ROOT):
            reply = pages.bls(path, request.headers, self.surveys, self.listing_rows, now)
        else:
            reply = pages.datausa(path, self.population, next(self._turns))
        reply = reply.with_header("Date", pages.http_date(now))
        for fault in list(self.faults):
            reply = fault(request, reply)
        return reply
