"""Takes in one body: bounded, measured, never decoded, whole or an error."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from blsquest.core.errors import Refused, SourceError
from blsquest.core.text import shown
from blsquest.sources.failures import LIBRARY_ERRORS, describe
from blsquest.sources.headers import content_length
from blsquest.sources.request import PassingError, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from blsquest.core.source import Progress
    from blsquest.core.usage import Meter


CHUNK = 1 << 20
"""The most bytes of a body that are held at once."""

_START = 512
_MOVED = "The publisher may have just replaced it: run again in a few minutes."


@dataclass(slots=True)
class Tally:
    """Reports arrivals once: another attempt is silent until it gets further than the last."""

    progress: Progress | None
    reported: int = 0

    def reached(self, size: int) -> None:
        """`size` bytes of the body are there."""
        if self.progress is not None and size > self.reported:
            self.progress(size - self.reported)
            self.reported = size


def receive(
    request: Request,
    response: requests.Response,
    into: IO[bytes],
    meter: Meter,
    tally: Tally,
    *,
    seconds: float,
) -> Reply:
    """Stream the body of a 200 into `into`, from its beginning.

    Args:
        request: What was asked for, and so what is acceptable.
        response: Its headers are there, its body is not read.
        into: Emptied first.
        meter: Counts the bytes.
        tally: Hears how far the body has got.
        seconds: For the whole body; exceeded by at most one read timeout.

    Raises:
        PassingError: It ended too soon.
        SourceError: It is not as long as it must be, or took too long.
        Refused: It is encoded, or the request's guard does not want it.
    """
    headers = response.headers
    _refuse_encoded(request, headers.get("Content-Encoding"), headers.get("Transfer-Encoding"))
    if request.guard is not None:
        request.guard(headers, b"")
    announced = content_length(headers)
    if request.size is not None and announced not in {None, request.size}:
        raise _mismatch(request, f"the server announces {announced:,}")
    bound = request.limit if request.size is None else request.size
    if announced is not None and announced > bound:
        raise _too_long(request, bound)
    into.seek(0)
    into.truncate()
    start, digest, size = b"", sha256(), 0
    for chunk in _chunks(request, response, monotonic() + seconds):
        if request.guard is not None and len(start) < _START:
            start += chunk[: _START - len(start)]
            request.guard(headers, start)
        size += len(chunk)
        meter.add(received=len(chunk))
        if size > bound:
            raise _too_long(request, bound)
        digest.update(chunk)
        into.write(chunk)
        tally.reached(size)
    if request.size is not None and size < request.size:
        # Without an announced length this is how a body cut short looks.
        raise PassingError(f"{request.what}: {size:,} of {request.size:,} bytes came.", _MOVED)
    return Reply(headers, size=size, sha256=digest.hexdigest())


def _chunks(request: Request, response: requests.Response, deadline: float) -> Iterator[bytes]:
    """The body as it arrives, as sent: `read1` returns what is there instead of waiting."""
    host = urlsplit(request.url).netloc
    while True:
        try:
            chunk: bytes = response.raw.read1(CHUNK, decode_content=False)
        except LIBRARY_ERRORS as error:
            failure = describe(error, request.what, host)
            if failure.transient:
                raise PassingError(failure.what, failure.remedy) from error
            raise failure from error
        if not chunk:
            return
        yield chunk
        if monotonic() > deadline:
            raise SourceError(
                f"{request.what}: {host} did not send all of it in the time allowed.",
                "Run again later, or raise the source's total timeout.",
                transient=True,
            )


def _refuse_encoded(request: Request, content: str | None, transfer: str | None) -> None:
    for encoding, plain in ((content, {"identity"}), (transfer, {"identity", "chunked"})):
        if encoding is not None and encoding.strip().lower() not in plain:
            raise Refused(
                f"{request.what}: the server sent it encoded ({shown(encoding)}), though asked "
                "for the bytes themselves.",
                "Nothing was changed. Run again later; something between may re-encode.",
            )


def _mismatch(request: Request, but: str) -> SourceError:
    return SourceError(
        f"{request.what}: the listing says {request.size:,} bytes, but {but}.",
        _MOVED,
        transient=True,
    )


def _too_long(request: Request, bound: int) -> SourceError:
    if request.size is not None:
        return _mismatch(request, "more came")
    return SourceError(
        f"{request.what}: the body has more than the {bound:,} bytes that are sensible.",
        "Nothing was changed. Check the URL.",
    )
