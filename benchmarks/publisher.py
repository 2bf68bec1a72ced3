"""A publisher with latency that answers thousands of requests a second: a process of its own.

    python -m benchmarks.publisher SURVEYS FILES BYTES

Prints its URL and serves until its input ends. `POST /control` with a JSON object sets what it
names (`latency`, `sick`, `site`, `release`), and answers with the counts since the last such call.
The sample server speaks more dialects, with a thread for each connection: as the bottleneck of
every row it would measure itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote
from zlib import crc32

from benchmarks.site import BLOCK, File, Site, block, last_modified, page, released, site
from blsquest.sources.sample.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

_AT_ONCE = 1 << 16
"""Bytes up to which a body goes out with its head, in one write."""
_BUSY_PERCENT, _CUT_PERCENT = 5, 3


@dataclass(slots=True)
class Counts:
    """What was asked since the last look.

    Attributes:
        requests: By method.
        sent: Bytes of bodies.
        in_flight: The most requests that were under way at one time.
        busy: Requests answered 503.
        cut: Bodies that ended halfway.
    """

    requests: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    in_flight: int = 0
    busy: int = 0
    cut: int = 0


class Publisher:
    """Serves a site; see the module."""

    def __init__(self, published: Site, body: IO[bytes]) -> None:
        self.site = published
        self.body = body
        self.latency = 0.0
        self.sick = False
        self.counts = Counts()
        self._under_way = 0
        self._asked: Counter[tuple[str, str]] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").rstrip().split("\r\n")
                method, target, _ = first.split(" ", 2)
                headers = {n.lower(): v.strip() for n, _, v in (x.partition(":") for x in lines)}
                if method == "POST":
                    given = await reader.readexactly(int(headers["content-length"]))
                    _write(writer, 200, self._control(json.loads(given)))
                    continue
                self._under_way += 1
                self.counts.in_flight = max(self.counts.in_flight, self._under_way)
                try:
                    await asyncio.sleep(self.latency)
                    whole = await self._answer(method, unquote(target), headers, writer)
                finally:
                    self._under_way -= 1
                if not whole:
                    break
        writer.close()

    def _control(self, orders: Mapping[str, Any]) -> bytes:
        self.latency = orders.get("latency", self.latency)
        self.sick = orders.get("sick", self.sick)
        if "site" in orders:
            self.site = site(*orders["site"])
        for code, names in orders.get("release", {}).items():
            self.site[code] = released(self.site[code], *names)
        told = {name: getattr(self.counts, name) for name in Counts.__slots__}
        self.counts = Counts()
        self._asked.clear()
        return json.dumps(told).encode()

    async def _answer(
        self, method: str, path: str, headers: Mapping[str, str], writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; False where the connection is to end."""
        self.counts.requests[method] += 1
        # The n-th request for a path fares alike whoever asks: peers meet the same faults.
        self._asked[method, path] += 1
        draw = crc32(f"{method} {path} {self._asked[method, path]}".encode()) % 100
        if self.sick and draw < _BUSY_PERCENT:
            self.counts.busy += 1
            _write(writer, 503, b"busy")
            return True
        folder, _, name = path.removeprefix(ROOT).rpartition("/")
        file = self.site.get(folder, {}).get(name)
        if file is None:
            found = None if name else page(self.site, path)
            _write(writer, 404 if found is None else 200, found or b"", bodiless=method == "HEAD")
            return True
        cut = self.sick and _BUSY_PERCENT <= draw < _BUSY_PERCENT + _CUT_PERCENT
        return await self._send(file, method, headers, writer, cut=cut)

    async def _send(
        self,
        file: File,
        method: str,
        headers: Mapping[str, str],
        writer: asyncio.StreamWriter,
        *,
        cut: bool,
    ) -> bool:
        fields = {"Last-Modified": last_modified(file), "Accept-Ranges": "bytes"}
        since = headers.get("if-modified-since")
        if since and parsedate_to_datetime(since) >= file.modified:
            _write(writer, 304, b"", fields, bodiless=True)
            return True
        first, end, status = 0, file.size, 200
        wanted = headers.get("range", "").removeprefix("bytes=").split("-")
        if len(wanted) == 2 and wanted[0]:  # noqa: PLR2004 - first and last
            first, end, status = int(wanted[0]), min(int(wanted[1] or end) + 1, end), 206
            fields["Content-Range"] = f"bytes {first}-{end - 1}/{file.size}"
        _write(writer, status, b"", fields, length=end - first, bodiless=True)
        if method == "HEAD":
            return True
        if cut:
            self.counts.cut += 1
            end = first + (end - first) // 2
        await self._body(file, first, end, writer)
        self.counts.sent += end - first
        return not cut

    async def _body(self, file: File, first: int, end: int, writer: asyncio.StreamWriter) -> None:
        head = file.head
        if first < len(head):
            writer.write(head[first:end])
            first = min(end, len(head))
        loop = asyncio.get_running_loop()
        while first < end:
            at = (file.offset + first) % BLOCK
            length = min(end - first, BLOCK - at)
            if length <= _AT_ONCE:
                self.body.seek(at)
                writer.write(self.body.read(length))
                await writer.drain()
            else:
                await loop.sendfile(writer.transport, self.body, at, length)
            first += length


def _write(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    fields: Mapping[str, str] | None = None,
    *,
    length: int | None = None,
    bodiless: bool = False,
) -> None:
    size = len(body) if length is None else length
    # Without a date nobody can tell that a file has settled, and it is asked for again each run.
    given = {"Date": formatdate(usegmt=True), "Content-Length": str(size), **(fields or {})}
    if not fields:
        given["Content-Type"] = "text/html"
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode()
    writer.write(head if bodiless else head + body)


async def main() -> None:
    """Serve until the input ends."""
    with TemporaryFile() as body:
        body.write(block())
        body.flush()
        publisher = Publisher(site(*map(int, sys.argv[1:4])), body)
        server = await asyncio.start_server(publisher.serve, "127.0.0.1", 0, backlog=1024)
        port = server.sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}", flush=True)  # noqa: T201 - what its starter reads
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
