"""What can be told to be wrong before anything is started or asked: references, names, dates."""

from __future__ import annotations

from typing import Any

from blocks.lake import REFERENCE, open_lake
from blocks.publishers import open_bls, open_bls_root, open_population
from blsquest.core.clock import utcnow
from blsquest.lake.as_of import check_known, parse_as_of
from blsquest.products.question import Request, asked_years


def check(parameters: dict[str, Any]) -> None:
    """Check a command's parameters, without a request and without a Prefect server.

    Blocks are left for the flow to load: they are documents of the Prefect API.

    Raises:
        Misuse: A reference, a survey, the contact, the years, a pair or the date cannot be meant.
    """
    if not REFERENCE.fullmatch(parameters["lake"]):
        open_lake(parameters["lake"])
    for survey in parameters.get("surveys") or [parameters.get("survey")]:
        bls = parameters.get("bls_source") or parameters.get("source")
        if survey is not None and bls is not None and not REFERENCE.fullmatch(bls):
            open_bls(bls, survey, contact=parameters.get("contact"))
    if "patterns" in parameters and not REFERENCE.fullmatch(parameters["source"]):
        open_bls_root(parameters["source"], contact=parameters.get("contact"))
    census = parameters.get("population_source")
    if census is not None and not REFERENCE.fullmatch(census):
        open_population(census, (), contact=parameters.get("contact"))
    if "first_year" in parameters:
        asked_years(parameters["first_year"], parameters["last_year"])
    Request(pairs=parameters.get("pairs")).spelled_out()
    as_of = parameters.get("as_of")
    if as_of is not None:
        check_known(parse_as_of(as_of), now=utcnow())
