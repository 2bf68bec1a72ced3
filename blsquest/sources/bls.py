"""The Bureau of Labor Statistics: a root folder, and in it one folder of flat files a survey."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import IO, TypeVar
from urllib.parse import quote, unquote, urlsplit

from blsquest.core.clock import http_date
from blsquest.core.errors import NoSurvey, Refused, SourceError
from blsquest.core.source import (
    Fetched,
    Layout,
    Listing,
    NotModified,
    Progress,
    RemoteFile,
    source_of,
)
from blsquest.core.usage import Meter
from blsquest.sources.config import check_contact, check_root, check_survey, is_host_of
from blsquest.sources.failures import StatusError
from blsquest.sources.headers import SAMPLE, age, server_time
from blsquest.sources.http import Client
from blsquest.sources.listing import parse_listing
from blsquest.sources.request import Reply, Request
from blsquest.sources.selection import Offered, offered

BLS_ROOT = "https://download.bls.gov/pub/time.series/"
"""The folder that holds one folder a survey."""

BLS_PER_SECOND = 1.0
"""BLS blocks robots that download "multiple times per second"
(https://www.bls.gov/bls/blsterms.htm)."""

REMOVAL_WAIT = 180.0
"""Seconds until a file that BLS no longer lists is looked for in a second listing."""

T = TypeVar("T")

_FORBIDDEN, _NOT_FOUND = 403, 404


class _Folder:
    """A folder at BLS.

    Attributes:
        client: Holds the contact and the pace; share one among all surveys.
        root: The URL of the folder that holds the survey folders.
        url: The folder's own.
        meter: Counts the requests for what is directly in it.

    Raises:
        Misuse: The contact is missing or a placeholder, or the URL is impossible.
    """

    def __init__(self, client: Client, root: str, folder: str = "") -> None:
        self.client = client
        self.root = check_root(root)
        self.url = self.root + folder
        self.meter = Meter()
        check_contact(client.contact, self.root)

    def _page(self, what: str, absent: SourceError) -> Listing:
        """Ask for the folder's page: one request. Raises `absent` for a 404."""
        page = BytesIO()
        reply = self._get(Request(self.url, what, html=True), page, absent)
        path = unquote(urlsplit(self.url).path)
        listing = parse_listing(page.getvalue(), path, sample=SAMPLE in reply.headers)
        return replace(listing, time=server_time(reply.headers))

    def _get(
        self,
        request: Request,
        into: IO[bytes],
        absent: SourceError,
        progress: Progress | None = None,
    ) -> Reply:
        try:
            return self._unless_blocked(
                lambda: self.client.get(request, into, self.meter, progress=progress)
            )
        except StatusError as error:
            if error.status != _NOT_FOUND:
                raise
            raise absent from error

    def _unless_blocked(self, ask: Callable[[], T]) -> T:
        """Ask, unless BLS has answered 403 before: each further request would prolong the block."""
        if self.client.blocked is not None:
            raise self.client.blocked
        try:
            return ask()
        except StatusError as error:
            if error.status != _FORBIDDEN:
                raise
            self.client.blocked = SourceError(
                f"{error.what} The request was made by {self.client.user_agent}.",
                "BLS blocks robots without a contact e-mail address, and those that download "
                "several times a second (https://www.bls.gov/bls/blsterms.htm). Check that "
                "--contact is an address you read and that nothing else at your address downloads "
                "too fast; then wait before running again.",
            )
            raise self.client.blocked from error


class BlsSurvey(_Folder):
    """A survey's folder as a Source; see `_Folder`.

    Attributes:
        removal_wait: See `Source`; by default `REMOVAL_WAIT` for BLS and none for other servers.
    """

    def __init__(
        self,
        survey: str,
        client: Client,
        root: str = BLS_ROOT,
        *,
        removal_wait: float | None = None,
    ) -> None:
        super().__init__(client, root, f"{check_survey(survey)}/")
        self.survey = survey
        self.key = source_of(survey)
        self.layout: Layout = "flat"
        self.data_prefix = f"{survey}.data."
        self.surely_real = is_host_of(self.root, BLS_ROOT)
        self.interval = client.interval
        usual = REMOVAL_WAIT if self.surely_real else 0.0
        self.removal_wait = usual if removal_wait is None else removal_wait

    def list(self) -> Listing:
        """Ask for the folder's page: one request. Raises NoSurvey where there is no folder."""
        absent = NoSurvey(
            f"There is no survey {self.survey!r} at {self.root} (404).",
            "Open that address in a browser to see the surveys.",
        )
        return self._page(f"the listing of {self.key}", absent)

    def fetch(
        self,
        file: RemoteFile,
        into: IO[bytes],
        *,
        if_modified_since: str | None = None,
        progress: Progress | None = None,
    ) -> Fetched | NotModified:
        """Ask for one file, conditionally if `if_modified_since` is an HTTP date.

        IIS also answers 304 if its file is older than the date sent. The answer's `Last-Modified`
        then differs, and the file is requested again without the condition.
        """
        known = if_modified_since if http_date(if_modified_since) else None
        request = replace(self._request(file.name), size=file.size, if_modified_since=known)
        absent = SourceError(
            f"{request.what} is listed but not there (404).",
            "The publisher may have just removed it: run again later.",
        )
        reply = self._get(request, into, absent, progress)
        if not reply.modified:
            modified = reply.headers.get("Last-Modified")
            if modified is None or http_date(modified) == http_date(known):
                return NotModified(age(known, reply.headers.get("Date")), modified)
            reply = self._get(replace(request, if_modified_since=None), into, absent, progress)
        modified = reply.headers.get("Last-Modified")
        return Fetched(
            size=reply.size,
            sha256=reply.sha256,
            identity=reply.sha256,
            last_modified=modified if http_date(modified) else None,
            age=age(modified, reply.headers.get("Date")),
        )

    def serves(self, name: str) -> bool:
        """Ask for one file's first byte: False for 404 and 410."""
        request = self._request(name)
        request = replace(request, what=f"{request.what}, which is not listed any more")
        return self._unless_blocked(lambda: self.client.serves(request, self.meter))

    def _request(self, name: str) -> Request:
        return Request(
            url=self.url + quote(name, safe=""),
            what=f"{self.key}/{name}",
            html=name.lower().endswith((".htm", ".html")),
        )


class BlsRoot(_Folder):
    """All surveys: their sources share connections, pace, and whether BLS blocks the caller."""

    def __init__(
        self, client: Client, url: str = BLS_ROOT, *, removal_wait: float | None = None
    ) -> None:
        super().__init__(client, url)
        self.removal_wait = removal_wait

    def list(self) -> Offered:
        """Request the list of surveys: one request. Files beside the folders are ignored.

        Raises:
            SourceError: The page did not arrive.
            Refused: It is not the root's complete listing.
        """
        absent = SourceError(
            f"There is no folder of surveys at {self.url} (404).",
            f"Correct the URL; BLS's is {BLS_ROOT}.",
        )
        found = offered(self._page("the listing of all surveys", absent).directories)
        if not found.surveys:
            raise Refused(
                f"The listing of {self.url} has no survey.",
                f"Look at it in a browser; BLS's is {BLS_ROOT}.",
            )
        return found

    def survey(self, code: str) -> BlsSurvey:
        """Return the source of one survey, with a meter of its own; Misuse for no code."""
        return BlsSurvey(code, self.client, self.url, removal_wait=self.removal_wait)
