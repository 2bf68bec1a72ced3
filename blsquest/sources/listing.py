"""A folder's page, as IIS writes it, read into a Listing. Pure: bytes in, Listing or Refused out.

One row, of which a page holds any number on one physical line or on many::

    <date M/D/YYYY> <time h:mm AM> <size, or &lt;dir&gt;> <A HREF="/path/name">name</A><br>

Every pattern here matches in time linear in the page: what it reads comes from outside.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import unquote

from blsquest.core.errors import Refused
from blsquest.core.source import Listing, RemoteFile
from blsquest.core.text import shown

_HEADING = re.compile(r"<(?:title|h1)>([^<]*)<", re.IGNORECASE)
_PARENT = re.compile(r'<a href="([^"<>]*)">\[To Parent Directory\]</a>', re.IGNORECASE)
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_ROW = re.compile(
    r"([0-9]{1,2}/[0-9]{1,2}/[0-9]{4})[ \t]+([0-9]{1,2}:[0-9]{2} [AP]M)[ \t]+"
    r'([0-9]{1,16}|&lt;dir&gt;)[ \t]+<a href="([^"<>]*)">([^<>]*)</a>',
    re.IGNORECASE,
)
_NAME = re.compile(r"""[ !$&'()+,\-.;=@\[\]^_`{}~0-9A-Za-z]{1,200}""")
_SPACE = " \t\r\n"
_CLOSINGS = frozenset({"", "</html>", "</body></html>", "<hr></body></html>"})

MAX_FILE_BYTES = 1 << 43
"""8 TiB: a listed size beyond it is nonsense (the largest BLS file has about 4 GB)."""


def parse_listing(page: bytes, path: str, *, sample: bool = False) -> Listing:
    """Read the listing of one folder, or refuse the page whole.

    Args:
        page: The body of the response.
        path: The folder's path in its URL, decoded, `/` at both ends; links must lie in it.
        sample: Passed on to the listing.

    Raises:
        Refused: The page is not the complete listing of that folder, has no rows, or lists
            something that must not be mirrored. The message names it.
    """
    files: list[RemoteFile] = []
    directories: list[str] = []
    for row in _rows(page.decode("latin-1"), path):
        found = _read_row(row, path)
        if isinstance(found, RemoteFile):
            files.append(found)
        else:
            directories.append(found)
    if not files and not directories:
        raise _refused(path, "is empty")
    check_distinct([*directories, *(f.name for f in files)])
    files.sort(key=lambda f: f.name)
    return Listing(tuple(files), tuple(sorted(directories)), sample)


def _rows(page: str, path: str) -> list[str]:
    """Return the text of each row, after checking everything around the rows."""
    before, *rest = re.split("(?i)<pre>", page, maxsplit=1)
    block, *closed = re.split("(?i)</pre>", "".join(rest), maxsplit=1)
    after = "".join(closed)
    for heading in _HEADING.findall(before):
        if heading.rpartition(" - ")[2].strip(_SPACE) != path:
            raise _refused(path, f"is another page, headed {shown(heading)}")
    if not rest or "<a " in before.lower():
        raise _refused(path, "is not a directory listing")
    if not closed:
        raise _refused(path, "ends in the middle, so files may be missing")
    if "".join(after.split()).lower() not in _CLOSINGS:
        raise _refused(path, f"goes on after its last row: {shown(after.strip(_SPACE))}")
    block = block.lstrip(_SPACE)
    parent = _PARENT.match(block)
    if parent is not None:
        href = _decoded(parent[1])
        if href != path.rstrip("/").rpartition("/")[0] + "/":
            raise _refused(path, f"belongs to another folder: its parent is {shown(href)}")
        block = block[parent.end() :]
    rows = [row.strip(_SPACE) for row in _BREAK.split(block)]
    if rows[-1]:
        raise _refused(path, f"ends in the middle of a row: {shown(rows[-1])}")
    return [row for row in rows if row]


def _read_row(row: str, path: str) -> RemoteFile | str:
    """Read a row as a file, or as the name of a sub-directory."""
    match = _ROW.fullmatch(row)
    if match is None:
        raise _refused(path, f"has a row that cannot be read: {shown(row)}")
    date, time, size, href, text = match.groups()
    target = _decoded(href)
    is_folder = not size.isdecimal()
    name = target.removeprefix(path)
    if name == target:
        raise _refused(path, f"links outside the folder: {shown(target)}")
    if is_folder:
        if not name.endswith("/"):
            raise _refused(path, f"has a directory whose link does not end in /: {shown(name)}")
        name = name[:-1]
    check_name(name)
    if unescape(text) != name:
        raise _refused(path, f"shows {shown(text)} for a link to {shown(name)}")
    if is_folder:
        return name
    if int(size) > MAX_FILE_BYTES:
        raise _refused(path, f"gives {shown(name)} an absurd size: {size} bytes")
    return RemoteFile(name, int(size), f"{date} {time.upper()}")


def check_name(name: str) -> None:
    r"""Refuse a name that could leave its folder or that some file system cannot hold.

    Allowed are 1 to 200 printable ASCII characters without ``/ \ % ? # : * " < > |``, not
    beginning with a dot and not ending in a space. `name` is already decoded, once.

    Raises:
        Refused: It is not such a name.
    """
    if not _NAME.fullmatch(name) or name[0] == "." or name[-1] == " ":
        raise Refused(
            f"The publisher lists a file under an unsafe name: {shown(name)}.",
            "Nothing was changed. Look at the listing in a browser; if the name is really meant, "
            "the rule for names has to be widened in the code.",
        )


def check_distinct(names: list[str]) -> None:
    """Refuse names that are equal, or that differ by case alone (one file on some systems).

    Raises:
        Refused: Two names are the same in that sense.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other is not name:
            how = "twice" if other == name else "under names that differ by case alone"
            raise Refused(
                f"The publisher lists a file {how}: {shown(other)} and {shown(name)}.",
                "Nothing was changed. Run again later; if it stays so, look at the listing.",
            )


def _decoded(href: str) -> str:
    """Decode a link's path exactly once; undecodable bytes become characters no name allows."""
    return unquote(unescape(href), encoding="latin-1")


def _refused(path: str, why: str) -> Refused:
    return Refused(
        f"The listing of {path} {why}.",
        "Nothing was changed. Look at the page in a browser and run again later.",
    )
