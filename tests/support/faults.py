"""Ways in which a publisher can fail: which request, and how its reply changes.

A fault's act turns the reply that the healthy server would have sent into the one that is sent;
faults that match the same request apply in their order, so they compose.
"""

import gzip
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from socket import SO_LINGER, SOL_SOCKET, socket
from struct import pack
from threading import Lock
from typing import Any, Literal

from blsquest.sources.sample.pages import BODILESS, Reply
from blsquest.sources.sample.server import Request

Act = Callable[[Reply], Reply]
"""Changes a reply."""

ERROR_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>\n"
    b"<body><h1>We'll be back soon</h1></body></html>\n"
)
_lock = Lock()


@dataclass(slots=True)
class Fault:
    """One act on the replies to some requests.

    Attributes:
        act: Changes the reply.
        path: Which requests: a shell pattern over the path without its query; `*` spans slashes.
        times: How often it happens; None: every time.
        after: How many matching requests are spared first.
    """

    act: Act
    path: str = "*"
    times: int | None = None
    after: int = 0
    _seen: int = field(default=0, init=False)

    def __call__(self, request: Request, reply: Reply) -> Reply:
        """Change the reply if this request is hit; count it."""
        if not fnmatchcase(request.path, self.path):
            return reply
        with _lock:
            self._seen += 1
            hits = self._seen - self.after
        return self.act(reply) if 0 < hits <= (self.times or hits) else reply


@dataclass(frozen=True)
class Broken(Reply):
    """A reply that is delivered otherwise than whole, in blocks with seconds of pause between.

    Attributes:
        framing: What marks the body's end: Content-Length, chunked encoding, the connection's end.
        announced: A Content-Length that is not the body's.
        cut: Body bytes after which delivery stops.
        ending: What happens to the connection after the last byte: kept for the next request,
            closed, reset (RST), or held open in silence until one side goes away.
        headless: Send no status line and no headers.
    """

    framing: Literal["length", "chunked", "close"] = "length"
    announced: int | None = None
    cut: int | None = None
    ending: Literal["keep", "close", "reset", "hold"] = "keep"
    headless: bool = False
    block: int = 1 << 16
    pause: float = 0.0

    def deliver(self, connection: socket) -> bool:
        """Send it as it says, and return whether the connection can take another request."""
        content, chunked = self.body, self.framing == "chunked"
        headers = {"Connection": "close"} if "close" in {self.ending, self.framing} else {}
        if self.status in BODILESS:
            content, chunked = b"", False
        elif chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif self.framing == "length":
            announced = len(content) if self.announced is None else self.announced
            headers["Content-Length"] = str(announced)
        if not self.headless:
            connection.sendall(self.head(headers))
        content = content[: self.cut]
        for at in range(0, len(content), self.block):
            block = content[at : at + self.block]
            connection.sendall(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            time.sleep(self.pause)
        if chunked and self.cut is None:
            connection.sendall(b"0\r\n\r\n")
        return self._end(connection)

    def _end(self, connection: socket) -> bool:
        if self.ending == "hold":
            while connection.recv(1 << 16):  # until the client closes, or the stopping server does
                pass
        if self.ending == "reset":
            # Closing with a linger time of zero sends RST instead of FIN (socket(7)).
            connection.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
            connection.close()
        return self.ending == "keep" and self.framing != "close"


def _broken(**how: Any) -> Act:
    """Deliver otherwise; what earlier acts broke stays broken."""

    def act(reply: Reply) -> Reply:
        if not isinstance(reply, Broken):
            reply = Broken(reply.status, reply.headers, reply.body)
        return replace(reply, **how)

    return act


def status(code: int, body: bytes = ERROR_PAGE, headers: Mapping[str, str] | None = None) -> Act:
    """Answer with this status, an HTML page and these extra headers."""
    return lambda _: Reply(code, {"Content-Type": "text/html", **(headers or {})}, body)


def redirect(to: str, code: int = 302) -> Act:
    return status(code, b"", {"Location": to})


def redirect_loop() -> Act:
    return redirect("?again")


def html_page(body: bytes = ERROR_PAGE) -> Act:
    return status(200, body)


def raw(data: bytes) -> Act:
    """Send these bytes instead of an HTTP answer, then close."""
    return lambda _: Broken(0, body=data, headless=True, ending="close")


def hang_up() -> Act:
    return raw(b"")


def silence() -> Act:
    """Say nothing at all, and hold the connection."""
    return lambda _: Broken(0, headless=True, ending="hold")


def edit(change: Callable[[bytes], bytes]) -> Act:
    """Change the body; its length is announced truthfully."""
    return lambda reply: replace(reply, body=change(reply.body))


def body(data: bytes) -> Act:
    """Send another body, announced truthfully."""
    return edit(lambda _: data)


def header(name: str, value: str | None) -> Act:
    """Set a header, or with None send none of that name."""
    return lambda reply: reply.with_header(name, value)


def content_type(value: str) -> Act:
    return header("Content-Type", value)


def gzipped() -> Act:
    """Compress the body though nobody asked; with `body` before it, a bomb."""

    def act(reply: Reply) -> Reply:
        packed = gzip.compress(reply.body, compresslevel=1, mtime=0)
        return replace(reply, body=packed).with_header("Content-Encoding", "gzip")

    return act


def truncate(at: int) -> Act:
    """Announce the whole body, send `at` bytes of it, close."""
    return _broken(cut=at, ending="close")


def reset(at: int) -> Act:
    """Announce the whole body, send `at` bytes of it, reset the connection."""
    return _broken(cut=at, ending="reset")


def stall(at: int) -> Act:
    """Announce the whole body, send `at` bytes of it, then nothing, and hold the connection."""
    return _broken(cut=at, ending="hold")


def longer(extra: bytes) -> Act:
    """Announce the body's length, then send `extra` bytes more, and close."""

    def act(reply: Reply) -> Reply:
        content = reply.body
        return _broken(body=content + extra, announced=len(content), ending="close")(reply)

    return act


def chunked() -> Act:
    """Send the body in chunks, without announcing a length."""
    return _broken(framing="chunked")


def unannounced() -> Act:
    """Send the body without a length; the connection's end is its end."""
    return _broken(framing="close")


def trickle(block: int, pause: float) -> Act:
    """Send the body `block` bytes at a time with `pause` seconds after each."""
    return _broken(block=block, pause=pause)
