"""What really went over the wire: a loopback relay that counts requests and can break them.

Byte-exact in both directions, so signatures hold (a client signs the relay's address, which
reaches the server in the Host header).
"""

from __future__ import annotations

import re
import socket
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LOSE = b""
"""A fault: the server gets the request and does it, the client gets no answer."""
CUT = b"half"
"""A fault: the server gets half of the request's body, and then the connection breaks."""


@dataclass(frozen=True)
class Request:
    """One request as it passed.

    Attributes:
        method: Upper case.
        target: Path and query, as sent.
        headers: Names in lower case.
        size: Bytes of the body.
    """

    method: str
    target: str
    headers: dict[str, str]
    size: int

    @property
    def verb(self) -> str:
        """S3's operation in a word, as `blsquest.lake.stores.s3_client.VERBS` calls it."""
        query = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        copied = "x-amz-copy-source" in self.headers
        if "uploads" in query:
            return "START"
        if "uploadId" in query:
            parts = {"PUT": "COPYPART" if copied else "PART", "POST": "COMPLETE", "DELETE": "ABORT"}
            return parts[self.method]
        if self.method == "PUT" and copied:
            return "COPY"
        return "LIST" if "list-type" in query else self.method


Fault = bytes | None
"""None: pass the request on; LOSE; CUT; or a whole HTTP response to answer in the server's place.
"""


@dataclass
class Wire:
    """A running relay.

    Attributes:
        endpoint: The URL to use in place of the server's.
        requests: What passed, in order.
        fault: Asked before each request is passed on; replace it to break one.
        broken: Called once a request was cut, or the answer to one that was lost has come.
    """

    endpoint: str = ""
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Fault] = lambda _: None
    broken: Callable[[], object] = lambda: None

    def reset(self) -> None:
        """Forget what passed, and break nothing."""
        self.requests.clear()
        self.fault = lambda _: None
        self.broken = lambda: None

    @property
    def verbs(self) -> dict[str, int]:
        """How many requests of each verb passed."""
        return dict(Counter(request.verb for request in self.requests))


def answer(status: str, code: str) -> bytes:
    """Make an S3 error response, for a fault."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n{body}".encode()


@contextmanager
def relay(upstream: str) -> Iterator[Wire]:
    """Run a relay to the server at `upstream` until the block ends."""
    address = urlsplit(upstream)
    target = (str(address.hostname), int(address.port or 80))
    wire = Wire()
    with socket.create_server(("127.0.0.1", 0)) as listener, _hung_up(listener):
        wire.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=_accept, args=(listener, target, wire), daemon=True).start()
        yield wire


@contextmanager
def _hung_up(*sockets: socket.socket) -> Iterator[None]:
    """Shut sockets down at the end: closing alone wakes no thread that waits on them."""
    try:
        yield
    finally:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, target: tuple[str, int], wire: Wire) -> None:
    with suppress(OSError):  # the listener was closed: the test is over
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, target, wire), daemon=True).start()


def _serve(client: socket.socket, target: tuple[str, int], wire: Wire) -> None:
    """Pass one connection's requests on, each whole, and pump the answers back."""
    with (
        suppress(OSError),
        client,
        socket.create_connection(target) as server,
        client.makefile("rb") as incoming,
        _hung_up(client, server),
    ):
        lost = threading.Event()
        pump = threading.Thread(target=_pump, args=(server, client, lost), daemon=True)
        pump.start()
        while head := _head(incoming):
            request = _parsed(head)
            wire.requests.append(request)
            fault = wire.fault(request)
            if fault == CUT:
                server.sendall(head)
                server.sendall(incoming.read(request.size // 2))
                wire.broken()
                return
            if fault:
                if "expect" in request.headers:
                    client.sendall(_CONTINUE)
                incoming.read(request.size)
                client.sendall(fault)
                return
            _pass_on(head, incoming, server, request.size, lost if fault == LOSE else None)
            if fault == LOSE:
                pump.join()
                wire.broken()
                return
            if "upgrade" in request.headers:  # no more requests: a websocket's frames
                _pass_all(incoming, server)
                return


def _pass_on(
    head: bytes, incoming: IO[bytes], server: socket.socket, left: int, lost: threading.Event | None
) -> None:
    """Send a request's head and body; `lost` is set once only the answer is to come."""
    pieces = chain([head], iter(lambda: incoming.read(min(left, 1 << 16)), b""))
    for piece in pieces:
        left -= 0 if piece is head else len(piece)
        if lost is not None and left == 0:
            lost.set()
        server.sendall(piece)


def _pass_all(incoming: IO[bytes], server: socket.socket) -> None:
    while piece := incoming.read1(1 << 16):  # type: ignore[attr-defined]
        server.sendall(piece)


def _pump(server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
    with suppress(OSError), _hung_up(client):
        while (piece := server.recv(1 << 16)) and not lost.is_set():
            client.sendall(piece)


def _head(incoming: IO[bytes]) -> bytes:
    """Return a request's line and headers; empty where the client has hung up."""
    lines = []
    while line := incoming.readline():
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


def _parsed(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(re.split(r":\s*", line, maxsplit=1) for line in lines)
    headers = {name.lower(): value for name, value in headers.items()}
    return Request(method, target, headers, int(headers.get("content-length", 0)))
