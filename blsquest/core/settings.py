"""Checks of settings from the environment, and what they change for the process."""

import os
import re
from urllib.parse import urlsplit

from blsquest.core.errors import Misuse

_UNPRINTABLE = re.compile(r"^\s|[\x00-\x1f\x7f\ud800-\udfff]|\s$")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def one_line(name: str, value: str) -> str:
    """Return a setting if it is clean text, without what an editor may leave behind it.

    Args:
        name: Its name in messages; its value may be secret and is not shown.
        value: The setting.

    Raises:
        Misuse: It has white space around it, or contains a line break, another control character,
            or bytes that are not UTF-8.
    """
    if _UNPRINTABLE.search(value):
        raise Misuse(
            f"{name} has white space around it, or contains a line break, a control character or "
            "bytes that are not UTF-8.",
            "Set it again without them: a file written on Windows leaves a carriage return after "
            "each value (tr -d '\\r' removes it).",
        )
    return value


def is_server(url: str) -> bool:
    """Say whether a URL is like `http://host:4200/path`, with or without port and path."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # [ without ], a port of letters or beyond 65,535
        return False


def reach_loopback_directly() -> None:
    """Keep clients in this process and its children from using a proxy to reach this machine.

    They all read the same variables: requests, httpx, websockets, aiohttp, botocore, reqwest.
    """
    names = {name.lower() for name in os.environ if name.lower().endswith("_proxy")}
    if not names - {"no_proxy"}:
        return
    for name in {"NO_PROXY", "no_proxy"} & os.environ.keys() or {"NO_PROXY"}:
        kept = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        if "*" not in kept:
            missing = [host for host in _LOOPBACK if host not in kept]
            os.environ[name] = ",".join([*kept, *missing])
