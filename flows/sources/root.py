"""The folder that holds all of BLS's surveys, asked through one client at one pace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.lake.errors import SourceError
from flows.lake.meter import Meter
from flows.sources.bls import BLS_ROOT, BlsSurvey
from flows.sources.config import check_own_contact, check_root
from flows.sources.door import Door
from flows.sources.messages import Request
from flows.sources.selection import Offered, offered

if TYPE_CHECKING:
    from flows.sources.http import Client


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
