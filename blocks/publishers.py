"""The two publishers as Prefect blocks, and opening them by reference (block or URL)."""

from collections.abc import Iterable
from functools import cache
from typing import ClassVar, TypeVar
from urllib.parse import urlsplit

from prefect.blocks.core import Block
from pydantic import BaseModel, Field

from blocks.lake import REFERENCE, load
from blsquest.core.errors import Misuse
from blsquest.sources.bls import BLS_PER_SECOND, BLS_ROOT, BlsRoot
from blsquest.sources.datausa import POPULATION_URL
from blsquest.sources.datausa import PopulationSource as Population
from blsquest.sources.http import Client, Timeouts
from blsquest.sources.pacer import Pacer


class Politeness(BaseModel):
    """How both publishers are asked."""

    contact: str = Field(
        default="",
        title="Contact e-mail",
        description="An address at which the publisher can reach you; sent in the User-Agent. "
        "BLS requires it.",
        examples=["you@example.org"],
    )
    downloads_per_second: float = Field(
        default=BLS_PER_SECOND,
        ge=0,
        title="Downloads a second",
        description="Requests started per second at most, the listing included. 0 means no limit: "
        "for a server of your own only.",
    )
    connect_timeout: float = Field(
        default=10.0, gt=0, title="Connect timeout", description="Seconds to wait for a connection."
    )
    read_timeout: float = Field(
        default=30.0, gt=0, title="Read timeout", description="Seconds to wait for the next bytes."
    )
    deadline: float = Field(
        default=3600.0,
        gt=0,
        title="Deadline",
        description="Seconds that one request may take in all.",
    )


class BlsSource(Politeness, Block):
    """Where BLS time-series files are fetched from, and under which contact address."""

    _block_type_name: ClassVar[str] = "BLS Source"
    _block_type_slug: ClassVar[str] = "bls-source"
    _description: ClassVar[str] = (
        "Where the Bureau of Labor Statistics' time-series files are fetched from. BLS asks "
        "automated retrieval programs for a contact e-mail address and for no more than about one "
        "download a second; without the contact it answers 403 Access Denied."
    )

    base_url: str = Field(
        default=BLS_ROOT,
        title="Base URL",
        description="The folder that holds the survey folders (pr/, cu/, …).",
    )
    removal_wait: float | None = Field(
        default=None,
        ge=0,
        title="Removal wait",
        description="Seconds until a file that is not listed any more is looked for in a second "
        "listing. Empty means 180 for BLS, and 0 for a server of your own.",
    )


class PopulationSource(Politeness, Block):
    """Where the US population is fetched from."""

    _block_type_name: ClassVar[str] = "Population Source"
    _block_type_slug: ClassVar[str] = "population-source"
    _description: ClassVar[str] = (
        "The DataUSA request that answers with the US population by year (Census Bureau, American "
        "Community Survey)."
    )

    url: str = Field(
        default=POPULATION_URL, title="URL", description="The whole request, query included."
    )


P = TypeVar("P", BlsSource, PopulationSource)


def open_bls_root(
    reference: str, *, contact: str | None = None, downloads_per_second: float | None = None
) -> BlsRoot:
    """Open the source of all surveys: a block, or the URL of the folder that holds them.

    What is not given is taken from the block.

    Raises:
        Misuse: The reference names nothing, or there is no contact with an `@`.
    """
    block = _block(BlsSource, "base_url", reference)
    client = _client(block, block.base_url, contact, downloads_per_second)
    return BlsRoot(client, block.base_url, removal_wait=block.removal_wait)


def open_population(
    reference: str,
    years: Iterable[int],
    *,
    contact: str | None = None,
    downloads_per_second: float | None = None,
) -> Population:
    """Open the source of the population, all `years` required; see `open_bls_root`."""
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
    block: Politeness, url: str, contact: str | None, downloads_per_second: float | None
) -> Client:
    rate = block.downloads_per_second if downloads_per_second is None else downloads_per_second
    return Client(
        _pacer(urlsplit(url).netloc, rate),
        contact=contact or block.contact or None,
        timeouts=Timeouts(block.connect_timeout, block.read_timeout, block.deadline),
    )


@cache
def _pacer(host: str, per_second: float) -> Pacer:  # noqa: ARG001 - the key of the cache
    """Return the process's one pacer for a host and a pace: all surveys share it."""
    return Pacer(per_second)
