"""A loopback server that speaks as BLS and DataUSA do, for `make run` and for the tests.

What it publishes is a generated sample, and called one wherever it shows, unless real files are
given to it. It needs no pacing; the publishers do.

    python -m flows.sources.sample [--port N] [--release 1|2] [--folder DIR] [--population FILE]
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from socket import SHUT_RDWR
from socketserver import ThreadingTCPServer
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Self, cast
from urllib.parse import unquote

from flows.sources import sample_answers
from flows.sources.sample_data import generated
from flows.sources.sample_pages import ROOT, http_date, published_folder
from flows.sources.sample_population import PATHS, QUERIES, shape_of
from flows.sources.sample_reply import Reply, deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from email.message import Message
    from socket import socket
    from types import TracebackType

    _Accepted = socket | tuple[bytes, socket]
    # as socketserver types it, for its datagram servers too

    from flows.sources.sample_faults import Fault
    from flows.sources.sample_pages import PublishedFile, Shown
    from flows.sources.sample_population import Shape

_SURVEY = "pr"
_STOP_CHECK = 0.02
"""Seconds between two looks at whether the server is to stop."""


@dataclass(slots=True)
class Request:
    """One request as it arrived, and what became of it.

    Attributes:
        arrived: Seconds on this process's monotonic clock.
        method: For example `GET`.
        path: As sent (not decoded), without the query.
        query: As sent, without the question mark.
        headers: Case-insensitive.
        status: Of the answer; 0 until there is one, and for bytes that are no HTTP.
        sent: Body bytes handed to the socket.
    """

    arrived: float
    method: str
    path: str
    query: str
    headers: Message
    status: int = 0
    sent: int = 0


class SampleServer:
    """Both publishers on one free port of 127.0.0.1, while its `with` block lasts.

    Attributes:
        surveys: Folder under the root → file name → file. May be changed at any time; every
            request sees the state of its moment.
        population: A payload to serve as it is, or the shape of the generated one.
        latency: Seconds before each answer.
        requests: Every request so far, in order of arrival.
        faults: Applied to the replies of the requests that they match, in this order.
        on_request: Called with each request before it is answered, in its connection's thread;
            it may publish.
        listing_rows: Given a folder and its true rows, the rows that the listing shows.
    """

    def __init__(
        self,
        *,
        release: int = 1,
        folder: Path | None = None,
        population: bytes | Shape = "tesseract",
        latency: float = 0.0,
        port: int = 0,
    ) -> None:
        """Prepare; nothing listens yet.

        Args:
            release: The generated release to publish, 1 or 2.
            folder: A folder of real files to publish as `pr` instead.
            population: See the attribute.
            latency: See the attribute.
            port: 0 for a free one.
        """
        self.population: bytes | Shape = population
        self.latency = latency
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.on_request: Callable[[Request], object] = lambda _: None
        self.listing_rows: Shown = lambda _, rows: rows
        self._release = release
        self._surveys: dict[str, dict[str, PublishedFile]] | None = None
        self._port = port
        self._lock = Lock()
        self._turns = count()
        self._stopping = Event()
        self._server: _Server | None = None
        if folder is not None:
            self.publish_folder(folder)

    @property
    def surveys(self) -> dict[str, dict[str, PublishedFile]]:
        """See the class; the generated release is made when it is first looked at."""
        with self._lock:
            if self._surveys is None:
                self._surveys = {_SURVEY: generated(self._release)}
            return self._surveys

    def publish(self, release: int) -> None:
        """Bring out a generated release, 1 or 2: every later request sees all of it."""
        self.surveys[_SURVEY] = generated(release)

    def publish_folder(
        self,
        folder: Path,
        *,
        modified: datetime | None = None,
        restamp: bool | Collection[str] = True,
    ) -> None:
        """Bring out a folder of real files as the next release; see `published_folder`."""
        with self._lock:
            before = self._surveys or {}
        files = published_folder(
            folder, modified=modified, previous=before.get(_SURVEY), restamp=restamp
        )
        with self._lock:
            self._surveys = {**before, _SURVEY: files}

    @property
    def bls_url(self) -> str:
        """The root that holds the survey folders."""
        return f"{self._origin}{ROOT}"

    @property
    def population_url(self) -> str:
        """The whole request for the population."""
        shape = shape_of(self.population)
        return f"{self._origin}{PATHS[shape]}?{QUERIES[shape]}"

    @property
    def _origin(self) -> str:
        if self._server is None:
            raise RuntimeError("The sample server is not running: enter its `with` block first.")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._server = _Server(self, self._port)
        Thread(
            target=self._server.serve_forever,
            args=(_STOP_CHECK,),
            name="sample-server",
            daemon=True,
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()

    def wait(self, seconds: float) -> None:
        """Sleep, or less when the server stops."""
        if seconds > 0:
            self._stopping.wait(seconds)

    def reply(self, request: Request) -> Reply:
        """What the publisher answers, and what the faults make of it."""
        path = unquote(request.path)
        if path.startswith(ROOT):
            reply = sample_answers.bls(path, request.headers, self.surveys, self.listing_rows)
        else:
            reply = sample_answers.datausa(path, self.population, next(self._turns))
        now = http_date(datetime.now(tz=UTC))
        reply = reply.with_header("Date", now)
        with self._lock:
            acts = [fault.act for fault in self.faults if fault.strikes(request.path)]
        for act in acts:
            reply = act(reply)
        return reply


class _Server(ThreadingTCPServer):
    """Listens and gives each connection a thread; knows the live ones, to end them at the stop."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, sample: SampleServer, port: int) -> None:
        self.sample = sample
        self._live: set[socket] = set()
        self._live_lock = Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: _Accepted, client_address: object) -> None:
        """Give an accepted connection its thread."""
        with self._live_lock:
            self._live.add(cast("socket", request))
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Accepted) -> None:
        """End a connection whose thread is done."""
        with self._live_lock:
            self._live.discard(cast("socket", request))
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End all connections, whatever their threads are waiting for."""
        with self._live_lock:
            for connection in self._live:
                with suppress(OSError):
                    connection.shutdown(SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        # The client went away, or the server is stopping: nothing is left to answer.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's own name
        """Say nothing: `SampleServer.requests` is the log."""

    def do_GET(self) -> None:
        """Answer a GET or a HEAD (the names are http.server's)."""
        sample = cast("_Server", self.server).sample
        path, _, query = self.path.partition("?")
        request = Request(monotonic(), self.command, path, query, self.headers)
        sample.requests.append(request)
        sample.on_request(request)
        sample.wait(sample.latency)
        reply = sample.reply(request)
        request.status = reply.status

        def sent(size: int) -> None:
            request.sent += size

        self.close_connection |= not deliver(
            reply,
            self.connection,
            without_body=self.command == "HEAD",
            wait=sample.wait,
            sent=sent,
        )

    do_HEAD = do_GET  # noqa: N815 http.server looks methods up by this name


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flows.sources.sample",
        description="Serve sample (or given) BLS files and a population on 127.0.0.1.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--release", type=int, choices=(1, 2), default=1)
    parser.add_argument("--folder", type=Path, help="real files to serve as survey pr")
    parser.add_argument("--population", type=Path, help="a population payload to serve")
    return parser.parse_args()


def main() -> None:
    """Print the URLs and serve until Ctrl-C."""
    given = _arguments()
    population: bytes | Shape = given.population.read_bytes() if given.population else "tesseract"
    server = SampleServer(
        release=given.release, folder=given.folder, population=population, port=given.port
    )
    with server, suppress(KeyboardInterrupt):
        sys.stdout.write(f"bls         {server.bls_url}\npopulation  {server.population_url}\n")
        sys.stdout.flush()
        Event().wait()


if __name__ == "__main__":
    main()
