"""One survey of the Bureau of Labor Statistics: a folder of flat files."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from flows.lake.meter import Meter
from flows.lake.model import Fetched, NotModified, Refused, SourceError
from flows.sources.config import check_contact, check_root, check_survey
from flows.sources.headers import SAMPLE, age, http_date, is_page
from flows.sources.listing import parse_listing
from flows.sources.messages import Request, StatusError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.lake.model import Layout, Listing, Progress, RemoteFile
    from flows.sources.http import Client
    from flows.sources.messages import Guard

BLS_ROOT = "https://download.bls.gov/pub/time.series/"
"""The folder that holds one folder a survey."""

BLS_PER_SECOND = 1.0
"""BLS blocks robots that download "multiple times per second"
(https://www.bls.gov/bls/blsterms.htm)."""

_FORBIDDEN, _NOT_FOUND = 403, 404


@dataclass(frozen=True)
class BlsSurvey:
    """A survey's folder as a Source.

    Attributes:
        survey: Its code, for example `pr`.
        client: Holds the contact and the pace; share one among all surveys.
        root: The URL of the folder that holds the survey folders.
        meter: Counts this survey's requests.

    Raises:
        Misuse: The contact is missing, or the code or the URL is impossible.
    """

    survey: str
    client: Client
    root: str = BLS_ROOT
    meter: Meter = field(default_factory=Meter, compare=False)
    _blocked: list[SourceError] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_contact(self.client.contact)
        check_survey(self.survey)
        object.__setattr__(self, "root", check_root(self.root))

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
    def url(self) -> str:
        """The survey's folder."""
        return f"{self.root}{self.survey}/"

    def list(self) -> Listing:
        """Ask for the folder's page: one request.

        Raises:
            SourceError: It did not come; an unknown survey is named.
            Refused: It is not the folder's complete listing.
        """
        self._raise_if_blocked()
        page = BytesIO()
        try:
            reply = self.client.get(
                Request(self.url, f"the listing of {self.key}"), page, self.meter
            )
        except StatusError as error:
            if error.status == _NOT_FOUND:
                raise SourceError(
                    f"There is no survey {self.survey!r} at {self.root} (404).",
                    "The surveys are the folders listed there.",
                ) from error
            raise self._explained(error) from error
        path = unquote(urlsplit(self.url).path)
        return parse_listing(page.getvalue(), path, sample=SAMPLE in reply.headers)

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
        self._raise_if_blocked()
        known = if_modified_since if http_date(if_modified_since) else None
        request = Request(
            url=self.url + quote(file.name, safe=""),
            what=f"{self.key}/{file.name}",
            size=file.size,
            if_modified_since=known,
            guard=_page_guard(file.name),
        )
        try:
            reply = self.client.get(request, into, self.meter, progress=progress)
        except StatusError as error:
            if error.status == _NOT_FOUND:
                raise SourceError(
                    f"{request.what} is listed but not there (404).",
                    "The publisher may have just removed it: run again later.",
                ) from error
            raise self._explained(error) from error
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

    def _explained(self, error: StatusError) -> SourceError:
        if error.status != _FORBIDDEN:
            return error
        blocked = SourceError(
            f"{error.what} It was asked by {self.client.user_agent}.",
            "BLS blocks robots without a contact e-mail address, and those that download several "
            "times a second (https://www.bls.gov/bls/blsterms.htm). Check that --contact is an "
            "address you read and that nothing else at your address downloads too fast; then wait "
            "before running again.",
        )
        self._blocked.append(blocked)
        return blocked

    def _raise_if_blocked(self) -> None:
        """Ask nothing more of a publisher that has shut the door: each request keeps it shut."""
        if self._blocked:
            raise self._blocked[0]


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
