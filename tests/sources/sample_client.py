"""A client that shows what went over the wire, for the tests of the sample server."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from email.message import Message

CONTACT = {"User-Agent": "tests me@example.org"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def get(url: str, *, method: str = "GET", **headers: str) -> Answer:
    """One request on a connection of its own; `If_Modified_Since=` becomes that header."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection.request(method, target, headers=CONTACT | names)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer
