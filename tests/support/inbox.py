"""A receiver of notices on loopback: what was posted to it, and how it answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from tests.support.http_server import answering

SECRET = "/services/T0/hush-hush"
"""The path by which the receiver knows its senders, as chats have it."""


@dataclass
class Inbox:
    """The documents that arrived; `status` is answered, once `answers` is set."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    answers: Event = field(default_factory=Event)
    url: str = ""

    @property
    def texts(self) -> list[str]:
        """The texts of the notices."""
        return [str(body["text"]) for body in self.bodies]

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        assert path == SECRET
        self.bodies.append(json.loads(body))
        self.answers.wait()
        return self.status, b""


@contextmanager
def inbox() -> Iterator[Inbox]:
    """Listen on a free port of 127.0.0.1."""
    received = Inbox()
    received.answers.set()
    with answering(received.answer) as address:
        received.url = address + SECRET
        try:
            yield received
        finally:
            received.answers.set()
