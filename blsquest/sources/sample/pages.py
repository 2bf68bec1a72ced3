"""The pages that a BLS folder and DataUSA answer with, to the byte where a reader depends on it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime
from html import escape
from http.client import responses
from socket import socket
from typing import Self
from urllib.parse import quote
from zoneinfo import ZoneInfo

from blsquest.core.clock import http_date as read_date
from blsquest.sources.headers import SAMPLE
from blsquest.sources.sample.population import PATH, payload

ROOT = "/pub/time.series/"
"""The path of the folder that holds the survey folders."""

_EASTERN = ZoneInfo("America/New_York")
_NOT_FOUND = b"<html><head><title>404 - File or directory not found.</title></head></html>"
_ACCESS_DENIED = (
    b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY>\n<H1>Access Denied</H1>\n"
    b"<p>Automated retrieval programs (commonly called 'robots' or 'bots') must identify "
    b"themselves with contact information.</p>\n</BODY></HTML>\n"
)
"""What the CDN in front of BLS answers to a User-Agent without a contact address."""

_SAMPLE = {SAMPLE: "generated"}
_HTML = {"Content-Type": "text/html; charset=UTF-8", "Server": "Microsoft-IIS/10.0"}
_FILE = {"Content-Type": "text/plain", "Server": "Microsoft-IIS/10.0"}
_DENIED = {"Content-Type": "text/html", "Server": "AkamaiGHost"}


BODILESS = {204, 304}
"""Statuses whose answers have no body."""


@dataclass(frozen=True)
class Reply:
    """What a server sends; the headers besides the length."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_header(self, name: str, value: str | None) -> Self:
        """Set a header, or remove it for None."""
        others = {key: text for key, text in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers=others if value is None else {**others, name: value})

    def head(self, framing: Mapping[str, str]) -> bytes:
        """Return the status line and all headers, up to and with the empty line."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, '')}"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **framing}.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def deliver(self, connection: socket) -> bool:
        """Send it, and return whether the connection can take another request."""
        if self.status in BODILESS:
            connection.sendall(self.head({}))
        else:
            connection.sendall(self.head({"Content-Length": str(len(self.body))}))
            connection.sendall(self.body)
        return True


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file as its publisher offers it.

    Attributes:
        stamp: The listing's time text, US Eastern, for example `2/6/2025 8:30 AM`.
        last_modified: Zone-aware; None to send no `Last-Modified`.
        generated: Whether the bytes are a generated sample and must be labelled so.
    """

    body: bytes
    stamp: str
    last_modified: datetime | None
    generated: bool = False


Surveys = Mapping[str, Mapping[str, PublishedFile]]
"""Folder under the root (`pr`, or deeper: `la/maps`) → file name → file."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a listing page.

    Attributes:
        name: What the link shows (escaped on the page).
        size: Bytes, or any other text; None for a directory.
        stamp: Date, one space, time.
        href: The link exactly as written on the page; None for the folder's path and the name.
    """

    name: str
    size: int | str | None
    stamp: str
    href: str | None = None


Shown = Callable[[str, list[Row]], list[Row]]
"""Given a folder and its true rows, the rows that its listing shows."""


def published(body: bytes, modified: datetime, *, generated: bool = False) -> PublishedFile:
    """Return a file whose stamp and `Last-Modified` name the same moment, as BLS's do."""
    return PublishedFile(body, stamp(modified), modified, generated)


def stamp(moment: datetime) -> str:
    """Write a zone-aware moment as the listing does: US Eastern, to the minute, unpadded."""
    there = moment.astimezone(_EASTERN)
    half = "AM" if there.hour < 12 else "PM"  # noqa: PLR2004 noon
    clock = f"{there.hour % 12 or 12}:{there.minute:02d} {half}"
    return f"{there.month}/{there.day}/{there.year} {clock}"


def http_date(moment: datetime) -> str:
    """Write a zone-aware moment as HTTP does, for example `Thu, 06 Feb 2025 13:30:02 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def listing_page(path: str, rows: Iterable[Row]) -> bytes:
    """Return IIS's directory page: every row on the one physical line after the `<hr>`."""
    title = escape(f"download.bls.gov - {path}")
    parent = path.rstrip("/").rpartition("/")[0] + "/"
    return (
        f"<html><head><title>{title}</title></head><body><H1>{title}</H1><hr>\r\n\r\n"
        f'<pre><A HREF="{parent}">[To Parent Directory]</A><br><br>'
        f"{''.join(_row(path, row) for row in rows)}</pre><hr></body></html>"
    ).encode()


def _row(path: str, row: Row) -> str:
    day, _, clock = row.stamp.partition(" ")
    size = "<dir>" if row.size is None else str(row.size)
    href = row.href
    if href is None:
        href = path + quote(row.name, safe="/!$&'()*+,;=:@") + ("/" if row.size is None else "")
    columns = escape(f"{day:>10} {clock:>8} {size:>12}")
    return f'{columns} <A HREF="{href}">{escape(row.name)}</A><br>'


def bls(path: str, headers: Message, surveys: Surveys, shown: Shown, now: datetime) -> Reply:
    """Answer for a decoded path under the root: a listing, a file, or a refusal.

    The CDN refuses a User-Agent without a contact address before anything else is looked at.
    """
    if "@" not in headers.get("User-Agent", ""):
        return Reply(403, _DENIED, _ACCESS_DENIED)
    folder, _, name = path.removeprefix(ROOT).rpartition("/")
    if name:
        file = surveys.get(folder, {}).get(name)
        return Reply(404, _HTML, _NOT_FOUND) if file is None else _file(file, headers, now)
    rows = _rows(surveys, folder)
    if rows is None:
        return Reply(404, _HTML, _NOT_FOUND)
    below = [files for key, files in surveys.items() if key == folder or not folder]
    generated = any(file.generated for files in below for file in files.values())
    page = listing_page(path, shown(folder, rows))
    return Reply(200, _HTML | (_SAMPLE if generated else {}), page)


def _rows(surveys: Surveys, folder: str) -> list[Row] | None:
    """Return the rows of a folder under the root ("" is the root); None if there is none."""
    prefix = f"{folder}/" if folder else ""
    below = {n[len(prefix) :].partition("/")[0] for n in surveys if n.startswith(prefix)} - {""}
    files = surveys.get(folder)
    if files is None and not below and folder:
        return None
    # IIS stamps a directory with its own mtime, which says nothing of the files: any will do.
    rows = [Row(name, None, "1/1/2025 12:00 AM") for name in below]
    # A copy: a test may add files while the page is made.
    rows += [Row(name, len(file.body), file.stamp) for name, file in dict(files or {}).items()]
    return sorted(rows, key=lambda row: row.name)


def _file(file: PublishedFile, headers: Message, now: datetime) -> Reply:
    fields = _FILE | (_SAMPLE if file.generated else {})
    modified = file.last_modified
    if modified is not None:
        # A server never dates a file after its own clock (RFC 9110, 8.8.2.1).
        modified = min(modified, now).replace(microsecond=0)
        fields["Last-Modified"] = http_date(modified)
    since = read_date(headers.get("If-Modified-Since"))
    # If-None-Match is ignored, as BLS ignores it.
    if since and modified and modified <= since:
        return Reply(304, fields)
    return Reply(200, fields, file.body)


def datausa(path: str, population: bytes | None, turn: int) -> Reply:
    """Answer with the population; no validators, and no contact needed.

    A given payload is served as it is; the generated one differs in key order at each turn.
    """
    if path != PATH:
        return Reply(404, _HTML, _NOT_FOUND)
    fields = {"Content-Type": "application/json"}
    if population is not None:
        return Reply(200, fields, population)
    return Reply(200, fields | _SAMPLE, payload(turn))
