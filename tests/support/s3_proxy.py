"""What really went over the wire: a loopback relay that counts requests, breaks them, and is cut.

Byte-exact in both directions, so signatures hold (a client signs the relay's address, which
reaches the server in the Host header).
"""

import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import IO
from urllib.parse import parse_qs, urlsplit

_PIECE = 1 << 16
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LOSE = b""
"""A fault: the server gets the request and does it, the client gets no answer."""
CUT = b"half"
"""A fault: the server gets half of the request's body, and then the connection breaks."""


@dataclass(frozen=True)
class Request:
    """One request as it passed; headers in lower case; a body of `size` bytes.

    `body` has them, if it is small and no `100 Continue` is waited for.
    """

    method: str
    target: str
    headers: dict[str, str]
    size: int
    body: bytes = b""

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
    """A running relay; use its endpoint in place of the server's, to which the path is added.

    Attributes:
        requests: What passed, in order.
        fault: Asked before each request is passed on; replace it to break one.
        broken: Called once a request was cut, or the answer to one that was lost has come.
    """

    target: tuple[str, int]
    endpoint: str = ""
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Fault] = lambda _: None
    broken: Callable[[], object] = lambda: None
    _open: set[socket.socket] = field(default_factory=set)
    _listener: socket.socket = field(init=False)
    _accepting: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.mend()

    def reset(self) -> None:
        """Forget what passed, and break nothing."""
        self.requests.clear()
        self.fault = lambda _: None
        self.broken = lambda: None

    def cut(self) -> None:
        """End all connections and refuse new ones, as a server that is down does."""
        _end(self._listener)
        self._accepting.join()  # while it accepts, the port is taken
        for each in self._open:
            _end(each)
        self._open.clear()

    def mend(self) -> None:
        """Take connections, again at the same address."""
        port = urlsplit(self.endpoint).port or 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):  # cut
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                self._open |= {client, server}
                threading.Thread(target=_serve, args=(client, server, self), daemon=True).start()

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
    wire = Wire((str(address.hostname), int(address.port or 80)))
    try:
        yield wire
    finally:
        wire.cut()


def _end(each: socket.socket) -> None:
    """Shut a socket down first: closing alone wakes no thread that waits on it."""
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


def _serve(client: socket.socket, server: socket.socket, wire: Wire) -> None:
    """Pass one connection's requests on, each whole, and pump the answers back."""
    lost = threading.Event()
    pump = threading.Thread(target=_pump, args=(server, client, lost), daemon=True)
    pump.start()
    with suppress(OSError, ValueError), client.makefile("rb") as incoming:
        while head := _head(incoming):
            request = _parsed(head)
            if request.size <= _PIECE and "expect" not in request.headers:
                request = replace(request, body=incoming.read(request.size))
            wire.requests.append(request)
            fault = wire.fault(request)
            left = request.size - len(request.body)
            if fault == CUT:
                server.sendall(head)
                server.sendall((request.body or incoming.read(left // 2))[: request.size // 2])
                wire.broken()
                break
            if fault:
                if "expect" in request.headers:
                    client.sendall(_CONTINUE)
                incoming.read(left)
                client.sendall(fault)
                break
            _pass_on(head + request.body, incoming, server, left, lost if fault == LOSE else None)
            if fault == LOSE:
                pump.join()
                wire.broken()
                break
            if "upgrade" in request.headers:  # no more requests: a websocket's frames
                while piece := incoming.read1(_PIECE):
                    server.sendall(piece)
                break
    _end(server)
    _end(client)


def _pass_on(
    head: bytes, incoming: IO[bytes], server: socket.socket, left: int, lost: threading.Event | None
) -> None:
    """Send a request, of which `left` bytes are to come; `lost` is set before the last of it."""
    pieces = chain([head], iter(lambda: incoming.read(min(left, _PIECE)), b""))
    for piece in pieces:
        left -= 0 if piece is head else len(piece)
        if lost is not None and left == 0:
            lost.set()
        server.sendall(piece)


def _pump(server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
    with suppress(OSError):
        while (piece := server.recv(_PIECE)) and not lost.is_set():
            client.sendall(piece)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def _head(incoming: IO[bytes]) -> bytes:
    """Return a request's line and headers; empty where the client has hung up."""
    head = b""
    while line := incoming.readline():
        head += line
        if line == b"\r\n":
            return head
    return b""


def _parsed(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(re.split(r":\s*", line, maxsplit=1) for line in lines)
    headers = {name.lower(): value for name, value in headers.items()}
    return Request(method, target, headers, int(headers.get("content-length", 0)))
