"""The sample server's sockets: a thread for each connection."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.client import responses
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR
from socketserver import ThreadingTCPServer
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, cast
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from email.message import Message
    from pathlib import Path
    from socket import socket


BODILESS = {204, 304}
"""Statuses whose answers have no body."""


@dataclass(slots=True)
class Request:
    """One request, and how it was answered.

    Attributes:
        arrived: Seconds on this process's monotonic clock.
        path: As sent (not decoded), without the query.
        query: As sent, without the question mark.
        headers: Case-insensitive.
        status: Of the answer; 0 until there is one.
    """

    arrived: float
    path: str
    query: str
    headers: Message
    status: int = 0


@dataclass(frozen=True)
class Reply:
    """What a server sends: a status, headers (besides the length), and bytes or a file."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path = b""

    def with_header(self, name: str, value: str | None) -> Self:
        """Set a header, or remove it for None."""
        others = {key: text for key, text in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers=others if value is None else {**others, name: value})

    def head(self, framing: Mapping[str, str]) -> bytes:
        """Return the status line and all headers, up to and with the empty line."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, '')}"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **framing}.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def deliver(self, connection: socket) -> bool:
        """Send it, and return whether the connection can take another request."""
        if self.status in BODILESS:
            connection.sendall(self.head({}))
            return True
        head = self.head({"Content-Length": str(size_of(self.body))})
        if isinstance(self.body, bytes):
            # One write: two would cost a round trip when the second waits for an ACK.
            connection.sendall(head + self.body)
        else:
            connection.sendall(head)
            with self.body.open("rb") as file:
                connection.sendfile(file)
        return True


def size_of(body: bytes | Path) -> int:
    """Return the size of a body in bytes."""
    return len(body) if isinstance(body, bytes) else body.stat().st_size


def content_of(body: bytes | Path) -> bytes:
    """Return a body, whole."""
    return body if isinstance(body, bytes) else body.read_bytes()


class Wire(ThreadingTCPServer):
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
    """One connection."""

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
        reply = cast("Wire", self.server).answer(request)
        request.status = reply.status
        if not reply.deliver(self.connection):
            self.close_connection = True
