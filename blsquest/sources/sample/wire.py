"""The sample server's sockets: a thread for each connection, replies whole or broken."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET, socket
from socketserver import ThreadingTCPServer
from struct import pack
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from email.message import Message


Framing = Literal["length", "chunked", "close"]
"""How the body's end is told: Content-Length, chunked encoding, or the connection's end."""

Ending = Literal["keep", "close", "reset", "hold"]
"""What happens to the connection after the last byte: kept for the next request, closed, reset
(RST), or held open in silence until the client or the server goes away."""


@dataclass(slots=True)
class Request:
    """One request, and what became of it.

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


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server sends.

    Attributes:
        status: The HTTP status.
        headers: Besides those that the framing needs.
        body: The bytes, or a file to stream.
        span: The part of the body to serve, as (first, past the last); None for all of it.
        framing: See `Framing`.
        announced: A Content-Length that is not the body's; None for the true one.
        cut: Body bytes after which delivery stops; None for no cut.
        ending: See `Ending`; applied after the cut or the last byte.
        head: Whether to send a status line and headers at all.
        block: Bytes written at a time.
        pause: Seconds to wait after each block.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path = b""
    span: tuple[int, int] | None = None
    framing: Framing = "length"
    announced: int | None = None
    cut: int | None = None
    ending: Ending = "keep"
    head: bool = True
    block: int = 1 << 16
    pause: float = 0.0

    def with_header(self, name: str, value: str | None) -> Reply:
        """The same with this header set, or without it for None."""
        others = {key: text for key, text in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers=others if value is None else {**others, name: value})

    def bounds(self) -> tuple[int, int]:
        """The first byte of the body to serve and the one past the last."""
        whole = len(self.body) if isinstance(self.body, bytes) else self.body.stat().st_size
        return self.span or (0, whole)

    def content(self) -> bytes:
        """The bytes to serve, whole."""
        first, end = self.bounds()
        if isinstance(self.body, bytes):
            return self.body[first:end]
        with self.body.open("rb") as file:
            file.seek(first)
            return file.read(end - first)

    @property
    def bodiless(self) -> bool:
        """Whether HTTP forbids a body for this status."""
        return self.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

    def head_bytes(self) -> bytes:
        """The status line and the headers, up to and with the empty line."""
        if not self.head:
            return b""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        headers = dict(self.headers)
        if self.framing == "chunked" and not self.bodiless:
            headers["Transfer-Encoding"] = "chunked"
        elif self.framing == "length" and not self.bodiless:
            first, end = self.bounds()
            headers["Content-Length"] = str(
                end - first if self.announced is None else self.announced
            )
        if "close" in (self.ending, self.framing):
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_STOP_CHECK = 0.02
"""Seconds between two looks at whether the server is to stop."""


class Wire(ThreadingTCPServer):
    """Listens on 127.0.0.1 from the start; knows the live connections, to end them at the stop.

    (http.server's own class would look up the host's name first, which can take seconds.)
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Reply], port: int) -> None:
        self.answer = answer
        self._stopping = Event()
        self._live: set[socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        Thread(
            target=self.serve_forever, args=(_STOP_CHECK,), name="sample-server", daemon=True
        ).start()

    def wait(self, seconds: float) -> None:
        """Sleep, or less when the server stops."""
        if seconds > 0:
            self._stopping.wait(seconds)

    def stop(self) -> None:
        """Stop listening and end all connections, whatever their threads are waiting for."""
        self._stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._live:
                with suppress(OSError):
                    connection.shutdown(SHUT_RDWR)

    def process_request(
        self, request: socket | tuple[bytes, socket], client_address: object
    ) -> None:
        """Give an accepted connection its thread."""
        with self._lock:
            self._live.add(cast("socket", request))
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket | tuple[bytes, socket]) -> None:
        """End a connection whose thread is done."""
        with self._lock:
            self._live.discard(cast("socket", request))
        super().shutdown_request(request)


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
        wire = cast("Wire", self.server)
        path, _, query = self.path.partition("?")
        request = Request(monotonic(), self.command, path, query, self.headers)
        reply = wire.answer(request)
        request.status = reply.status
        if not _deliver(reply, request, self.connection, wire.wait):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 http.server looks methods up by this name


def _deliver(
    reply: Reply, request: Request, connection: socket, wait: Callable[[float], object]
) -> bool:
    """Send a reply, and count it in its request first.

    Returns:
        Whether the connection can take another request.
    """
    first, end = reply.bounds()
    if reply.cut is not None:
        end = min(end, first + reply.cut)
    bodiless = request.method == "HEAD" or reply.bodiless
    if bodiless:
        end = first
    plain = reply.framing != "chunked" and not reply.pause
    if plain and isinstance(reply.body, Path) and end > first:
        connection.sendall(reply.head_bytes())
        request.sent = end - first
        with reply.body.open("rb") as file:
            connection.sendfile(file, first, end - first)
    elif plain:
        # Head and body in one write: two would cost a round trip when the second waits for an ACK.
        body = b"" if end == first else reply.content()[: end - first]
        request.sent = len(body)
        connection.sendall(reply.head_bytes() + body)
    else:
        connection.sendall(reply.head_bytes())
        for block in _blocks(reply, first, end):
            request.sent += len(block)
            chunked = reply.framing == "chunked"
            connection.sendall(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            wait(reply.pause)
        if reply.framing == "chunked" and reply.cut is None and not bodiless:
            connection.sendall(b"0\r\n\r\n")
    return _end(reply, connection)


def _blocks(reply: Reply, first: int, end: int) -> Iterator[bytes]:
    if isinstance(reply.body, bytes):
        for at in range(first, end, reply.block):
            yield reply.body[at : min(at + reply.block, end)]
        return
    with reply.body.open("rb") as file:
        file.seek(first)
        while first < end and (block := file.read(min(reply.block, end - first))):
            first += len(block)
            yield block


def _end(reply: Reply, connection: socket) -> bool:
    if reply.ending == "hold":
        while connection.recv(1 << 16):  # until the client closes, or the stopping server does
            pass
    if reply.ending == "reset":
        # Closing with a linger time of zero sends RST instead of FIN (socket(7)).
        connection.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
        connection.close()
    return reply.ending == "keep" and reply.framing != "close"
