"""A loopback server that speaks as BLS and DataUSA do, for `make run` and for the tests.

Its data is a generated sample, and labelled so wherever it shows. It needs no pacing; the
publishers do.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler
from itertools import count
from socket import SHUT_RDWR
from socketserver import ThreadingTCPServer
from threading import Thread
from time import monotonic
from typing import Any, Self, cast
from urllib.parse import unquote
from weakref import WeakSet

from blsquest.sources.sample import pages
from blsquest.sources.sample.pages import PublishedFile, Reply, Shown
from blsquest.sources.sample.population import PATH, QUERY
from blsquest.sources.sample.productivity import generated


@dataclass(slots=True)
class Request:
    """One request, and how it was answered.

    Attributes:
        arrived: Seconds on this process's monotonic clock.
        path: As sent (not decoded), without the query.
        status: Of the answer; 0 until there is one.
    """

    arrived: float
    path: str
    query: str
    headers: Message
    status: int = 0


class SampleServer:
    """Both publishers on one free port of 127.0.0.1, while its `with` block lasts.

    Attributes:
        surveys: Folder under the root → file name → file. May be changed at any time; every
            request sees the state of its moment.
        population: A payload to serve as it is; None for the generated one.
        now: The publishers' clock, zone-aware: it dates every answer, and no file is dated after
            it.
        on_request: Called with each request before it is answered, in its connection's thread;
            it may publish.
        listing_rows: Given a folder and its true rows, the rows that the listing shows.
        faults: Each is given a request and its reply, in this order, and returns the reply to
            send.
    """

    def __init__(
        self, *, release: int = 1, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.surveys: dict[str, dict[str, PublishedFile]] = {}
        self.population: bytes | None = None
        self.now = now
        self.requests: list[Request] = []
        self.on_request: Callable[[Request], object] = lambda _: None
        self.listing_rows: Shown = lambda _, rows: rows
        self.faults: list[Callable[[Request, Reply], Reply]] = []
        self._turns = count()
        self._wire: _Wire | None = None
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
        self._wire = _Wire(self._answer)
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


class _Wire(ThreadingTCPServer):
    """Listens on a free port of 127.0.0.1 from the start, until `stop` ends all connections.

    (http.server's own class would look up the host's name first, which can take seconds.)
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self._accepted = WeakSet[Any]()
        super().__init__(("127.0.0.1", 0), _Handler)
        Thread(target=self.serve_forever, args=(0.02,), name="sample-server", daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give an accepted connection its thread."""
        self._accepted.add(request)
        super().process_request(request, client_address)

    def stop(self) -> None:
        """Stop listening and end all connections, whatever their threads are waiting for."""
        self.shutdown()
        self.server_close()
        for connection in self._accepted:
            with suppress(OSError):  # ended already
                connection.shutdown(SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        # The client went away, or the server is stopping: there is nobody to answer.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's own name
        """Say nothing: `SampleServer.requests` is the log."""

    def do_GET(self) -> None:
        """Answer a GET (the name is http.server's)."""
        path, _, query = self.path.partition("?")
        request = Request(monotonic(), path, query, self.headers)
        reply = cast("_Wire", self.server).answer(request)
        request.status = reply.status
        if not reply.deliver(self.connection):
            self.close_connection = True
