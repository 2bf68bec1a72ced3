"""What both storage backends share: which keys there are, so that a lake can move between them."""

from __future__ import annotations

import re

from flows.lake.errors import Misuse

RESERVED = ".tmp"
"""A folder at the lake's root that only `DirectoryStore` writes to, and that no verb shows."""

LONGEST_KEY = 1_024
"""Bytes of UTF-8 that S3 takes as a key, the lake's prefix included."""

LONGEST_SEGMENT = 255
"""Bytes of UTF-8 that Linux and macOS take as one file name."""

_FORBIDDEN = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff]")


def checked_key(key: str, under: str = "") -> str:
    """`key` itself, if it is one that every backend can hold and that stays inside the lake.

    Args:
        key: Relative and `/`-separated.
        under: The lake's own prefix in its bucket, which counts towards the length.

    Raises:
        Misuse: It is empty or absolute, has an empty, `.` or `..` segment, a backslash, a
            control character or a lone surrogate, is too long, or lies in the reserved folder.
    """
    segments = key.split("/")
    problem = None
    if not key:
        problem = "is empty"
    elif "" in segments:
        problem = "has an empty segment"
    elif {".", ".."} & set(segments):
        problem = "has a segment that leads elsewhere"
    elif _FORBIDDEN.search(key):
        problem = "has a backslash, a control character or a lone surrogate"
    elif segments[0] == RESERVED:
        problem = "lies in the folder for temporary files"
    elif len((under + key).encode()) > LONGEST_KEY:
        problem = f"is longer than {LONGEST_KEY} bytes"
    elif max(len(segment.encode()) for segment in segments) > LONGEST_SEGMENT:
        problem = f"has a segment longer than {LONGEST_SEGMENT} bytes"
    if problem is not None:
        raise Misuse(
            f"The storage key {key[:120]!r} {problem}.",
            "Keys are relative paths such as bls/pr/pr.class.",
        )
    return key


def checked_prefix(prefix: str) -> str:
    """`prefix` itself, if it is a folder: it ends in `/`, or is empty for the whole lake.

    Raises:
        Misuse: It does not end in `/`, or is not a key otherwise.
    """
    if prefix == "":
        return prefix
    if not prefix.endswith("/"):
        raise Misuse(f"The storage prefix {prefix[:120]!r} does not end in '/'.", "Add the slash.")
    checked_key(prefix[:-1])
    return prefix
