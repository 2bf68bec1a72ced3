"""The two publishers as Prefect blocks: where they are, who asks, and how politely."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import BaseModel, Field

from blsquest.sources.bls import BLS_PER_SECOND, BLS_ROOT
from blsquest.sources.datausa import POPULATION_URL


class Politeness(BaseModel):
    """What both publishers are asked with."""

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
