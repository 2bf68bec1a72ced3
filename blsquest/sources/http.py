"""Identified, paced HTTP: one GET at a time, retried where that may help."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import BoundedSemaphore
from time import monotonic
from typing import IO, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from blsquest import __version__
from blsquest.core.errors import SourceError
from blsquest.core.source import Progress
from blsquest.core.stop import raise_if_stopped
from blsquest.core.text import shown
from blsquest.core.usage import Meter
from blsquest.sources.config import check_contact
from blsquest.sources.failures import LIBRARY_ERRORS, StatusError, TransientError, describe
from blsquest.sources.headers import is_page, retry_after
from blsquest.sources.pacer import Pacer
from blsquest.sources.request import START, Reply, Request, Sink, receive
from blsquest.sources.session import Session

R = TypeVar("R")

LONGEST_WAIT = 120.0
"""Seconds: a `Retry-After` beyond it ends the request instead of holding up the run."""

IN_FLIGHT = 16
"""Most requests under way at one publisher at a time, over all surveys that share a client. At BLS
the pace keeps it at a few; this bounds the load on a server that asks for no pace."""

SURVEYS_AT_ONCE = 24
"""Surveys that one process brings up to date at a time: half as many again as may wait for their
listing, since the others are at the lake meanwhile."""

_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_THERE = frozenset({200, 206, 416})
"""A range that can't be satisfied is what an empty file answers."""
_GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Retries:
    """Exponential back-off with jitter, for one request.

    Attributes:
        first_wait: Seconds before the second attempt; doubled for each further one.
    """

    attempts: int = 4
    first_wait: float = 1.0

    def wait(self, attempt: int) -> float:
        """Return the seconds to wait after `attempt` (1, 2 …): between half and all of the step."""
        return self.first_wait * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds.

    Attributes:
        connect: To open a connection.
        read: Between two arrivals of bytes, and until the first.
        total: For one body, from its headers on; exceeded by at most one `read`.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 3600.0


class Client:
    """A client of one publisher, identified and paced. Share it among threads.

    Attributes:
        contact: The e-mail address in the User-Agent, or None.
        user_agent: The User-Agent of every request.
        interval: Seconds between two requests, by the pace.
        blocked: Why the publisher gets no more requests, or None (see `bls`).
    """

    def __init__(
        self,
        pacer: Pacer,
        *,
        contact: str | None = None,
        timeouts: Timeouts = Timeouts(),
        retries: Retries = Retries(),
    ) -> None:
        self.contact = check_contact(contact) if contact else None
        self.user_agent = f"bls-data-quest/{__version__}" + (f" (+{contact})" if contact else "")
        self.blocked: SourceError | None = None
        self.interval = pacer.interval
        self._pacer = pacer
        self._timeouts = timeouts
        self._session = Session(pacer, self.user_agent)
        self._slots = BoundedSemaphore(IN_FLIGHT)
        self._attempts = retries.attempts
        self._retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(retries.attempts),
            wait=lambda state: retries.wait(state.attempt_number),
            sleep=pacer.pause,
            reraise=True,
        )

    def get(
        self, request: Request, into: IO[bytes], meter: Meter, *, progress: Progress | None = None
    ) -> Reply:
        """Stream one body into `into`, whose former content is lost.

        Failed connections, read timeouts, bodies cut short, 408, 429 and 5xx are tried again after
        a back-off, up to `Retries.attempts` in all. A `Retry-After` holds every request of the
        pacer. `progress` counts each byte once, whatever the attempts. `meter` counts each request
        (redirects and further attempts included) as `GET`; its seconds leave out the pace.

        Raises:
            SourceError: It did not arrive; StatusError for a permanent status.
            Refused: What arrived cannot be trusted.
            Stopped: The process is to end.
        """
        sink = Sink(into, meter, progress)
        return self._retried(meter, lambda: self._attempt(request, sink))

    def serves(self, request: Request, meter: Meter) -> bool:
        """Ask for a file's first byte, past all caches; return whether the publisher has the file.

        Only 404 and 410 say that it has not. Retries, pace and `meter` are as for `get`.

        Raises:
            SourceError: The answer is neither yes nor no: another status, a redirect, or a web page
                in the file's place.
            Stopped: The process is to end.
        """
        return self._retried(meter, lambda: self._probe(request, meter))

    def _retried(self, meter: Meter, attempt: Callable[[], R]) -> R:
        def count(state: RetryCallState) -> None:
            meter.add(waited=state.upcoming_sleep)

        try:
            return self._retrying.copy(before_sleep=count)(attempt)
        except TransientError as error:
            raise_if_stopped()  # a stop cuts connections, so it may be the cause
            what = f"{error.what} Given up after {self._attempts} attempts."
            raise SourceError(what, error.remedy, transient=True) from error

    def _probe(self, request: Request, meter: Meter) -> bool:
        headers = {"Range": "bytes=0-0", "Cache-Control": "no-cache"}
        with self._slots, self._send(request, request.url, meter, headers) as response:
            status = response.status_code
            if status in _GONE:
                return False
            if status not in _THERE:
                raise self._failed(request, response)
            try:
                start = _start_of(response, monotonic() + self._timeouts.read)
            except LIBRARY_ERRORS as error:
                raise describe(error, request.what, _host(request.url)) from error
            if status in {200, 206} and not request.html and is_page(response.headers, start):
                raise StatusError(
                    f"{request.what}: a web page came in its place, with status {status}.",
                    "Look at the address in a browser, and run again later.",
                    status,
                )
            return True

    def _attempt(self, request: Request, sink: Sink) -> Reply:
        url = request.url
        for _ in range(_MAX_REDIRECTS + 1):
            since = request.if_modified_since
            headers = {"If-Modified-Since": since} if since else {}
            with self._slots, self._send(request, url, sink.meter, headers) as response:
                if response.status_code in _REDIRECTS:
                    url = _redirected(request.what, url, response.headers.get("Location", ""))
                    continue
                with sink.meter.timed():
                    return self._read(request, response, sink)
        raise SourceError(
            f"{request.what}: {_host(url)} redirected more than {_MAX_REDIRECTS} times.",
            "Open the URL in a browser to see where it leads.",
        )

    def _send(
        self, request: Request, url: str, meter: Meter, headers: Mapping[str, str]
    ) -> requests.Response:
        timeout = (self._timeouts.connect, self._timeouts.read)
        try:
            with self._pacer.turn() as waited:
                meter.add(waited=waited)
                raise_if_stopped()
                with meter.timed("GET"):
                    return self._session.get(url, headers=headers, stream=True, timeout=timeout)
        except LIBRARY_ERRORS as error:
            raise describe(error, request.what, _host(url)) from error

    def _read(self, request: Request, response: requests.Response, sink: Sink) -> Reply:
        status = response.status_code
        if status == 200:  # noqa: PLR2004 - OK
            return receive(request, response, sink, self._timeouts.total)
        if status == 304 and request.if_modified_since:  # noqa: PLR2004 - Not Modified
            response.raw.read(1)  # has no body; reading it lets the connection be used again
            return Reply(response.headers, modified=False)
        raise self._failed(request, response)

    def _failed(self, request: Request, response: requests.Response) -> SourceError:
        """Return the error for a failed answer; hold the pacer if the answer asks to wait."""
        status = response.status_code
        what = f"{request.what}: {_host(request.url)} answered {status}."
        if status not in {408, 429} and not 500 <= status < 600:  # noqa: PLR2004 - the 5xx class
            return StatusError(what, "Check the URL.", status)
        wait = retry_after(response.headers, datetime.now(UTC)) or 0.0
        if wait > LONGEST_WAIT:
            what = f"{what} It asks to wait {wait:,.0f} s, longer than a run waits."
            return SourceError(what, "Run again after that time.")
        if wait:
            self._pacer.hold(wait)
        return TransientError(what, "Run again later.")


def _start_of(response: requests.Response, deadline: float) -> bytes:
    """Return the part of a body's start that arrives by the deadline, or one read later."""
    start = b""
    while len(start) < START and (not start or monotonic() < deadline):
        chunk: bytes = response.raw.read1(START - len(start), decode_content=False)
        if not chunk:
            break
        start += chunk
    return start


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _redirected(what: str, url: str, location: str) -> str:
    """Return where a redirect leads; SourceError for another scheme, host or port."""
    try:
        target = urljoin(url, location)
        here, there = urlsplit(url), urlsplit(target)
        same = (here.scheme, here.netloc.lower()) == (there.scheme, there.netloc.lower())
    except ValueError:
        same = False
    if not location or not location.isprintable() or not location.isascii() or not same:
        raise SourceError(
            f"{what}: {_host(url)} redirects to {shown(location)}, which is not on {_host(url)}.",
            "Redirects to another host are never followed. Check the URL.",
        )
    return target
