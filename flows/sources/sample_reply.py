"""One request as it arrived, and one answer: what goes over the wire, and how."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from pathlib import Path

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
