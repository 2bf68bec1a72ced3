"""A source's reference (block or URL) → the source that a run asks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from blocks.load import REFERENCE, load
from blocks.sources import BlsSource, PopulationSource
from blsquest.core.errors import Misuse
from blsquest.sources.bls import BlsRoot
from blsquest.sources.datausa import PopulationSource as Population
from blsquest.sources.http import Client, Timeouts
from blsquest.sources.pacer import Pacer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blocks.sources import Politeness
    from blsquest.sources.bls import BlsSurvey

P = TypeVar("P", BlsSource, PopulationSource)


def open_bls(
    reference: str,
    survey: str,
    *,
    contact: str | None = None,
    downloads_per_second: float | None = None,
) -> BlsSurvey:
    """The source of one survey.

    Args:
        reference: A block (`bls-source/bls`) or the URL of the folder that holds the surveys.
        survey: For example `pr`.
        contact: Overrides the block's.
        downloads_per_second: Overrides the block's; 0 for no limit.

    Raises:
        Misuse: The reference names nothing, or there is no contact with an `@`.
    """
    return open_bls_root(
        reference, contact=contact, downloads_per_second=downloads_per_second
    ).survey(survey)


def open_bls_root(
    reference: str,
    *,
    contact: str | None = None,
    downloads_per_second: float | None = None,
) -> BlsRoot:
    """All surveys, through one client; see `open_bls`.

    Args:
        reference: See `open_bls`.
        contact: Likewise.
        downloads_per_second: Likewise.
    """
    block = _block(BlsSource, "base_url", reference)
    client = _client(block, block.base_url, contact, downloads_per_second)
    return BlsRoot(client, block.base_url)


def open_population(
    reference: str,
    years: Iterable[int],
    *,
    contact: str | None = None,
    downloads_per_second: float | None = None,
) -> Population:
    """The source of the population; see `open_bls`. `years` must all be in the document."""
    block = _block(PopulationSource, "url", reference)
    client = _client(block, block.url, contact, downloads_per_second)
    return Population(client, url=block.url, required_years=years)


def pace_of(reference: str, downloads_per_second: float | None = None) -> float:
    """Return the requests a second at which BLS is asked: those given, or else the block's."""
    if downloads_per_second is not None:
        return downloads_per_second
    return _block(BlsSource, "base_url", reference).downloads_per_second


def _block(kind: type[P], url_field: str, reference: str) -> P:
    if reference.startswith(("http://", "https://")):
        return kind(**{url_field: reference})
    if REFERENCE.fullmatch(reference):
        return load(kind, reference)
    raise Misuse(
        f"{reference!r} names no source.",
        "Write a URL (https://…) or a block (bls-source/bls, population-source/datausa).",
    )


def _client(
    block: Politeness,
    url: str,
    contact: str | None,
    downloads_per_second: float | None,
) -> Client:
    rate = block.downloads_per_second if downloads_per_second is None else downloads_per_second
    return Client(
        _pacer(urlsplit(url).netloc, rate),
        contact=contact or block.contact or None,
        timeouts=Timeouts(block.connect_timeout, block.read_timeout, block.deadline),
    )


@cache
def _pacer(host: str, per_second: float) -> Pacer:  # noqa: ARG001 - the key of the cache
    """One pacer a host and pace for the whole process: all surveys share BLS's patience."""
    return Pacer(per_second)
