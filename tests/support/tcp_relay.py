"""A loopback relay that passes bytes, whatever they mean, and can be cut and mended."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE = 1 << 16


class Relay:
    """Stands on a port of its own before a server, until it is cut.

    Attributes:
        url: The server's URL through the relay.
        lost: An answer was lost, as `lose_the_answer_to` asked.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._live: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._unanswered: bytes | None = None
        self.lost = threading.Event()
        self._listener = self._listen(0)
        port = self._listener.getsockname()[1]
        self.url = parts._replace(netloc=f"127.0.0.1:{port}").geturl()
        self._port = port

    def cut(self) -> None:
        """End all connections and refuse new ones, as a server that is down does."""
        _end(self._listener)
        with self._lock:
            for each in self._live:
                _end(each)
            self._live.clear()

    def mend(self) -> None:
        """Take connections again, at the same address."""
        self._listener = self._listen(self._port)

    def lose_the_answer_to(self, request: bytes) -> None:
        """Pass the next request with these bytes on, and end its connection when it is answered."""
        self._unanswered = request

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # cut
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._target)
                with self._lock:
                    self._live |= {client, server}
                deaf = threading.Event()
                ways = ((client, server, self._asked), (server, client, self._answered))
                for way in ways:
                    threading.Thread(target=_pump, args=(*way, deaf), daemon=True).start()

    def _asked(self, piece: bytes, deaf: threading.Event) -> bool:
        if self._unanswered is not None and self._unanswered in piece:
            deaf.set()
        return True

    def _answered(self, _piece: bytes, deaf: threading.Event) -> bool:
        # A server may end an idle connection as a request arrives: then nothing was answered, and
        # the client asks again on another, which is the one to be deaf to.
        if not deaf.is_set() or self.lost.is_set():
            return True
        self.lost.set()
        return False


def _pump(
    source: socket.socket,
    target: socket.socket,
    passes: Callable[[bytes, threading.Event], bool],
    deaf: threading.Event,
) -> None:
    with suppress(OSError):
        while (piece := source.recv(_PIECE)) and passes(piece, deaf):
            target.sendall(piece)
    for each in (source, target):
        _end(each)


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)  # closing alone wakes no thread that waits on it
    each.close()


@contextmanager
def relay(upstream: str) -> Iterator[Relay]:
    """Run a relay to the server at `upstream` until the block ends."""
    running = Relay(upstream)
    try:
        yield running
    finally:
        running.cut()
