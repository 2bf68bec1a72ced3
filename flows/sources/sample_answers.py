"""What a healthy BLS and a healthy DataUSA answer: pure decisions, no sockets."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from flows.sources import sample_pages, sample_population
from flows.sources.sample_reply import Reply

if TYPE_CHECKING:
    from email.message import Message

    from flows.sources.sample_pages import PublishedFile, Shown, Surveys
    from flows.sources.sample_population import Shape

_SAMPLE = {"X-Sample-Data": "generated"}
_HTML = {"Content-Type": "text/html; charset=UTF-8", "Server": "Microsoft-IIS/10.0"}
_FILE = {"Content-Type": "text/plain", "Accept-Ranges": "bytes", "Server": "Microsoft-IIS/10.0"}


def not_found() -> Reply:
    """The page for what isn't there."""
    return Reply(404, _HTML, sample_pages.NOT_FOUND)


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
        return Reply(403, denied, sample_pages.ACCESS_DENIED)
    folder, _, name = path.removeprefix(sample_pages.ROOT).rpartition("/")
    if name:
        file = surveys.get(folder, {}).get(name)
        return not_found() if file is None else _file(file, headers)
    rows = sample_pages.folder_rows(surveys, folder)
    if rows is None:
        return not_found()
    below = [files for key, files in surveys.items() if key == folder or not folder]
    generated = any(file.generated for files in below for file in files.values())
    page = sample_pages.listing_page(path, shown(folder, rows))
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
