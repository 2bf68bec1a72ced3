"""How BLS is asked: through one client, and not again once it has shut the door."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from flows.lake.errors import SourceError
from flows.sources.headers import SAMPLE
from flows.sources.listing import parse_listing
from flows.sources.messages import StatusError

if TYPE_CHECKING:
    from flows.lake.meter import Meter
    from flows.lake.model import Listing, Progress
    from flows.sources.http import Client
    from flows.sources.messages import Reply, Request

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
