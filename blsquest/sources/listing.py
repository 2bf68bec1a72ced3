"""Parser of a folder's page, as IIS writes it. Pure: bytes in, Listing or Refused out.

A page holds any number of these rows, on one physical line or on many::

    <date M/D/YYYY> <time h:mm AM> <size, or &lt;dir&gt;> <A HREF="/path/name">name</A><br>

Every pattern here matches in time linear in the page, which comes from outside.
"""

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

_STARTS = 80
"""Characters of a page that a message quotes."""

MAX_FILE_BYTES = 1 << 43
"""8 TiB: a listed size beyond it is nonsense (the largest BLS file has about 4 GB)."""


def parse_listing(page: bytes, path: str, *, sample: bool = False) -> Listing:
    """Read the listing of one folder, or refuse the whole page and quote the wrong line.

    `path` is the folder's path in its URL, decoded, with `/` at both ends; links must lie in it.
    Names that some file system treats as equal are refused too.
    """
    block = _block(page.decode("latin-1"), path)
    rows = [_read_row(row, path) for row in _rows(block, path)]
    safe = [row for row in rows if is_safe(row.name)]
    check_distinct([row.name for row in safe])
    safe.sort(key=lambda row: row.name)
    return Listing(
        files=tuple(row for row in safe if row.size is not None),
        directories=tuple(row.name for row in safe if row.size is None),
        sample=sample,
        unsafe=tuple(sorted(shown(row.name) for row in rows if not is_safe(row.name))),
    )


def _block(page: str, path: str) -> str:
    """Return the list; around it a page may have what it likes, but no rows."""
    before, *rest = re.split("(?i)<pre>", page, maxsplit=1)
    block, *closed = re.split("(?i)</pre>", "".join(rest), maxsplit=1)
    after = "".join(closed)
    named = {h: h.rpartition(" - ")[2].strip(_SPACE) for h in _HEADING.findall(before)}
    own = path in named.values()
    for heading, folder in named.items():
        # One may be a banner's, beside the list's own.
        if folder != path and (folder.startswith("/") or not own):
            raise _refused(path, f"is another page, headed {shown(heading)}")
    if not rest:
        raise _refused(
            path, f"is not a directory listing: it has no <pre>, and starts {shown(page[:_STARTS])}"
        )
    if not closed:
        raise _refused(path, "ends in the middle, so files may be missing")
    for where, text in (("before", before), ("after", after)):
        stray = _ROW.search(text) or re.search("(?i)<pre>", text)
        if stray:
            raise _refused(path, f"has rows {where} its list: {shown(stray[0])}")
    return block.lstrip(_SPACE)


def _rows(block: str, path: str) -> list[str]:
    """Return the text of each row, without the link to the parent."""
    parent = _PARENT.match(block)
    if parent is not None:
        href = _decoded(parent[1])
        if href != path.rstrip("/").rpartition("/")[0] + "/":
            raise _refused(path, f"belongs to another folder: its parent is {shown(href)}")
        block = block[parent.end() :]
    rows = [row.strip(_SPACE) for row in _BREAK.split(block)]
    if rows[-1]:
        raise _refused(path, f"ends in the middle of a row: {shown(rows[-1])}")
    rows = [row for row in rows if row]
    if not rows and parent is None:
        raise _refused(path, "has neither rows nor a link to its parent")
    return rows


def _read_row(row: str, path: str) -> RemoteFile:
    """Read a row; a sub-directory has no size."""
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
    if is_safe(name) and unescape(text) != name:
        raise _refused(path, f"shows {shown(text)} for a link to {shown(name)}")
    if is_folder:
        return RemoteFile(name, None, f"{date} {time.upper()}")
    if int(size) > MAX_FILE_BYTES:
        raise _refused(path, f"gives {shown(name)} an absurd size: {size} bytes")
    return RemoteFile(name, int(size), f"{date} {time.upper()}")


def is_safe(name: str) -> bool:
    r"""Return whether a name cannot leave its folder, and every file system can hold it.

    Safe are 1 to 200 printable ASCII characters without ``/ \ % ? # : * " < > |``, not beginning
    with a dot and not ending in a space. `name` is already decoded, once.
    """
    return bool(_NAME.fullmatch(name)) and name[0] != "." and name[-1] != " "


def check_distinct(names: list[str]) -> None:
    """Refuse names that are equal, or that differ by case alone (one file on some systems)."""
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
