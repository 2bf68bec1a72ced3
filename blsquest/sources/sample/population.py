"""An invented US population, in the shape in which DataUSA publishes the real one."""

import json

PATH = "/tesseract/data.jsonrecords"
QUERY = "cube=acs_yg_total_population_1&drilldowns=Year%2CNation&locale=en&measures=Population"
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

ANNOTATIONS = {
    "source_name": "Census Bureau",
    "source_description": "Invented figures in the form of the American Community Survey (ACS).",
    "dataset_link": "http://www.census.gov/programs-surveys/acs/",
    "table_id": "B01003",
    "topic": "Diversity",
    "subtopic": "Demographics",
    "dataset_name": "ACS 1-year Estimate (generated sample)",
}


def payload(turn: int = 0) -> bytes:
    """Return the JSON of one response.

    The order of the annotations' keys moves on with each turn, as the real one's does.
    """
    rows = [
        {"Nation ID": "01000US", "Nation": "United States", "Year": year, "Population": float(n)}
        for year, n in COUNTS.items()
    ]
    items = list(ANNOTATIONS.items())
    turn %= len(items)
    document = {
        "annotations": dict(items[turn:] + items[:turn]),
        "page": {"limit": 0, "offset": 0, "total": len(rows)},
        "columns": list(rows[0]),
        "data": rows,
    }
    return json.dumps(document, separators=(",", ":")).encode()
