"""Ways in which a publisher can be sick, for tests: which request, and what becomes of its reply.

A fault's act turns the reply that the healthy server would have sent into the one that is sent;
faults that match the same request apply in their order, so they compose.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from blsquest.sources.sample.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping


Act = Callable[[Reply], Reply]
"""What becomes of a reply."""

ERROR_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>\n"
    b"<body><h1>We'll be back soon</h1></body></html>\n"
)


@dataclass(slots=True)
class Fault:
    """One act on the replies to some requests.

    Attributes:
        act: What becomes of the reply.
        path: Which requests: a shell pattern over the path without its query; `*` spans slashes.
        times: How often it happens; None: every time.
        after: How many matching requests are spared first.
    """

    act: Act
    path: str = "*"
    times: int | None = None
    after: int = 0
    _seen: int = field(default=0, init=False)

    def strikes(self, path: str) -> bool:
        """Whether this request is hit; counts it (the caller holds the server's lock)."""
        if not fnmatchcase(path, self.path):
            return False
        self._seen += 1
        hits = self._seen - self.after
        return hits > 0 and (self.times is None or hits <= self.times)


# -- Another answer ----------------------------------------------------------------------------


def status(code: int, body: bytes = ERROR_PAGE, headers: Mapping[str, str] | None = None) -> Act:
    """Answer with this status, an HTML page and these extra headers."""
    return lambda _: Reply(code, {"Content-Type": "text/html", **(headers or {})}, body)


def redirect(to: str, code: int = 302) -> Act:
    """Send the client elsewhere."""
    return status(code, b"", {"Location": to})


def redirect_loop() -> Act:
    """Send the client to the same path, for ever."""
    return redirect("?again")


def html_page(body: bytes = ERROR_PAGE) -> Act:
    """An error page that claims success."""
    return status(200, body)


def raw(data: bytes) -> Act:
    """These bytes instead of an HTTP answer, then the connection's end."""
    return lambda _: Reply(0, body=data, head=False, ending="close")


def hang_up() -> Act:
    """Close without an answer."""
    return raw(b"")


def silence() -> Act:
    """Say nothing at all, and hold the connection."""
    return lambda _: Reply(0, head=False, ending="hold")


# -- Another body or header ----------------------------------------------------------------------


def edit(change: Callable[[bytes], bytes]) -> Act:
    """Change the body; its length is announced truthfully."""
    return lambda reply: replace(reply, body=change(reply.content()), span=None)


def body(data: bytes) -> Act:
    """Another body, announced truthfully."""
    return edit(lambda _: data)


def empty() -> Act:
    """No bytes, announced truthfully."""
    return body(b"")


def header(name: str, value: str | None) -> Act:
    """Set a header, or with None send none of that name."""
    return lambda reply: reply.with_header(name, value)


def content_type(value: str) -> Act:
    """Claim that the body is something else."""
    return header("Content-Type", value)


def gzipped() -> Act:
    """Compress the body though nobody asked; with `body` before it, a bomb."""

    def act(reply: Reply) -> Reply:
        packed = gzip.compress(reply.content(), compresslevel=1, mtime=0)
        return replace(reply, body=packed, span=None).with_header("Content-Encoding", "gzip")

    return act


# -- Another delivery ----------------------------------------------------------------------------


def truncate(at: int) -> Act:
    """Announce the whole body, send `at` bytes of it, close."""
    return lambda reply: replace(reply, cut=at, ending="close")


def reset(at: int) -> Act:
    """Announce the whole body, send `at` bytes of it, reset the connection."""
    return lambda reply: replace(reply, cut=at, ending="reset")


def stall(at: int) -> Act:
    """Announce the whole body, send `at` bytes of it, then nothing, and hold the connection."""
    return lambda reply: replace(reply, cut=at, ending="hold")


def longer(extra: bytes) -> Act:
    """Announce the body's length, then send `extra` bytes more, and close."""

    def act(reply: Reply) -> Reply:
        content = reply.content()
        return replace(
            reply, body=content + extra, span=None, announced=len(content), ending="close"
        )

    return act


def chunked() -> Act:
    """Send the body in chunks, without announcing a length."""
    return lambda reply: replace(reply, framing="chunked")


def unannounced() -> Act:
    """Send the body without a length; the connection's end is its end."""
    return lambda reply: replace(reply, framing="close")


def trickle(block: int, pause: float) -> Act:
    """Send the body `block` bytes at a time with `pause` seconds after each."""
    return lambda reply: replace(reply, block=block, pause=pause)
