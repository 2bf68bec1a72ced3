"""What really went over the wire: a loopback relay that counts requests and can break them.

Byte-exact in both directions, so signatures hold (a client signs the relay's address, which
reaches the server in the Host header).
"""

from __future__ import annotations

import re
import socket
import threading
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOSE = b""
"""A fault: the server gets the request and does it, the client gets no answer."""

_HEADERS_END = b"\r\n\r\n"


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
        """S3's operation in a word, as `flows.lake.s3_client.VERBS` calls it."""
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
"""None: pass the request on; LOSE; or a whole HTTP response to answer in the server's place."""


@dataclass
class Wire:
    """A running relay.

    Attributes:
        endpoint: The URL to use in place of the server's.
        requests: What passed, in order.
        fault: Asked before each request is passed on; replace it to break one.
    """

    endpoint: str = ""
    requests: list[Request] = field(default_factory=list)
    fault: Callable[[Request], Fault] = lambda _: None

    @property
    def verbs(self) -> dict[str, int]:
        """How many requests of each verb passed."""
        return dict(Counter(request.verb for request in self.requests))


def answer(status: str, code: str) -> bytes:
    """An S3 error response, for a fault."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n{body}".encode()


@contextmanager
def relay(upstream: str) -> Iterator[Wire]:
    """Run a relay to the server at `upstream` until the block ends."""
    address = urlsplit(upstream)
    target = (str(address.hostname), int(address.port or 80))
    wire = Wire()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        wire.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=_accept, args=(listener, target, wire), daemon=True).start()
        yield wire


def _accept(listener: socket.socket, target: tuple[str, int], wire: Wire) -> None:
    with suppress(OSError):  # the listener was closed: the test is over
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, target, wire), daemon=True).start()


def _serve(client: socket.socket, target: tuple[str, int], wire: Wire) -> None:
    """Pass one connection's requests on, each whole, and pump the answers back."""
    with suppress(OSError), closing(client), closing(socket.create_connection(target)) as server:
        incoming = client.makefile("rb")
        lost = threading.Event()
        back = threading.Thread(target=_pump, args=(server, client, lost), daemon=True)
        back.start()
        while head := _head(incoming.readline):
            request = _parsed(head)
            wire.requests.append(request)
            fault = wire.fault(request)
            if fault:
                incoming.read(request.size)
                client.sendall(fault)
                return
            if fault == LOSE:
                lost.set()
            server.sendall(head)
            left = request.size
            while left and (piece := incoming.read(min(left, 1 << 16))):
                server.sendall(piece)
                left -= len(piece)
            if fault == LOSE:
                back.join()
                return


def _pump(server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
    with suppress(OSError):
        while piece := server.recv(1 << 16):
            if lost.is_set():
                return
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)


def _head(readline: Callable[[], bytes]) -> bytes:
    head = b""
    while (line := readline()) and not head.endswith(_HEADERS_END):
        head += line
        if head.endswith(_HEADERS_END):
            break
    return head


def _parsed(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(re.split(r":\s*", line, maxsplit=1) for line in lines)
    headers = {name.lower(): value for name, value in headers.items()}
    return Request(method, target, headers, int(headers.get("content-length", 0)))
