"""A request to a publisher, its reply, and the body read: bounded, hashed, whole or an error."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import IO
from urllib.parse import urlsplit

import requests

from blsquest.core.errors import Contradicted, Refused, SourceError
from blsquest.core.source import Progress
from blsquest.core.text import shown
from blsquest.core.usage import Meter
from blsquest.sources.failures import LIBRARY_ERRORS, TransientError, describe
from blsquest.sources.headers import content_length, is_page

SMALL_BODY = 16 << 20
"""16 MiB: the most that a listing or a population payload may have."""

CHUNK = 1 << 20
"""The most bytes of a body that are held at once."""

START = 512
"""Bytes by which a web page is recognised."""
_MOVED = "The publisher may have just replaced it: run again in a few minutes."


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for, and which replies to accept.

    Attributes:
        url: Already checked (see `config`).
        size: Bytes that the body must have; None if unknown.
        limit: Most bytes that the body may have if `size` is None.
        if_modified_since: Makes the request conditional.
        html: Whether the body may be a web page; else a page in its place is refused.
    """

    url: str
    what: str
    size: int | None = None
    limit: int = SMALL_BODY
    if_modified_since: str | None = None
    html: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The headers of a reply, and the size and hash of its body.

    Attributes:
        headers: Names are found in any case.
        modified: False for 304 Not Modified, which has no body.
    """

    headers: Mapping[str, str]
    modified: bool = True
    size: int = 0
    sha256: str = ""


@dataclass(slots=True)
class Sink:
    """A body's destination; reports each byte once, however many attempts there are."""

    into: IO[bytes]
    meter: Meter
    progress: Progress | None
    reported: int = 0

    def take(self, chunk: bytes, size: int) -> None:
        """Write the chunk with which `size` bytes of the body are there."""
        self.into.write(chunk)
        if self.progress is not None and size > self.reported:
            self.progress(size - self.reported)
            self.reported = size


def receive(request: Request, response: requests.Response, sink: Sink, seconds: float) -> Reply:
    """Stream the body of a 200 into an emptied sink.

    `seconds` limits the whole body; it is exceeded by at most one read timeout.

    Raises:
        TransientError: It ended too soon.
        SourceError: It took too long; Contradicted, if its length is not the listed one.
        Refused: It is encoded, or a web page in the place of something else.
    """
    headers = response.headers
    _refuse_encoded(request, headers)
    _refuse_page(request, headers, b"")
    announced = content_length(headers)
    if request.size is not None and announced not in {None, request.size}:
        raise _mismatch(request, f"the server announces {announced:,}")
    bound = request.limit if request.size is None else request.size
    if announced is not None and announced > bound:
        raise _too_long(request, bound)
    sink.into.seek(0)
    sink.into.truncate()
    start, digest, size = b"", sha256(), 0
    for chunk in _chunks(request, response, monotonic() + seconds):
        if len(start) < START:
            start += chunk[: START - len(start)]
            _refuse_page(request, headers, start)
        size += len(chunk)
        sink.meter.add(received=len(chunk))
        if size > bound:
            raise _too_long(request, bound)
        digest.update(chunk)
        sink.take(chunk, size)
    if request.size is not None and size < request.size:
        # Without an announced length this is how a body cut short looks.
        raise TransientError(f"{request.what}: {size:,} of {request.size:,} bytes came.", _MOVED)
    return Reply(headers, size=size, sha256=digest.hexdigest())


def _chunks(request: Request, response: requests.Response, deadline: float) -> Iterator[bytes]:
    """Yield the body as sent: `read1` returns what is there instead of waiting for more."""
    host = urlsplit(request.url).netloc
    while True:
        try:
            chunk: bytes = response.raw.read1(CHUNK, decode_content=False)
        except LIBRARY_ERRORS as error:
            raise describe(error, request.what, host) from error
        if not chunk:
            return
        yield chunk
        if monotonic() > deadline:
            raise SourceError(
                f"{request.what}: {host} did not send all of it in the time allowed.",
                "Run again later, or raise the source's total timeout.",
                transient=True,
            )


_CODINGS = re.compile(
    r"(x-)?(gzip|compress)|deflate|br|zstd|dcb|dcz|exi|aes128gcm|pack200-gzip", re.IGNORECASE
)
"""What is registered as a Content-Encoding and encodes
(https://www.iana.org/assignments/http-parameters)."""
_PLAIN = frozenset({"", "identity", "none", "binary", "utf-8", "utf8", "us-ascii", "8bit", "7bit"})
"""Words that encode nothing, though servers send them."""


def _refuse_encoded(request: Request, headers: Mapping[str, str]) -> None:
    """Refuse an encoded body; an unknown coding passes if the listing gives a length."""
    words = [w.strip().lower() for w in headers.get("Content-Encoding", "").split(",")]
    transfer = headers.get("Transfer-Encoding", "identity").strip().lower()
    encoded = [
        w for w in words if _CODINGS.fullmatch(w) or (w not in _PLAIN and request.size is None)
    ]
    encoded += [transfer] if transfer not in {"identity", "chunked"} else []
    if encoded:
        raise Refused(
            f"{request.what}: the server sent it encoded ({shown(', '.join(encoded))}), though the "
            "request was for plain bytes.",
            "Nothing was changed. Run again later; a proxy on the way may re-encode it.",
        )


def _refuse_page(request: Request, headers: Mapping[str, str], start: bytes) -> None:
    if not request.html and is_page(headers, start):
        raise Refused(
            f"{request.what}: the publisher sent a web page in its place, with status 200.",
            "Nothing was changed. Open the address in a browser to see what the page says.",
        )


def _mismatch(request: Request, but: str) -> SourceError:
    what = f"{request.what}: the listing says {request.size:,} bytes, but {but}."
    return Contradicted(what, _MOVED)


def _too_long(request: Request, bound: int) -> SourceError:
    if request.size is not None:
        return _mismatch(request, "more came")
    return SourceError(
        f"{request.what}: the body is larger than the limit of {bound:,} bytes.",
        "Nothing was changed. Check the URL.",
    )
