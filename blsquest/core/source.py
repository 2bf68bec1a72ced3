"""What a publisher shows, and the protocol by which a run asks for it.

Everything here is a frozen dataclass or a protocol: no I/O. Sizes are bytes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Literal, Protocol

from blsquest.core.usage import Meter

Layout = Literal["flat", "daily"]
"""How a source's public view is laid out: `flat` keeps the source's own names under its key;
`daily` writes each new content into a folder named by the UTC day it was first seen."""

Progress = Callable[[int], None]
"""Called with the number of bytes that just arrived."""

SURVEYS = "bls"
"""Where a lake has its surveys."""
POPULATION = "census"
"""The key of the population."""

_CODE_TABLE = re.compile("[a-z][a-z_.]*")
"""What follows `<survey>.data.` in the name of a code table."""


def source_of(survey: str) -> str:
    """Return the key of a survey, `bls/pr` of `pr`, or of the population."""
    return POPULATION if survey == POPULATION else f"{SURVEYS}/{survey}"


def survey_of(source: str) -> str:
    """Return what people call a source: `pr` for `bls/pr`."""
    return source.removeprefix(f"{SURVEYS}/")


def is_data_file(prefix: str, name: str) -> bool:
    """Return whether a name is a data file's, by BLS's convention.

    `pr.data.0.Current` and `ce.data.Goog` are; `hs.data.type`, in small letters alone, is a code
    table: it explains the column `data_type_code`.
    """
    return name.startswith(prefix) and not _CODE_TABLE.fullmatch(name.removeprefix(prefix))


def main_data_file(prefix: str, sizes: Mapping[str, int]) -> str | None:
    """Return the data file that answers use by default.

    It is `data.0.Current`; else the only data file; else the complete one: `AllData`, or the only
    `All…`, if no data file is larger (`ce.data.0.AllCESSeries`; `cu.data.1.AllItems` has the
    prices of all items, not all data); else the only `Current…` that holds no span of years
    (`la.data.1.CurrentS` beside `0.CurrentU00-04`). None if no rule decides: it is never the
    first by name. Each rule was tried on the names of all 58 surveys that have files.

    Args:
        prefix: What begins the names of data files, for example `pr.data.`.
        sizes: The bytes of each of the survey's files, data files and others.
    """
    data = {name.removeprefix(prefix): name for name in sizes if is_data_file(prefix, name)}
    suffix = {part: part.partition(".")[2] for part in data}
    largest = max((sizes[name] for name in data.values()), default=0)
    for rule in (
        lambda part: part == "0.Current",
        lambda _: True,
        lambda part: suffix[part] == "AllData",
        lambda part: suffix[part].startswith("All") and sizes[data[part]] == largest,
        lambda part: suffix[part].startswith("Current") and not suffix[part][-1:].isdigit(),
    ):
        found = [name for part, name in data.items() if rule(part)]
        if len(found) == 1:
            return found[0]
    return None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One row of a publisher's listing.

    Attributes:
        name: The file's name, decoded once and checked.
        size: As the listing says; None where a publisher announces none.
        stamp: The listing's own time text, opaque (BLS: minute resolution, no zone); "" for none.
    """

    name: str
    size: int | None
    stamp: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a publisher offers at one moment.

    Attributes:
        files: Sorted by name, names unique (also when case is ignored).
        directories: Names of sub-directories, which are not mirrored.
        sample: Whether the server calls its data a generated sample.
        unsafe: Names, printable, of files and directories that no mirror can hold.
        time: The publisher's clock as it answered, aware; None where it did not say.
    """

    files: tuple[RemoteFile, ...]
    directories: tuple[str, ...] = ()
    sample: bool = False
    unsafe: tuple[str, ...] = ()
    time: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body that arrived whole.

    Attributes:
        identity: What decides whether content changed: the SHA-256 of the bytes, or of a
            canonical form where a publisher's bytes are not stable.
        last_modified: The `Last-Modified` header, verbatim.
        age: Seconds between the response's `Last-Modified` and its `Date`; None if unknown.
    """

    size: int
    sha256: str
    identity: str
    last_modified: str | None = None
    age: float | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The publisher says that its file has not changed since the stored `Last-Modified`.

    Attributes:
        age: Seconds between the stored `Last-Modified` and this response's `Date`.
        last_modified: The `Last-Modified` that the answer repeats; None where it has none.
    """

    age: float | None = None
    last_modified: str | None = None


class Source(Protocol):
    """A publisher's folder of files.

    Attributes:
        key: Where this source lives in a lake, for example `bls/pr` or `census`.
        layout: How its public view is laid out.
        meter: Counts the requests to the publisher.
        data_prefix: What the names of data files begin with, for example `pr.data.`; "" for no
            convention.
        surely_real: Whether it is known, before any request, to serve no generated sample.
        interval: Seconds from one request for a file to the next, at the polite pace; 0 for no
            pace.
        removal_wait: Seconds after which a second listing must confirm that a file is gone.
    """

    key: str
    layout: Layout
    meter: Meter
    data_prefix: str
    surely_real: bool
    interval: float
    removal_wait: float

    def list(self) -> Listing:
        """Request the listing. Raises SourceError or Refused."""

    def serves(self, name: str) -> bool:
        """Ask whether an unlisted file is still there; False only where the publisher says so.

        Raises SourceError where the answer is neither yes nor no.
        """

    def fetch(
        self,
        file: RemoteFile,
        into: IO[bytes],
        *,
        if_modified_since: str | None = None,
        progress: Progress | None = None,
    ) -> Fetched | NotModified:
        """Stream one file into `into`. Raises SourceError or Refused; then discard `into`."""
