"""A receiver of notices on loopback: what was posted to it, and how it answers."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "/services/T0/hush-hush"
"""The path by which the receiver knows its senders, as chats have it."""


@dataclass
class Inbox:
    """What arrived.

    Attributes:
        bodies: The posted documents, in their order.
        status: What is answered.
        answers: Cleared, no request is answered until it is set.
        url: The receiver's address.
    """

    bodies: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    answers: Event = field(default_factory=Event)
    url: str = ""

    @property
    def texts(self) -> list[str]:
        """The texts of the notices."""
        return [str(body["text"]) for body in self.bodies]


@contextmanager
def inbox() -> Iterator[Inbox]:
    """Listen on a free port of 127.0.0.1."""
    received = Inbox()
    received.answers.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == SECRET
            received.bodies.append(json.loads(body))
            received.answers.wait()
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    received.url = f"http://127.0.0.1:{server.server_address[1]}{SECRET}"
    try:
        yield received
    finally:
        received.answers.set()
        server.shutdown()
        server.server_close()
