"""A publisher with latency that answers thousands of requests a second: a process of its own.

Prints its URL and serves until its input ends. `POST /control` with a JSON object sets what it
names (`latency`, `site`, `release`), and answers with the counts since the last such call.
The sample server has a thread for each connection: it would be the bottleneck of every row.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import formatdate
from functools import cache
from itertools import count, islice
from string import ascii_lowercase
from typing import Any
from urllib.parse import unquote
from zlib import crc32

from blsquest.core.clock import utcnow
from blsquest.sources.sample.pages import PublishedFile, Reply, bls, published

BLOCK = 16 << 20
"""All bodies are windows of as many bytes, repeated: more than a storage compresses at a time."""

_FIRST_RELEASE = datetime(2025, 6, 6, 12, 30, tzinfo=UTC)
_DATA = ("data.0.Current", "data.1.AllData", "series")
_TABLE_BYTES = 4_000
_CHUNK = 1 << 18  # bytes


def site(surveys: int, size: int, files: int = 12) -> dict[str, dict[str, int]]:
    """Return `surveys` surveys of `files` files with their sizes, about `size` bytes in all.

    As at BLS, most files are small code tables and a few data files hold nearly everything; so do
    a few surveys: the n-th weighs 1/(n + 3), the largest of 60 a tenth of all.
    """
    weights = [1 / (n + 3) for n in range(surveys)]
    parts = [*_DATA, *(f"table{n:05}" for n in range(files - len(_DATA)))][:files]
    made = {}
    for n, weight in enumerate(weights):
        code = "pwcsle"[n // 26] + ascii_lowercase[n % 26]
        of_data = size * weight / sum(weights) - _TABLE_BYTES * max(0, files - len(_DATA))
        large = max(_TABLE_BYTES, round(of_data / min(files, len(_DATA))))
        made[code] = {f"{code}.{part}": large if part in _DATA else _TABLE_BYTES for part in parts}
    return made


def file(name: str, size: int, modified: datetime = _FIRST_RELEASE) -> PublishedFile:
    """Return a file of so many bytes, others for each name and release."""
    at = crc32(f"{name} {modified}".encode()) % BLOCK
    window = memoryview(_text(2 + size // BLOCK))[at : at + size]
    return published(window, modified)  # type: ignore[arg-type]


@cache
def _text(blocks: int) -> bytes:
    """Return so many blocks of monthly series with their annual averages, in BLS's layout."""
    rows = (
        f"PRS{series:08}      \t{year}\tM{month:02}\t"
        f"{(series * 7919 + year * 31 + month) % 99991 / 1000:12.3f}\t\r\n".encode()
        for series in count(1)
        for year in range(1989, 2025)
        for month in range(1, 14)
    )
    return b"".join(islice(rows, BLOCK // 42 + 1))[:BLOCK] * blocks


class Publisher:
    """Serves a site; see the module."""

    def __init__(self) -> None:
        self.site: dict[str, dict[str, PublishedFile]] = {}
        self.latency = 0.0
        self._requests: Counter[str] = Counter()
        self._under_way = self._most = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, request after request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").rstrip().split("\r\n")
                method, target, _ = first.split(" ", 2)
                headers = Message()
                for line in lines:
                    name, _, value = line.partition(":")
                    headers[name] = value.strip()
                if method == "POST":
                    given = await reader.readexactly(int(headers["Content-Length"]))
                    await _send(writer, Reply(200, body=self._control(json.loads(given))))
                    continue
                self._under_way += 1
                self._most = max(self._most, self._under_way)
                try:
                    await asyncio.sleep(self.latency)
                    await self._answer(method, unquote(target), headers, writer)
                finally:
                    self._under_way -= 1
        writer.close()

    def _control(self, orders: Mapping[str, Any]) -> bytes:
        self.latency = orders.get("latency", self.latency)
        if "site" in orders:
            self.site = {
                code: {name: file(name, size) for name, size in files.items()}
                for code, files in site(*orders["site"]).items()
            }
        for code, name in orders.get("release", {}).items():
            old = self.site[code][name]
            later = (old.last_modified or _FIRST_RELEASE) + timedelta(days=1)
            self.site[code][name] = file(name, len(old.body) + 1, later)
        counts = {"requests": self._requests, "in_flight": self._most}
        self._requests, self._most = Counter(), 0
        return json.dumps(counts).encode()

    async def _answer(
        self, method: str, path: str, headers: Message, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request."""
        self._requests[method] += 1
        reply = bls(path, headers, self.site, lambda _, rows: rows, utcnow())
        size = len(reply.body)
        start, _, last = headers.get("Range", "").removeprefix("bytes=").partition("-")
        if start and reply.status == 200:  # noqa: PLR2004 - OK
            first, end = int(start), min(int(last or size) + 1, size)
            shown = f"bytes {first}-{end - 1}/{size}"
            reply = Reply(206, {**reply.headers, "Content-Range": shown}, reply.body[first:end])
        await _send(writer, reply, 0 if method == "HEAD" else None)


async def _send(writer: asyncio.StreamWriter, reply: Reply, sent: int | None = None) -> None:
    """Send the headers and so many bytes of the body, else all."""
    size = str(len(reply.body))
    # Without a date nobody can tell that a file has settled, and it is asked for again each run.
    framing = {"Date": formatdate(usegmt=True), "Accept-Ranges": "bytes", "Content-Length": size}
    body = reply.body[:sent]
    writer.write(reply.head(framing) + body[:_CHUNK])
    for at in range(_CHUNK, len(body), _CHUNK):
        await writer.drain()
        writer.write(body[at : at + _CHUNK])
    await writer.drain()


async def main() -> None:
    """Serve until the input ends."""
    server = await asyncio.start_server(Publisher().serve, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)  # noqa: T201 - what its starter reads
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
