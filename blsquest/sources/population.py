"""The population payload, read from either shape that DataUSA has answered with. Pure.

Tesseract (today): `annotations`, `page`, `columns`, `data` with `"Year": 2013` and
`"Population": 316128839.0`. Legacy (until 2025): `data` with `"Year": "2013"`, and `source` whose
`annotations` say what it is. The legacy service silently moved from one-year to five-year
estimates, so each number is kept with the name of its estimate.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, NoReturn

from blsquest.core.errors import Refused
from blsquest.core.text import shown

NATION = "01000US"
"""The Census identifier of the United States as a whole."""

TABLE = "B01003"
"""The Census table of total population."""

REQUIRED_YEARS = range(2013, 2019)
"""2013 to 2018 inclusive: the years of the project's first question."""

YEARS = range(1900, 2101)
"""Years that a payload may name, and so a question too."""

Shape = Literal["tesseract", "legacy"]

_KNOWN_COLUMNS = frozenset(
    {"Nation ID", "ID Nation", "Nation", "Slug Nation", "ID Year", "Year", "Population"}
)
_MOST_PEOPLE = 10**10
_TEXT_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Population:
    """The United States' population by year, as one payload gives it.

    Attributes:
        counts: People by year, in order of the years.
        estimate: Which survey estimate the counts are, for example `ACS 1-year`; the payload's
            own words if it says something else, "" if it says nothing.
        dataset: The payload's name for the data set, "" if it gives none.
        identity: SHA-256 of the payload's canonical JSON (keys sorted, no white space): the
            service's own order of keys is not stable.
    """

    counts: Mapping[int, int]
    estimate: str
    dataset: str
    shape: Shape
    identity: str


def read_population(
    payload: bytes, *, required_years: Iterable[int] = REQUIRED_YEARS
) -> Population:
    """Read a payload, or refuse it whole: also where a required year is missing."""
    document, identity = _decode(payload)
    shape: Shape
    if {"data", "columns", "page"} <= document.keys():
        shape = "tesseract"
        rows = _rows(document)
        _check_page(document["page"], len(rows))
        notes = document.get("annotations", {})
    elif {"data", "source"} <= document.keys():
        shape = "legacy"
        rows = _rows(document)
        source = document["source"]
        if not isinstance(source, list) or not source or not isinstance(source[0], dict):
            _refuse("does not say its source")
        notes = source[0].get("annotations", {})
    else:
        keys = ", ".join(sorted(shown(k) for k in document)) or "nothing"
        _refuse(f"has neither of the two known shapes (it holds {keys})")
    if not isinstance(notes, dict):
        _refuse("has annotations that are no object")
    table = _text(notes, "table_id")
    if table not in {"", TABLE}:
        _refuse(f"is Census table {shown(table)}, not {TABLE} (total population)")
    counts = _counts(rows, shape)
    missing = [year for year in required_years if year not in counts]
    if missing:
        _refuse(f"has no count for {', '.join(map(str, missing))}")
    dataset = _text(notes, "dataset_name")
    acs = re.match(r"ACS [0-9]-year\b", dataset)
    return Population(counts, acs[0] if acs else dataset, dataset, shape, identity)


def _decode(payload: bytes) -> tuple[dict[str, object], str]:
    """Return the payload as JSON, and the SHA-256 of its canonical form."""
    if not payload.strip():
        _refuse("is empty")
    if payload.lstrip()[:1] == b"<":
        _refuse("is a web page, not JSON")
    try:
        document = json.loads(
            payload.decode("utf-8-sig"), parse_constant=_no_constant, object_pairs_hook=_distinct
        )
        canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    except RecursionError:
        _refuse("is nested too deeply")
    except ValueError as error:  # bad UTF-8, bad JSON, an integer of thousands of digits
        _refuse(f"cannot be read as JSON: {shown(str(error))}")
    if not isinstance(document, dict):
        _refuse("is JSON but no object")
    return document, sha256(canonical).hexdigest()


def _no_constant(name: str) -> NoReturn:
    _refuse(f"holds {name}, which is no number")


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object with equal keys; JSON's own readers keep the last in silence."""
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("has an object with the same key twice")
    return found


def _rows(document: dict[str, object]) -> list[dict[str, object]]:
    """Return the rows, all with the same columns, none of which belongs to another grain."""
    rows = document["data"]
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        _refuse("has no rows")
    columns = document.get("columns", list(rows[0]))
    if not isinstance(columns, list) or not all(isinstance(c, str) for c in columns):
        _refuse("does not name its columns")
    for column in columns:
        if column not in _KNOWN_COLUMNS:
            _refuse(f"is not by year and nation alone: it has a column {shown(column)}")
    if "Population" not in columns:
        _refuse("has no column Population")
    if "Year" not in columns or not {"Nation ID", "ID Nation"} & set(columns):
        _refuse("is not by year and nation: it lacks such a column")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or row.keys() != set(columns):
            _refuse(f"has other columns in row {number} than it says")
    return rows


def _check_page(page: object, rows: int) -> None:
    fields = page if isinstance(page, dict) else {"offset": None}
    total, offset = fields.get("total"), fields.get("offset", 0)
    if type(total) is not int or total != rows or offset != 0:
        _refuse(f"is incomplete: it has {rows} of {_value(total)} rows, from row {_value(offset)}")


def _counts(rows: list[dict[str, object]], shape: Shape) -> dict[int, int]:
    """Read years and people: whole numbers, though Tesseract writes counts with a decimal point."""
    counts: dict[int, int] = {}
    for row in rows:
        nation = row.get("Nation ID", row.get("ID Nation"))
        if nation != NATION:
            _refuse(f"has a row for {_value(nation)}, not for the United States ({NATION})")
        year, people = row["Year"], row["Population"]
        if shape == "legacy" and isinstance(year, str) and re.fullmatch("[0-9]{4}", year):
            year = int(year)
        if type(year) is not int or year not in YEARS or row.get("ID Year", year) != year:
            _refuse(f"has an invalid year: {_value(row['Year'])}")
        if year in counts:
            _refuse(f"has two counts for {year}")
        if isinstance(people, bool) or not isinstance(people, int | float):
            _refuse(f"has {_value(people)} as the count for {year}, not a number")
        # The bounds come first: an infinite count has no int.
        if not 0 < people < _MOST_PEOPLE or people != int(people):
            _refuse(f"has {_value(people)} as the count for {year}")
        counts[year] = int(people)
    return dict(sorted(counts.items()))


def _text(notes: dict[str, object], key: str) -> str:
    """Read an annotation; it is shown to people, so it must be short and printable."""
    text = notes.get(key, "")
    if not isinstance(text, str) or not text.isprintable() or len(text) > _TEXT_LIMIT:
        _refuse(f"has no readable text as its {key}")
    return text.strip()


def _value(value: object) -> str:
    """Shorten a value from the payload for a message; never walk into nested ones."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    return shown(value) if isinstance(value, str) else str(value)[:40]


def _refuse(why: str) -> NoReturn:
    raise Refused(
        f"The population payload {why}.",
        "Nothing was changed. Compare the request (--population-url) with the publisher's "
        "documentation; it must ask for the population by year and nation.",
    )
