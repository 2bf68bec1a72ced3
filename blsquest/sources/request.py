"""A request to a publisher, its reply, and the errors that an attempt ends in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from blsquest.core.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping


SMALL_BODY = 16 << 20
"""16 MiB: the most that a listing or a population payload may have."""


class StatusError(SourceError):
    """The publisher answered with a status that another attempt will not change."""

    def __init__(self, what: str, remedy: str, status: int) -> None:
        super().__init__(what, remedy)
        self.status = status


class PassingError(SourceError):
    """One attempt failed in a way that the next may not."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy, transient=True)


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for, and which replies to accept.

    Attributes:
        url: Already checked (see `config`).
        what: Its name in messages.
        size: Bytes that the body must have; None if unknown.
        limit: Most bytes that the body may have if `size` is None.
        if_modified_since: Makes the request conditional.
        html: Whether the body may be a web page; else a page in its place is refused.
    """

    url: str
    what: str
    size: int | None = None
    limit: int = SMALL_BODY
    if_modified_since: str | None = None
    html: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The headers of a reply, and the size and hash of its body.

    Attributes:
        headers: Names are found in any case.
        modified: False for 304 Not Modified, which has no body.
        size: Bytes of the body.
        sha256: Of the body, in lower-case hex.
    """

    headers: Mapping[str, str]
    modified: bool = True
    size: int = 0
    sha256: str = ""
