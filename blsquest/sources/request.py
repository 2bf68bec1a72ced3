"""One request to a publisher, its reply, and the errors that it can end in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from blsquest.core.errors import SourceError

Guard = Callable[[Mapping[str, str], bytes], None]
"""Looks at a response's headers and the start of its body; raises Refused."""

SMALL_BODY = 16 << 20
"""16 MiB: the most that a listing or a population payload may have."""


class StatusError(SourceError):
    """The publisher answered with a status that asking again will not change."""

    def __init__(self, what: str, remedy: str, status: int) -> None:
        super().__init__(what, remedy)
        self.status = status


class PassingError(SourceError):
    """One attempt failed in a way that another may not.

    Attributes:
        after: Seconds that the publisher asks to wait before it, or None.
    """

    def __init__(self, what: str, remedy: str = "", *, after: float | None = None) -> None:
        super().__init__(what, remedy, transient=True)
        self.after = after


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for, and what to believe.

    Attributes:
        url: Checked by its maker (see `config`).
        what: What a message calls it.
        size: Bytes that the body must have; None where that is not known.
        limit: Bytes that it may have when `size` is None.
        if_modified_since: Makes the request conditional.
        guard: Called before anything else is believed: with no bytes, then with up to 512 of the
            first as they come.
    """

    url: str
    what: str
    size: int | None = None
    limit: int = SMALL_BODY
    if_modified_since: str | None = None
    guard: Guard | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The measure of a whole body, or the word that there is none because nothing changed.

    Attributes:
        headers: Names are found in any case.
        modified: False for 304 Not Modified.
        size: Bytes of the body.
        sha256: Of the body, in lower-case hex.
    """

    headers: Mapping[str, str]
    modified: bool = True
    size: int = 0
    sha256: str = ""
