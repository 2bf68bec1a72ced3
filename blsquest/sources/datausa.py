"""The US population from DataUSA: a source of one file."""

from __future__ import annotations

import re
from io import BytesIO
from typing import IO, TYPE_CHECKING

from blsquest.core.errors import Refused, SourceError
from blsquest.core.source import POPULATION, Fetched, Listing, RemoteFile
from blsquest.core.usage import Meter
from blsquest.sources.config import check_url, is_host_of, public
from blsquest.sources.headers import SAMPLE, is_page
from blsquest.sources.population import REQUIRED_YEARS, Population, read_population
from blsquest.sources.request import Reply, Request, StatusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from blsquest.core.source import Layout, Progress
    from blsquest.sources.http import Client


__all__ = ["POPULATION_URL", "Population", "PopulationSource", "read_population"]

POPULATION_URL = (
    "https://honolulu-api.datausa.io/tesseract/data.jsonrecords"
    "?cube=acs_yg_total_population_1&drilldowns=Year%2CNation&locale=en&measures=Population"
)
"""ACS one-year estimates by year and nation."""

_NAME = "census.json"
_CUBE = re.compile(r"[?&]cube=acs_yg_total_population_([15])(?:&|$)")
_YEARS_OF = re.compile(r"\b([15])-year")


class PopulationSource:
    """The payload as a Source: `list` asks for it and checks it, `fetch` hands over its bytes.

    The service has no listing and no validators, so the payload itself is what tells whether it
    changed, by its canonical form, and whether it is a generated sample, by its headers.

    Attributes:
        url: The whole request.
        meter: Counts the requests.
    """

    def __init__(
        self,
        client: Client,
        *,
        url: str = POPULATION_URL,
        required_years: Iterable[int] = REQUIRED_YEARS,
    ) -> None:
        """Ask nothing yet.

        Args:
            client: Holds the pace, and the contact where there is one.
            url: The whole request.
            required_years: Years without which a payload is refused.

        Raises:
            Misuse: The URL is impossible.
        """
        self.url = check_url(url)
        self.meter = Meter()
        self._client = client
        self._required_years = tuple(required_years)
        self._held: tuple[bytes, Fetched] | None = None

    @property
    def key(self) -> str:
        """`census`."""
        return POPULATION

    @property
    def layout(self) -> Layout:
        """A folder for each UTC day on which the content changed."""
        return "daily"

    @property
    def data_prefix(self) -> str:
        """The one file."""
        return _NAME

    @property
    def surely_real(self) -> bool:
        """Whether it is DataUSA's own host, which serves no generated sample."""
        return is_host_of(self.url, POPULATION_URL)

    def list(self) -> Listing:
        """Ask for the payload, unconditionally: one request, whose body `fetch` will hand over.

        Raises:
            SourceError: It did not come.
            Refused: It is not the yearly population of the United States, whole.
        """
        reply = self._ask()
        return Listing((RemoteFile(_NAME, None, ""),), sample=SAMPLE in reply.headers)

    def fetch(
        self,
        file: RemoteFile,  # noqa: ARG002 - there is only one
        into: IO[bytes],
        *,
        if_modified_since: str | None = None,  # noqa: ARG002 - the service has no validators
        progress: Progress | None = None,
    ) -> Fetched:
        """Hand over the payload that `list` brought; ask for it where it did not.

        Raises:
            SourceError: It did not come.
            Refused: See `list`.
        """
        if self._held is None:
            self._ask()
        assert self._held is not None  # noqa: S101 - `_ask` holds it or raises
        body, fetched = self._held
        into.seek(0)
        into.truncate()
        into.write(body)
        if progress is not None:
            progress(len(body))
        return fetched

    def _ask(self) -> Reply:
        body = BytesIO()
        request = Request(self.url, "the population", guard=_refuse_page)
        try:
            reply = self._client.get(request, body, self.meter)
        except StatusError as error:
            raise SourceError(
                f"{error.what} The request was {public(self.url)}.",
                "The service has moved before: give its present address with --population-url.",
            ) from error
        payload = body.getvalue()
        found = read_population(payload, required_years=self._required_years)
        self._refuse_another_cube(found)
        self._held = payload, Fetched(reply.size, reply.sha256, found.identity)
        return reply

    def _refuse_another_cube(self, found: Population) -> None:
        """The legacy service once moved from one-year to five-year estimates without a word."""
        asked = _CUBE.search(self.url)
        answered = _YEARS_OF.search(found.estimate)
        if asked and answered and found.shape == "tesseract" and asked[1] != answered[1]:
            raise Refused(
                f"The population: the request asks for a {asked[1]}-year estimate (by its cube) "
                f"and the answer is {found.estimate}.",
                "Nothing was changed. Ask for the cube that is meant with --population-url.",
            )


def _refuse_page(headers: Mapping[str, str], start: bytes) -> None:
    if is_page(headers, start):
        raise Refused(
            "The population: the publisher sent a web page instead of JSON.",
            "Nothing was changed. Open the request (--population-url) in a browser.",
        )
