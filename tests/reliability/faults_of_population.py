"""Faults of the population payload."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.reliability.fault_table import (
    CHANGED,
    FAILED,
    PASSING,
    REFUSED,
    UNCHANGED,
    Ending,
    Sicken,
    hurried,
    lengthened,
    population,
)
from tests.reliability.fault_table import Row as _Row
from tests.support import faults as sick
from tests.support.stage import CENSUS, census_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.faults import Act
    from tests.support.stage import Stage

WHAT = "[Tt]he population"


def _row(fault: str, sicken: Sicken, ends: Ending, *says: str) -> _Row:
    says = says if ends in {CHANGED, UNCHANGED} else (WHAT, *says)
    return _Row(f"the population: {fault}", sicken, ends, says, CENSUS)


def _sent(act: Act, ends: Ending, fault: str, *says: str) -> _Row:
    return _row(fault, population(act), ends, *says)


def _refused(fault: str, says: str, body: bytes) -> _Row:
    return _row(fault, population(sick.body(body)), REFUSED, says)


def _changed(**changes: Any) -> bytes:
    return census_payload(2, **changes)


def _rows(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> bytes:
    """The payload with other rows, and a total that agrees."""
    rows = change(json.loads(census_payload(2))["data"])
    total = {"limit": 0, "offset": 0, "total": len(rows)}
    return _changed(data=rows, page=total, columns=list(rows[0]))


def _first(**cells: Any) -> bytes:
    """The payload with other cells in its first row."""
    return _rows(lambda rows: [rows[0] | cells, *rows[1:]])


def _each(**cells: Any) -> bytes:
    return _rows(lambda rows: [row | cells for row in rows])


def _reordered(body: bytes) -> bytes:
    """The same in another order of keys, as the service sends it from time to time."""
    return json.dumps(dict(reversed(json.loads(body).items())), indent=1).encode()


def _unchanged_but_reordered(stage: Stage) -> None:
    stage.publish(1)
    population(sick.edit(_reordered))(stage)


POPULATION = [
    _sent(sick.status(403), FAILED, "forbidden", "403", "--population-url"),
    _sent(sick.status(404), FAILED, "gone", "404", "--population-url"),
    _sent(sick.status(503), PASSING, "503", "503"),
    _sent(sick.reset(9), PASSING, "reset at byte 9", "connection"),
    _sent(sick.truncate(9), PASSING, "truncated", "before the body was whole"),
    _sent(sick.empty(), REFUSED, "no bytes", "is empty"),
    _sent(sick.html_page(), REFUSED, "an error page that says 200", "a web page"),
    _sent(sick.gzipped(), REFUSED, "compressed", "encoded"),
    _sent(lengthened(b" " * (17 << 20)), FAILED, "17 MiB", "more than the 16,777,216 bytes"),
    _sent(sick.chunked(), CHANGED, "in chunks"),
    _row("unchanged but for the order of keys", _unchanged_but_reordered, UNCHANGED),
    _row(
        "stalled at byte 9",
        hurried(population(sick.stall(9)), read=0.1),
        PASSING,
        "nothing came within the read timeout",
    ),
    _refused("not JSON", "cannot be read as JSON", b"Year,Population\n2013,1\n"),
    _refused("half of it", "cannot be read as JSON", census_payload(2)[:300]),
    _refused("JSON but a list", "no object", b"[1]"),
    _refused("nested too deeply", "nested too deeply", b"[" * 100_000),
    _refused("not UTF-8", "cannot be read as JSON", b'{"data": "\xff"}'),
    _refused("a key twice", "the same key twice", b'{"data": 1, "data": 2}'),
    _refused("an unknown shape", "neither of the two known shapes", b'{"rows": []}'),
    _refused("no rows", "has no rows", _changed(data=[])),
    _refused("by state", "not for the United States", _first(**{"Nation ID": "04000US06"})),
    _refused("a finer grain", "a column 'Age'", _each(Age="1")),
    _refused("another measure", "a column 'Median Age'", _each(**{"Median Age": 38.1})),
    _refused(
        "another table", "is Census table 'B19013'", _changed(annotations={"table_id": "B19013"})
    ),
    _refused("a page of more", "is a part", _changed(page={"limit": 10, "offset": 0, "total": 99})),
    _refused("years missing", "no count for 2013, 2014", _rows(lambda rows: rows[2:])),
    _refused("a year twice", "two counts for 2013", _rows(lambda rows: [rows[0], *rows])),
    _refused("the year 0", "a year that is none: 0", _first(Year=0)),
    _refused("the year 9999", "a year that is none: 9999", _first(Year=9999)),
    _refused("text for a number", "'310200417'", _first(Population="310200417")),
    _refused("NaN", "NaN", _first(Population=float("nan"))),
    _refused("infinity", "holds Infinity", _first(Population=float("inf"))),
    _refused("nobody", "has 0 as the count for 2013", _first(Population=0)),
    _refused("fewer than nobody", "has -1 as the count", _first(Population=-1)),
    _refused("half a person", "has 1.5 as the count", _first(Population=1.5)),
    _refused(
        "10^400 people", "as the count", _changed().replace(b"310200417.0", b"1" + b"0" * 400)
    ),
    _refused(
        "10^5000 people", "read as JSON", _changed().replace(b"310200417.0", b"1" + b"0" * 5000)
    ),
]
