"""One answer, and how it goes over the wire: whole, or in any of the ways a publisher fails."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Framing = Literal["length", "chunked", "close"]
"""How the body's end is told: Content-Length, chunked encoding, or the connection's end."""

Ending = Literal["keep", "close", "reset", "hold"]
"""What happens to the connection after the last byte: kept for the next request, closed, reset
(RST), or held open in silence until the client or the server goes away."""

_BLOCK = 1 << 16


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
    block: int = _BLOCK
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
        if self.framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        elif self.framing == "length" and not self.bodiless:
            first, end = self.bounds()
            headers["Content-Length"] = str(
                end - first if self.announced is None else self.announced
            )
        if self.ending == "close":
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def deliver(
    reply: Reply,
    connection: socket.socket,
    *,
    without_body: bool,
    wait: Callable[[float], object],
    sent: Callable[[int], None],
) -> bool:
    """Send a reply.

    Args:
        reply: What to send, and how.
        connection: The client's.
        without_body: The request was a HEAD.
        wait: Sleeps for some seconds, or less when the server stops.
        sent: Told the number of body bytes before they are handed to the socket.

    Returns:
        Whether the connection can take another request.
    """
    first, end = reply.bounds()
    if reply.cut is not None:
        end = min(end, first + reply.cut)
    if without_body or reply.bodiless:
        end = first
    plain = reply.framing != "chunked" and not reply.pause
    if plain and isinstance(reply.body, Path) and end > first:
        connection.sendall(reply.head_bytes())
        sent(end - first)
        with reply.body.open("rb") as file:
            connection.sendfile(file, first, end - first)
    elif plain:
        # Head and body in one write: two would cost a round trip when the second waits for an ACK.
        body = b"" if end == first else reply.content()[: end - first]
        sent(len(body))
        connection.sendall(reply.head_bytes() + body)
    else:
        connection.sendall(reply.head_bytes())
        for block in _blocks(reply, first, end):
            sent(len(block))
            chunked = reply.framing == "chunked"
            connection.sendall(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            wait(reply.pause)
        if reply.framing == "chunked" and reply.cut is None and not without_body:
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


def _end(reply: Reply, connection: socket.socket) -> bool:
    if reply.ending == "hold":
        while connection.recv(_BLOCK):  # until the client closes, or the stopping server does
            pass
    if reply.ending == "reset":
        # Closing with a linger time of zero sends RST instead of FIN (socket(7)).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    return reply.ending == "keep" and reply.framing != "close"
