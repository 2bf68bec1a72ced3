"""The storage backends of a lake, and which one an address means."""

import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blsquest.core.errors import Misuse
from blsquest.core.settings import one_line
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.s3_options import S3Options

_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
"""What S3 takes for a bucket's name, old ones included."""

HINT = "Write a path (./lake), a bucket (s3://bucket/prefix) or a block (s3-bucket/lake)."


def open_store(address: str, options: S3Options | None = None) -> Store | None:
    """Open the lake at an address, without a request.

    What starts with `/`, `.`, `~` or `file://` is a path, made absolute; `s3://…` a bucket, reached
    as the options say, or the environment, as for AWS's own tools. None for any other address.

    Raises:
        Misuse: It is such an address, but invalid.
    """
    one_line("The lake's address (LAKE, --lake)", address)
    if address.startswith("s3://"):
        from blsquest.lake.stores.s3 import S3Store

        name, prefix = _bucket(address)
        return S3Store(name, prefix, *([options] if options else []))
    if address.startswith("file://"):
        return open_directory(_file(address))
    return open_directory(Path(address)) if address.startswith(("/", ".", "~")) else None


def open_directory(path: Path) -> Store:
    """Open the lake in a folder of this machine, which need not exist yet.

    Misuse where it is or lies below a file, or in the home of a user that is not known.
    """
    from blsquest.lake.stores.directory import DirectoryStore

    try:
        path = path.expanduser().absolute()
    except RuntimeError as error:
        raise Misuse(f"'{path}' names the home of a user that is not known.", HINT) from error
    one_line("The lake's folder", str(path))
    with suppress(OSError):  # the store will say more of it
        if any(place.is_file() for place in (path, *path.parents)):
            raise Misuse(f"{path} is a file, or lies below one.", "Name a folder as the lake.")
    return DirectoryStore(path)


def _file(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or not parts.path:
        raise Misuse(f"{url!r} is no directory of this machine: file:///the/path.", HINT)
    return Path(unquote(parts.path))


def _bucket(url: str) -> tuple[str, str]:
    """Return the bucket's name, and the folder in it without slashes at its ends."""
    parts = urlsplit(url)
    odd = not _BUCKET.fullmatch(parts.netloc) and not parts.netloc.startswith("arn:")
    if odd or parts.query or parts.fragment:
        # Up to an @ there may be a password, after a ? a signature.
        shown = f"s3://{url.removeprefix('s3://').rpartition('@')[2].partition('?')[0]}"
        raise Misuse(f"{shown!r} is no bucket's address: s3://bucket/prefix.", HINT)
    return parts.netloc, parts.path.strip("/")
