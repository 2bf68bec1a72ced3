"""The endpoint from which a task takes its role's credentials, as ECS's agent serves it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Credentials = dict[str, str]


@contextmanager
def credentials_endpoint(assume: Callable[[str], Credentials | None]) -> Iterator[str]:
    """Serve credentials on a free port of 127.0.0.1.

    Args:
        assume: A task's id → the credentials of its role in ECS's own words, or None without one.

    Yields:
        The URL to which a task's id is to be added.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            credentials = assume(self.path.strip("/"))
            body = json.dumps(credentials).encode()
            self.send_response(200 if credentials else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
