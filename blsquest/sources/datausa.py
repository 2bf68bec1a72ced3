"""The US population from DataUSA: a source of one file."""

import re
from collections.abc import Iterable
from io import BytesIO
from typing import IO

from blsquest.core.errors import Refused, SourceError
from blsquest.core.source import POPULATION, Fetched, Layout, Listing, Progress, RemoteFile
from blsquest.core.usage import Meter
from blsquest.sources.config import check_url, is_host_of, public
from blsquest.sources.failures import StatusError
from blsquest.sources.headers import SAMPLE, server_time
from blsquest.sources.http import Client
from blsquest.sources.population import REQUIRED_YEARS, read_population
from blsquest.sources.request import Reply, Request

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

    The service has no listing and no validators, so the payload's canonical form decides whether
    it changed, and its headers whether it is a generated sample.
    """

    def __init__(
        self,
        client: Client,
        *,
        url: str = POPULATION_URL,
        required_years: Iterable[int] = REQUIRED_YEARS,
    ) -> None:
        self.url = check_url(url)
        self.meter = Meter()
        self.key = POPULATION
        self.layout: Layout = "daily"
        self.data_prefix = _NAME
        self.removal_wait = 0.0
        self.interval = 0.0  # its one document came with the listing
        self.surely_real = is_host_of(url, POPULATION_URL)
        self._client = client
        self._required_years = tuple(required_years)
        self._held: tuple[bytes, Fetched] | None = None

    def list(self) -> Listing:
        """Ask for the payload, unconditionally: one request, whose body `fetch` will hand over.

        Raises Refused where it is not the yearly population of the United States, whole.
        """
        reply = self._ask()
        return Listing(
            (RemoteFile(_NAME, None, ""),),
            sample=SAMPLE in reply.headers,
            time=server_time(reply.headers),
        )

    def serves(self, name: str) -> bool:
        """Return whether that is the one file: `list` raises where it is not there."""
        return name == _NAME

    def fetch(
        self,
        file: RemoteFile,  # noqa: ARG002 - there is only one
        into: IO[bytes],
        *,
        if_modified_since: str | None = None,  # noqa: ARG002 - the service has no validators
        progress: Progress | None = None,
    ) -> Fetched:
        """Hand over the payload that `list` brought; ask for it if there was no `list`."""
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
        try:
            reply = self._client.get(Request(self.url, "the population"), body, self.meter)
        except StatusError as error:
            raise SourceError(
                f"{error.what} The request was {public(self.url)}.",
                "The service has moved before: give its present address with --population-url.",
            ) from error
        payload = body.getvalue()
        found = read_population(payload, required_years=self._required_years)
        # The legacy service once switched to another estimate than asked for, in silence.
        asked, answered = _CUBE.search(self.url), _YEARS_OF.search(found.estimate)
        if asked and answered and found.shape == "tesseract" and asked[1] != answered[1]:
            raise Refused(
                f"The population: the request asks for a {asked[1]}-year estimate (by its cube) "
                f"and the answer is {found.estimate}.",
                "Nothing was changed. Ask for the cube that is meant with --population-url.",
            )
        self._held = payload, Fetched(reply.size, reply.sha256, found.identity)
        return reply
