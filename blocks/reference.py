"""What a lake's reference means: a directory, a bucket, or a block document. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blocks.load import REFERENCE
from blsquest.core.errors import Misuse

HINT = "Write a path (./lake), a bucket (s3://bucket/prefix) or a block (s3-bucket/lake)."
_FOLDER = re.compile(r"\w[\w./ -]*")
BLOCKS = ("s3-bucket", "local-file-system")
"""Types of block that hold a lake."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and the folder in it, without slashes at its ends."""

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class BlockName:
    """A block document: the slug of its type, and both together as `type/name`."""

    kind: str
    reference: str


def parse_lake(reference: str) -> Path | Bucket | BlockName:
    """The place that a reference names.

    What starts with `/`, `.`, `~` or `file://` is a path, made absolute; `s3://…` a bucket;
    `type/name` a block document of type `s3-bucket` or `local-file-system`.

    Raises:
        Misuse: It is none of these.
    """
    if reference.startswith(("/", ".", "~")):
        return _path(reference)
    if reference.startswith("file://"):
        return _file(reference)
    if reference.startswith("s3://"):
        return _bucket(reference)
    kind = reference.partition("/")[0]
    if kind in BLOCKS and REFERENCE.fullmatch(reference):
        return BlockName(kind, reference)
    folder = _FOLDER.fullmatch(reference)
    raise Misuse(
        f"{reference!r} names no lake.", (f"Did you mean ./{reference}? " if folder else "") + HINT
    )


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise Misuse(f"{text!r} names the home of a user that is not known.", HINT) from error


def _file(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or not parts.path:
        raise Misuse(f"{url!r} is no directory of this machine: file:///the/path.", HINT)
    return Path(unquote(parts.path))


def _bucket(url: str) -> Bucket:
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        # Up to an @ there may be a password, after a ? a signature.
        shown = f"s3://{url.removeprefix('s3://').rpartition('@')[2].partition('?')[0]}"
        raise Misuse(f"{shown!r} is no bucket's address: s3://bucket/prefix.", HINT)
    return Bucket(parts.netloc, parts.path.strip("/"))
