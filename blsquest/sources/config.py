"""What a person configures for a publisher, checked before the first request. Pure."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from blsquest.core.errors import Misuse
from blsquest.core.source import POPULATION, source_of
from blsquest.core.text import shown

_CONTACT = re.compile(r"(?=.{3,254}$)[!-'*-;=?A-Z\[\]^-~]+@[!-'*-;=?A-Z\[\]^-~]+")
_PLACEHOLDER = re.compile(r".*[@.]example(\.(org|com|net))?", re.IGNORECASE)
"""Addresses that documents show and nobody has (RFC 2606)."""
_SURVEY = re.compile(r"[a-z0-9]{2,12}")
_PRINTABLE = re.compile(r"[!-~]+")
_EXAMPLE = "https://host/path"
_HOW = (
    "BLS blocks robots that do not say how to reach their owner "
    "(https://www.bls.gov/bls/blsterms.htm). Set it with --contact you@example.org "
    "(make live CONTACT=you@example.org), with BLS_CONTACT in the environment, or in the source's "
    "block."
)


def check_contact(contact: str | None, root: str = "") -> str:
    """Check the e-mail address that identifies the person behind the requests.

    If `root` is given, a placeholder from a document is refused, unless `root` is a server on this
    machine, which writes to nobody.
    """
    if not contact or not contact.strip():
        raise Misuse("A contact e-mail address is required and missing.", _HOW)
    if not _CONTACT.fullmatch(contact):
        raise Misuse(f"The contact {shown(contact)} is not an e-mail address.", _HOW)
    if root and _PLACEHOLDER.fullmatch(contact) and not is_loopback(root):
        raise Misuse(
            f"The contact {contact} is a placeholder from a document: BLS could reach nobody.",
            "Put an address that you read in its place: --contact (make live CONTACT=…), "
            "BLS_CONTACT in the environment, or the source's block.",
        )
    return contact


def check_survey(survey: str) -> str:
    """Check the code of a survey, which is the name of its folder."""
    if not _SURVEY.fullmatch(survey):
        meant = survey.strip().lower()
        raise Misuse(
            f"{shown(survey)} is not the code of a BLS survey.",
            f"Did you mean {meant}?"
            if _SURVEY.fullmatch(meant)
            else "Codes are two or more lower-case letters or digits, for example pr.",
        )
    return survey


def source_named(survey: str) -> str:
    """Return the source of a survey, or of the population, that a person names."""
    return source_of(survey if survey == POPULATION else check_survey(survey))


def check_root(url: str) -> str:
    """Check the URL of the folder of surveys, and return it with a `/` at its end."""
    if _parts(url).query:
        raise _bad(url, "has a query", "https://download.bls.gov/pub/time.series/")
    return check_url(url).rstrip("/") + "/"


def check_url(url: str) -> str:
    """Check the URL of a publisher: https, or http on this machine (a sample server, a test).

    Over plain http from elsewhere, anyone on the way could alter what is mirrored.
    """
    parts = _parts(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise _bad(url, "is not a web address")
    if parts.username is not None or parts.password is not None:
        raise Misuse("The URL of a publisher must not hold a user name or password.", "Drop it.")
    if parts.fragment:
        raise _bad(url, "has a fragment")
    if parts.scheme == "http" and not is_loopback(url):
        raise _bad(url, "is plain http to another machine")
    return url


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        parts = None
    if parts is None or not _PRINTABLE.fullmatch(url):
        raise _bad(url, "is not a web address")
    return parts


def is_loopback(url: str) -> bool:
    """Tell whether a checked URL leads to this machine."""
    host = _parts(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_host_of(url: str, known: str) -> bool:
    """Tell whether two checked URLs lead to the same host."""
    return _parts(url).hostname == _parts(known).hostname


def public(url: str) -> str:
    """Shorten a URL to what may be shown: no password (before an @), no signature (after a ?)."""
    address, query, _ = url.rpartition("@")[2].partition("?")
    return shown(address) + (" (and a query)" if query else "")


def _bad(url: str, why: str, example: str = _EXAMPLE) -> Misuse:
    return Misuse(f"The URL {public(url)} {why}.", f"Give one like {example}.")
