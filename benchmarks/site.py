"""Folders shaped like BLS's, of any size: what they list, and what each file holds. Pure.

A file is its own first line and then a window of one block of observations, repeated: so a file of
4 GB takes no disk and no memory, and no two files or versions are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from string import ascii_lowercase
from zlib import crc32

from blsquest.sources.sample.pages import ROOT, Row, http_date, listing_page, stamp

BLOCK = 16 << 20
"""Bytes that all bodies are windows of; well over what compresses within a storage's own blocks."""

_FIRST_RELEASE = datetime(2025, 6, 5, 12, 30, tzinfo=UTC)
_TABLES = (
    "area",
    "class",
    "contacts",
    "footnote",
    "measure",
    "period",
    "seasonal",
    "sector",
    "txt",
)
_DATA = ("data.0.Current", "data.1.AllData", "series")
_TABLE_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class File:
    """One published file.

    Attributes:
        name: Within its survey.
        size: Bytes.
        version: Counts releases; another one has another stamp and other bytes.
    """

    name: str
    size: int
    version: int = 1

    @property
    def modified(self) -> datetime:
        """When this version came out; long settled."""
        return _FIRST_RELEASE + timedelta(days=self.version)

    @property
    def head(self) -> bytes:
        """The line that only this file and version has."""
        return f"{self.name} version {self.version}\r\n".encode()[: self.size]

    @property
    def offset(self) -> int:
        """Where in the block its window begins."""
        return crc32(self.name.encode()) % BLOCK


Survey = dict[str, File]
Site = dict[str, Survey]


def site(surveys: int, files: int, size: int) -> Site:
    """So many surveys of so many files, about `size` bytes in all.

    As at BLS, most files are small code tables and a few data files hold nearly everything; so do
    a few surveys: the n-th weighs 1/(n + 3), the largest of 60 a tenth of all.
    """
    codes = list(islice((a + b for a, b in product("pwcsle", ascii_lowercase)), surveys))
    weights = [1 / (n + 3) for n in range(surveys)]
    return {
        code: survey(code, files, round(size * weight / sum(weights)))
        for code, weight in zip(codes, weights, strict=True)
    }


def survey(code: str, files: int, size: int) -> Survey:
    """One survey: three data files that hold nearly all, and small tables."""
    large = _DATA[:files]
    tables = [_TABLES[n] if n < len(_TABLES) else f"table{n:05}" for n in range(files - len(large))]
    each = max(_TABLE_BYTES, (size - _TABLE_BYTES * len(tables)) // len(large))
    made = [File(f"{code}.{name}", each) for name in large]
    made += [File(f"{code}.{name}", _TABLE_BYTES) for name in tables]
    return {file.name: file for file in made}


def released(files: Survey, *names: str) -> Survey:
    """The survey after a release that changed these files, in size too."""
    changed = {
        n: replace(files[n], version=files[n].version + 1, size=files[n].size + 1) for n in names
    }
    return files | changed


def page(published: Site, path: str) -> bytes | None:
    """The listing of the root or of a survey's folder, None where there is none."""
    code = path.removeprefix(ROOT).rstrip("/")
    day = stamp(_FIRST_RELEASE)
    if not code:
        return listing_page(path, [Row(name, None, day) for name in sorted(published)])
    if code not in published:
        return None
    rows = [Row(f.name, f.size, stamp(f.modified)) for f in published[code].values()]
    return listing_page(path, sorted(rows, key=lambda row: row.name))


def last_modified(file: File) -> str:
    """The header of that name."""
    return http_date(file.modified)


def block() -> bytes:
    """Observations that look like BLS's, `BLOCK` bytes of them."""
    line = "PRS{:08}      \t{}\tQ0{}\t{:12.3f}\t\r\n"
    count = BLOCK // len(line.format(0, 2000, 1, 0.0)) + 1
    lines = (
        line.format(n // 120, 1995 + n // 4 % 30, n % 4 + 1, (n * 7919 % 99991) / 1000)
        for n in range(count)
    )
    return "".join(lines).encode()[:BLOCK]
