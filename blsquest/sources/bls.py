"""The Bureau of Labor Statistics: a root folder, and in it one folder of flat files a survey."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from blsquest.core.errors import NoSurvey, Refused, SourceError
from blsquest.core.source import Fetched, NotModified
from blsquest.core.usage import Meter
from blsquest.sources.config import (
    check_own_contact,
    check_root,
    check_survey,
    is_host_of,
)
from blsquest.sources.headers import age, http_date, is_page
from blsquest.sources.http import NOT_FOUND, Door
from blsquest.sources.request import Request, StatusError
from blsquest.sources.selection import Offered, offered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blsquest.core.source import Layout, Listing, Progress, RemoteFile
    from blsquest.sources.http import Client
    from blsquest.sources.request import Guard


BLS_ROOT = "https://download.bls.gov/pub/time.series/"
"""The folder that holds one folder a survey."""

BLS_PER_SECOND = 1.0
"""BLS blocks robots that download "multiple times per second"
(https://www.bls.gov/bls/blsterms.htm)."""


@dataclass(frozen=True)
class BlsSurvey:
    """A survey's folder as a Source.

    Attributes:
        survey: Its code, for example `pr`.
        client: Holds the contact and the pace; share one among all surveys.
        root: The URL of the folder that holds the survey folders.
        meter: Counts this survey's requests.
        shut: See `Door`; surveys of one publisher may share it.

    Raises:
        Misuse: The contact is missing or a placeholder, or the code or the URL is impossible.
    """

    survey: str
    client: Client
    root: str = BLS_ROOT
    meter: Meter = field(default_factory=Meter, compare=False)
    shut: list[SourceError] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_survey(self.survey)
        object.__setattr__(self, "root", check_root(self.root))
        check_own_contact(self.client.contact, self.root)

    @property
    def key(self) -> str:
        """`bls/<survey>`."""
        return f"bls/{self.survey}"

    @property
    def layout(self) -> Layout:
        """The publisher's own names, directly under the key."""
        return "flat"

    @property
    def data_prefix(self) -> str:
        """What BLS calls a survey's data files, as against its code tables."""
        return f"{self.survey}.data."

    @property
    def surely_real(self) -> bool:
        """Whether it is BLS's own host, which serves no generated sample."""
        return is_host_of(self.root, BLS_ROOT)

    @property
    def _door(self) -> Door:
        return Door(self.client, self.shut)

    @property
    def url(self) -> str:
        """The survey's folder."""
        return f"{self.root}{self.survey}/"

    def list(self) -> Listing:
        """Ask for the folder's page: one request.

        Raises:
            SourceError: It did not come; an unknown survey is named.
            Refused: It is not the folder's complete listing.
        """
        return self._door.list(
            Request(self.url, f"the listing of {self.key}"),
            self.meter,
            NoSurvey(
                f"There is no survey {self.survey!r} at {self.root} (404).",
                "That address, opened in a browser, lists the surveys that there are.",
            ),
        )

    def fetch(
        self,
        file: RemoteFile,
        into: IO[bytes],
        *,
        if_modified_since: str | None = None,
        progress: Progress | None = None,
    ) -> Fetched | NotModified:
        """Ask for one file, conditionally when `if_modified_since` is an HTTP date.

        Raises:
            SourceError: It did not come whole, or is not as long as listed.
            Refused: A web page, or something encoded, came in its place.
        """
        known = if_modified_since if http_date(if_modified_since) else None
        request = Request(
            url=self.url + quote(file.name, safe=""),
            what=f"{self.key}/{file.name}",
            size=file.size,
            if_modified_since=known,
            guard=_page_guard(file.name),
        )
        try:
            reply = self._door.get(request, into, self.meter, progress)
        except StatusError as error:
            if error.status != NOT_FOUND:
                raise
            raise SourceError(
                f"{request.what} is listed but not there (404).",
                "The publisher may have just removed it: run again later.",
            ) from error
        date = reply.headers.get("Date")
        if not reply.modified:
            return NotModified(age(known, date))
        modified = reply.headers.get("Last-Modified")
        return Fetched(
            size=reply.size,
            sha256=reply.sha256,
            identity=reply.sha256,
            last_modified=modified if http_date(modified) else None,
            age=age(modified, date),
        )


def _page_guard(name: str) -> Guard | None:
    """Refuses a web page in the place of a file that is none."""
    if name.lower().endswith((".htm", ".html")):
        return None

    def guard(headers: Mapping[str, str], start: bytes) -> None:
        if is_page(headers, start):
            raise Refused(
                f"{name}: the publisher sent a web page in its place, with status 200.",
                "Nothing was changed. Open the file in a browser to see what the page says.",
            )

    return guard


@dataclass(frozen=True)
class BlsRoot:
    """All surveys: their sources share connections, pace, and what BLS says of the caller.

    Attributes:
        client: Holds the contact and the pace.
        url: The folder that holds the survey folders.
        meter: Counts what is asked of the root itself.

    Raises:
        Misuse: The contact is missing or a placeholder, or the URL is impossible.
    """

    client: Client
    url: str = BLS_ROOT
    meter: Meter = field(default_factory=Meter, compare=False)
    _shut: list[SourceError] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", check_root(self.url))
        check_own_contact(self.client.contact, self.url)

    def list(self) -> Offered:
        """Ask which surveys there are: one request. Files beside the folders are no survey's.

        Raises:
            SourceError: The page did not come.
            Refused: It is not the root's complete listing.
        """
        absent = SourceError(
            f"There is no folder of surveys at {self.url} (404).",
            f"Correct the URL; BLS's is {BLS_ROOT}.",
        )
        door = Door(self.client, self._shut)
        page = door.list(Request(self.url, "the listing of all surveys"), self.meter, absent)
        return offered(page.directories)

    def survey(self, code: str) -> BlsSurvey:
        """The source of one survey, with a meter of its own.

        Raises:
            Misuse: It cannot be a survey's code.
        """
        return BlsSurvey(code, self.client, self.url, shut=self._shut)
