"""An invented US population, in the two shapes in which DataUSA has published the real one."""

from __future__ import annotations

import json
from typing import Literal

Shape = Literal["tesseract", "legacy"]
"""Today's API, or the one that is gone."""

PATHS: dict[Shape, str] = {"tesseract": "/tesseract/data.jsonrecords", "legacy": "/api/data"}

QUERIES: dict[Shape, str] = {
    "tesseract": "cube=acs_yg_total_population_1&drilldowns=Year%2CNation"
    "&locale=en&measures=Population",
    "legacy": "drilldowns=Nation&measures=Population",
}

COUNTS = {
    2013: 310_200_417,
    2014: 312_611_930,
    2015: 315_084_256,
    2016: 317_029_841,
    2017: 319_336_702,
    2018: 321_457_118,
    2019: 322_790_365,
    2021: 325_903_274,
    2022: 327_644_509,
    2023: 330_108_655,
}
"""Plausible and invented; 2020 is missing, as the one-year survey of that year is."""

_NATION = {"id": "01000US", "name": "United States", "slug": "united-states"}
_ABOUT = {
    "source_name": "Census Bureau",
    "source_description": "Invented figures in the form of the American Community Survey (ACS).",
    "dataset_link": "http://www.census.gov/programs-surveys/acs/",
    "table_id": "B01003",
    "topic": "Diversity",
    "subtopic": "Demographics",
}


def payload(shape: Shape, turn: int = 0) -> bytes:
    """The JSON of one response.

    Args:
        shape: Which API's.
        turn: Which response this is: the order of the annotations' keys moves on with each, as
            the real one's does.
    """
    document = _tesseract(turn) if shape == "tesseract" else _legacy(turn)
    return json.dumps(document, separators=(",", ":")).encode()


def shape_of(population: bytes | Shape) -> Shape:
    """Which API a payload belongs to; today's where it can't be told."""
    if isinstance(population, bytes):
        return "legacy" if b'"ID Nation"' in population else "tesseract"
    return population


def _annotations(estimate: str, turn: int) -> dict[str, str]:
    items = [*_ABOUT.items(), ("dataset_name", f"ACS {estimate} Estimate (generated sample)")]
    turn %= len(items)
    return dict(items[turn:] + items[:turn])


def _tesseract(turn: int) -> dict[str, object]:
    rows = [
        {
            "Nation ID": _NATION["id"],
            "Nation": _NATION["name"],
            "Year": year,
            "Population": float(count),
        }
        for year, count in COUNTS.items()
    ]
    return {
        "annotations": _annotations("1-year", turn),
        "page": {"limit": 0, "offset": 0, "total": len(rows)},
        "columns": list(rows[0]),
        "data": rows,
    }


def _legacy(turn: int) -> dict[str, object]:
    rows = [
        {
            "ID Nation": _NATION["id"],
            "Nation": _NATION["name"],
            "ID Year": year,
            "Year": str(year),
            "Population": count,
            "Slug Nation": _NATION["slug"],
        }
        for year, count in reversed(COUNTS.items())
    ]
    source = {
        "measures": ["Population"],
        "annotations": _annotations("5-year", turn),
        "name": "acs_yg_total_population_5",
        "substitutions": [],
    }
    return {"data": rows, "source": [source]}
