"""Identified, paced HTTP: one GET at a time, tried again where that may help."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from flows import __version__
from flows.lake.errors import SourceError
from flows.lake.stop import raise_if_stopped
from flows.sources.body import Tally, receive
from flows.sources.config import check_contact
from flows.sources.failures import LIBRARY_ERRORS, describe
from flows.sources.headers import retry_after
from flows.sources.messages import PassingError, Reply, StatusError
from flows.sources.names import shown
from flows.sources.retry import LONGEST_WAIT, Retries, is_passing
from flows.sources.wire import session

if TYPE_CHECKING:
    import requests

    from flows.lake.meter import Meter
    from flows.lake.model import Progress
    from flows.sources.messages import Request
    from flows.sources.pacer import Pacer

IN_FLIGHT = 16
"""Requests under way at one publisher at a time at most, over all surveys that share a client. At
BLS the pace keeps it at a few; this bounds what a server that asks for no pace has to bear."""

SURVEYS_AT_ONCE = 24
"""Surveys that one process brings up to date at a time: half as many again as may wait for their
listing, since the others are at the lake meanwhile."""

_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds.

    Attributes:
        connect: Until a connection stands.
        read: Between two arrivals of bytes, and until the first.
        total: For one body, from its headers on; exceeded by at most one `read`.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 3600.0


class Client:
    """Asks one publisher, in a person's name and at its pace. For many threads: share it.

    Attributes:
        contact: The e-mail address in the User-Agent, or None.
        user_agent: How every request identifies itself.
    """

    def __init__(
        self,
        pacer: Pacer,
        *,
        contact: str | None = None,
        timeouts: Timeouts = Timeouts(),
        retries: Retries = Retries(),  # noqa: B008 - frozen
    ) -> None:
        """Ask nothing yet.

        Raises:
            Misuse: The contact is given and is no address.
        """
        self.contact = check_contact(contact) if contact else None
        self.user_agent = f"bls-data-quest/{__version__}" + (f" (+{contact})" if contact else "")
        self._pacer = pacer
        self._timeouts = timeouts
        self._retries = retries
        self._session = session(pacer, self.user_agent)
        self._slots = BoundedSemaphore(IN_FLIGHT)

    def get(
        self, request: Request, into: IO[bytes], meter: Meter, *, progress: Progress | None = None
    ) -> Reply:
        """Stream one body into `into`, whose former content is lost.

        Tried again, up to `Retries.attempts` in all, are failed connections, read timeouts, bodies
        cut short, 408, 429 and 5xx: after `Retry-After`, which then holds for every request of
        the pacer, or after a back-off. `progress` hears of each byte once, whatever the attempts.
        `meter` counts each request, redirects and further attempts included, as `GET`; its
        seconds leave out what the pace costs.

        Raises:
            SourceError: It did not arrive; StatusError for a status that stays.
            Refused: What arrived is not to be believed.
            Stopped: The process is to end.
        """
        tally = Tally(progress)
        attempt = 1
        while True:
            try:
                return self._attempt(request, into, meter, tally)
            except PassingError as error:
                self._wait_or_give_up(error, attempt)
            attempt += 1

    def _wait_or_give_up(self, error: PassingError, attempt: int) -> None:
        raise_if_stopped()  # which also ends connections: then this error is its doing
        if error.after is not None and error.after > LONGEST_WAIT:
            what = f"{error.what} It asks to wait {error.after:,.0f} s, longer than a run waits."
            raise SourceError(what, "Run again after that time.") from error
        if error.after:
            self._pacer.hold(error.after)
        if attempt >= self._retries.attempts:
            what = f"{error.what} Given up after {attempt} attempts."
            raise SourceError(what, error.remedy, transient=True) from error
        if not error.after:
            self._pacer.pause(self._retries.wait(attempt))

    def _attempt(self, request: Request, into: IO[bytes], meter: Meter, tally: Tally) -> Reply:
        url = request.url
        for _ in range(_MAX_REDIRECTS + 1):
            with self._slots, self._send(request, url, meter) as response:
                if response.status_code in _REDIRECTS:
                    url = _redirected(request.what, url, response.headers.get("Location", ""))
                    continue
                with meter.timed():
                    return self._read(request, response, into, meter, tally)
        raise SourceError(
            f"{request.what}: {_host(url)} redirected more than {_MAX_REDIRECTS} times.",
            "Open the URL in a browser to see where it leads.",
        )

    def _send(self, request: Request, url: str, meter: Meter) -> requests.Response:
        since = request.if_modified_since
        timeout = (self._timeouts.connect, self._timeouts.read)
        try:
            with self._pacer.turn() as waited:
                meter.add(waited=waited)
                raise_if_stopped()
                with meter.timed("GET"):
                    return self._session.get(
                        url,
                        headers={"If-Modified-Since": since} if since else {},
                        stream=True,
                        timeout=timeout,
                    )
        except LIBRARY_ERRORS as error:
            failure = describe(error, request.what, _host(url))
            if failure.transient:
                raise PassingError(failure.what, failure.remedy) from error
            raise failure from error

    def _read(
        self,
        request: Request,
        response: requests.Response,
        into: IO[bytes],
        meter: Meter,
        tally: Tally,
    ) -> Reply:
        status = response.status_code
        said = f"{request.what}: {_host(request.url)} answered {status}"
        if status == 200:  # noqa: PLR2004 - OK
            return receive(request, response, into, meter, tally, seconds=self._timeouts.total)
        if status == 304 and request.if_modified_since:  # noqa: PLR2004 - Not Modified
            response.raw.read(1)  # has no body; reading it lets the connection be used again
            return Reply(response.headers, modified=False)
        if is_passing(status):
            wait = retry_after(response.headers, datetime.now(UTC))
            raise PassingError(f"{said}.", "Run again later.", after=wait)
        raise StatusError(f"{said}.", "Check the URL.", status)


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _redirected(what: str, url: str, location: str) -> str:
    """Where a redirect leads; it must not leave the scheme, host and port.

    Raises:
        SourceError: It does, or says nothing sensible.
    """
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
