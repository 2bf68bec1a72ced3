"""A client that shows what went over the wire, for the tests of the sample server."""

from __future__ import annotations

import socket
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
    connection = HTTPConnection(parts.netloc, timeout=5)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection.request(method, target, headers=CONTACT | names)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


def wire(url: str, *, timeout: float = 5.0) -> tuple[bytes, str]:
    """Everything that comes back for one request, and how it ended: closed, reset or silent."""
    parts = urlsplit(url)
    received = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
        head = f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nUser-Agent: t me@example.org\r\n\r\n"
        connection.sendall(head.encode())
        try:
            while part := connection.recv(1 << 16):
                received += part
        except ConnectionResetError:
            return received, "reset"
        except TimeoutError:
            return received, "silent"
    return received, "closed"
