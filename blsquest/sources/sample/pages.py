"""The pages that a BLS folder and DataUSA answer with, to the byte where a reader depends on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime, parsedate_to_datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from blsquest.sources.sample import population as sample_population
from blsquest.sources.sample.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from email.message import Message
    from pathlib import Path

    from blsquest.sources.sample.population import Shape


ROOT = "/pub/time.series/"
"""The path of the folder that holds the survey folders."""

_DIRECTORY = "<dir>"

BLS_HOUR = time(8, 30)
"""When BLS publishes, Eastern time."""

NOT_FOUND = (
    b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">\r\n<html><head>'
    b"<title>404 - File or directory not found.</title></head>\r\n<body><h1>Server Error</h1>"
    b"<h2>404 - File or directory not found.</h2>\r\n<h3>The resource you are looking for might "
    b"have been removed, had its name changed, or is temporarily unavailable.</h3></body></html>"
)

ACCESS_DENIED = (
    b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY>\n<H1>Access Denied</H1>\n"
    b"<p>Automated retrieval programs (commonly called 'robots' or 'bots') must identify "
    b"themselves with contact information and not make several downloads a second.</p>\n"
    b"</BODY></HTML>\n"
)
"""What the CDN in front of BLS answers to a User-Agent without a contact address."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file as its publisher offers it.

    Attributes:
        body: The bytes, or a path to stream them from.
        stamp: The listing's time text, US Eastern, for example `2/6/2025 8:30 AM`.
        last_modified: The `Last-Modified` header; None to send none.
        generated: Whether the bytes are a generated sample and must be called one.
    """

    body: bytes | Path
    stamp: str
    last_modified: str | None
    generated: bool = False

    @property
    def size(self) -> int:
        """Bytes, as the listing announces them."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.stat().st_size

    def content(self) -> bytes:
        """The bytes, whole."""
        return self.body if isinstance(self.body, bytes) else self.body.read_bytes()


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


def published(body: bytes | Path, modified: datetime, *, generated: bool = False) -> PublishedFile:
    """A file whose stamp and `Last-Modified` tell the same moment, as BLS's do."""
    return PublishedFile(body, stamp(modified), http_date(modified), generated)


def published_folder(
    folder: Path,
    *,
    modified: datetime | None = None,
    previous: Mapping[str, PublishedFile] | None = None,
    restamp: bool | Collection[str] = True,
) -> dict[str, PublishedFile]:
    """The files of a real folder as one release; they are streamed, never held whole.

    Args:
        folder: Holds the files directly.
        modified: When the release came out (zone-aware). None: 8:30 Eastern on the day that the
            folder is named by (`2025-02`, `2025-02-06`), else each file's own mtime, which tells
            two releases apart only where they were not copied in the same second.
        previous: The release before this one.
        restamp: Which files that are the same bytes as before get the new stamp all the same:
            all (as BLS often does), none, or those named.
    """
    files = {}
    modified = modified or _release_day(folder.name)
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        moment = modified or datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
        file = published(path, moment)
        before = (previous or {}).get(path.name)
        keeps = not restamp if isinstance(restamp, bool) else path.name not in restamp
        if before and keeps and before.size == file.size and before.content() == file.content():
            file = before
        files[path.name] = file
    return files


def _release_day(name: str) -> datetime | None:
    """The moment that a folder's name gives a release; None where it is no date."""
    day = name if name.count("-") == 2 else f"{name}-01"  # noqa: PLR2004 year-month-day
    with suppress(ValueError):
        return datetime.combine(date.fromisoformat(day), BLS_HOUR, ZoneInfo("America/New_York"))
    return None


def stamp(moment: datetime) -> str:
    """A zone-aware moment as the listing writes it: US Eastern, to the minute, unpadded."""
    there = moment.astimezone(ZoneInfo("America/New_York"))
    half = "AM" if there.hour < 12 else "PM"  # noqa: PLR2004 noon
    clock = f"{there.hour % 12 or 12}:{there.minute:02d} {half}"
    return f"{there.month}/{there.day}/{there.year} {clock}"


def http_date(moment: datetime) -> str:
    """A zone-aware moment as HTTP writes it, for example `Thu, 06 Feb 2025 13:30:02 GMT`."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def folder_rows(surveys: Surveys, folder: str) -> list[Row] | None:
    """The rows of a folder under the root ("" is the root itself); None where there is none."""
    prefix = f"{folder}/" if folder else ""
    files = surveys.get(folder)
    # IIS stamps a directory with its own mtime, which says nothing of the files: any will do.
    directories = {
        name[len(prefix) :].partition("/")[0]: next(
            (file.stamp for file in surveys[name].values()), "1/1/2025 12:00 AM"
        )
        for name in surveys
        if name.startswith(prefix) and name != folder
    }
    if files is None and not directories and folder:
        return None
    rows = [Row(name, None, stamp) for name, stamp in directories.items()]
    # A copy: a test may add files while the page is made.
    rows += [Row(name, file.size, file.stamp) for name, file in dict(files or {}).items()]
    return sorted(rows, key=lambda row: row.name)


def listing_page(path: str, rows: Iterable[Row]) -> bytes:
    """IIS's directory page: every row on the one physical line after the `<hr>`.

    Args:
        path: The folder's path, with a slash at both ends.
        rows: In the order in which they stand on the page.
    """
    title = escape(f"download.bls.gov - {path}")
    parent = path.rstrip("/").rpartition("/")[0] + "/"
    return (
        f"<html><head><title>{title}</title></head><body><H1>{title}</H1><hr>\r\n\r\n"
        f'<pre><A HREF="{parent}">[To Parent Directory]</A><br><br>'
        f"{''.join(_row(path, row) for row in rows)}</pre><hr></body></html>"
    ).encode()


def _row(path: str, row: Row) -> str:
    date, _, clock = row.stamp.partition(" ")
    size = _DIRECTORY if row.size is None else str(row.size)
    href = row.href
    if href is None:
        href = path + quote(row.name, safe="/!$&'()*+,;=:@") + ("/" if row.size is None else "")
    columns = escape(f"{date:>10} {clock:>8} {size:>12}")
    return f'{columns} <A HREF="{href}">{escape(row.name)}</A><br>'


_SAMPLE = {"X-Sample-Data": "generated"}
_HTML = {"Content-Type": "text/html; charset=UTF-8", "Server": "Microsoft-IIS/10.0"}
_FILE = {"Content-Type": "text/plain", "Accept-Ranges": "bytes", "Server": "Microsoft-IIS/10.0"}


def not_found() -> Reply:
    """The page for what isn't there."""
    return Reply(404, _HTML, NOT_FOUND)


def bls(
    path: str,
    headers: Message,
    surveys: Surveys,
    shown: Shown,
) -> Reply:
    """Answer for a decoded path under the root: a listing, a file, or a refusal.

    The CDN refuses a User-Agent without a contact address before anything else is looked at.
    """
    if "@" not in headers.get("User-Agent", ""):
        denied = {"Content-Type": "text/html", "Server": "AkamaiGHost"}
        return Reply(403, denied, ACCESS_DENIED)
    folder, _, name = path.removeprefix(ROOT).rpartition("/")
    if name:
        file = surveys.get(folder, {}).get(name)
        return not_found() if file is None else _file(file, headers)
    rows = folder_rows(surveys, folder)
    if rows is None:
        return not_found()
    below = [files for key, files in surveys.items() if key == folder or not folder]
    generated = any(file.generated for files in below for file in files.values())
    page = listing_page(path, shown(folder, rows))
    return Reply(200, _HTML | (_SAMPLE if generated else {}), page)


def _file(file: PublishedFile, headers: Message) -> Reply:
    fields = _FILE | (_SAMPLE if file.generated else {})
    if file.last_modified is not None:
        fields["Last-Modified"] = file.last_modified
    since = _moment(headers.get("If-Modified-Since"))
    modified = _moment(file.last_modified)
    # If-None-Match is ignored, as BLS ignores it.
    if since and modified and modified <= since:
        return Reply(304, fields)
    wanted = _range(headers.get("Range", ""), file.size)
    if wanted is None:
        return Reply(200, fields, file.body)
    first, end = wanted
    if first >= end:
        return Reply(416, fields | {"Content-Range": f"bytes */{file.size}"})
    fields["Content-Range"] = f"bytes {first}-{end - 1}/{file.size}"
    return Reply(206, fields, file.body, span=(first, end))


def _moment(text: str | None) -> datetime | None:
    """An HTTP date; None for none and for what is not one."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _range(text: str, size: int) -> tuple[int, int] | None:
    """A `Range` of one part as (first, past the last), empty if it can't be served.

    None for no range and for anything else, which RFC 9110 lets a server ignore.
    """
    first, dash, last = text.removeprefix("bytes=").partition("-")
    numbers = (first + last).isdecimal() and (first + last).isascii()
    if not text.startswith("bytes=") or not dash or not numbers:
        return None
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)


def datausa(path: str, population: bytes | Shape, turn: int) -> Reply:
    """Answer with the population; no validators, and no contact needed.

    Args:
        path: Decoded; only the path of the API that the population belongs to exists.
        population: A payload to serve as it is, or the shape of the generated one.
        turn: See `sample_population.payload`.
    """
    if path != sample_population.PATHS[sample_population.shape_of(population)]:
        return not_found()
    fields = {"Content-Type": "application/json"}
    if isinstance(population, bytes):
        return Reply(200, fields, population)
    return Reply(200, fields | _SAMPLE, sample_population.payload(population, turn))
