"""Identified, paced HTTP: one GET at a time, retried where that may help."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from threading import BoundedSemaphore
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from blsquest import __version__
from blsquest.core.errors import SourceError
from blsquest.core.stop import raise_if_stopped
from blsquest.core.text import shown
from blsquest.sources.config import check_contact
from blsquest.sources.download import Tally, receive
from blsquest.sources.failures import LIBRARY_ERRORS, describe
from blsquest.sources.headers import SAMPLE, retry_after
from blsquest.sources.listing import parse_listing
from blsquest.sources.request import PassingError, Reply, Request, StatusError
from blsquest.sources.session import session

if TYPE_CHECKING:
    import requests

    from blsquest.core.source import Listing, Progress
    from blsquest.core.usage import Meter
    from blsquest.sources.pacer import Pacer


LONGEST_WAIT = 120.0
"""Seconds: a `Retry-After` beyond it ends the request instead of holding up the run."""


def is_passing(status: int) -> bool:
    """Whether a status says that the same request may work in a moment."""
    return status in {408, 429} or 500 <= status < 600  # noqa: PLR2004 - the 5xx class


@dataclass(frozen=True, slots=True)
class Retries:
    """Exponential back-off with jitter, for one request.

    Attributes:
        attempts: In all, the first included.
        first_wait: Seconds before the second attempt; doubled for each further one.
        longest_wait: Seconds between two attempts at most.
    """

    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 30.0

    def wait(self, attempt: int) -> float:
        """Seconds to wait after `attempt` (1, 2 …) failed: between half and all of the step."""
        step = min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1))
        return step * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret


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
        retries: Retries = Retries(),
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


FORBIDDEN, NOT_FOUND = 403, 404


@dataclass(frozen=True, slots=True)
class Door:
    """One publisher's door, which several surveys may share.

    Attributes:
        client: Holds the contact and the pace.
        shut: What it said when it shut the door; empty while it is open.
    """

    client: Client
    shut: list[SourceError]

    def get(
        self, request: Request, into: IO[bytes], meter: Meter, progress: Progress | None = None
    ) -> Reply:
        """See `Client.get`; a 403 is explained, and nothing is asked after it.

        Raises:
            SourceError: Likewise; StatusError for a status that stays.
        """
        # Each request to a publisher that has shut the door keeps it shut.
        if self.shut:
            raise self.shut[0]
        try:
            return self.client.get(request, into, meter, progress=progress)
        except StatusError as error:
            if error.status != FORBIDDEN:
                raise
            raise self._explained(error) from error

    def list(self, request: Request, meter: Meter, absent: SourceError) -> Listing:
        """Ask for a folder's page: one request.

        Args:
            request: Its address.
            meter: Counts the request.
            absent: What a 404 means.

        Raises:
            SourceError: It did not come.
            Refused: It is not the folder's complete listing.
        """
        page = BytesIO()
        try:
            reply = self.get(request, page, meter)
        except StatusError as error:
            if error.status == NOT_FOUND:
                raise absent from error
            raise
        path = unquote(urlsplit(request.url).path)
        return parse_listing(page.getvalue(), path, sample=SAMPLE in reply.headers)

    def _explained(self, error: StatusError) -> SourceError:
        blocked = SourceError(
            f"{error.what} It was asked by {self.client.user_agent}.",
            "BLS blocks robots without a contact e-mail address, and those that download several "
            "times a second (https://www.bls.gov/bls/blsterms.htm). Check that --contact is an "
            "address you read and that nothing else at your address downloads too fast; then wait "
            "before running again.",
        )
        self.shut.append(blocked)
        return blocked
