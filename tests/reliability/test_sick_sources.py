"""A sick publisher changes nothing; once it is well, the lake is as if it had never been sick.

One row for each class of outcome; each fault alone is in `tests/sources` and `tests/lake`.
"""

import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from blsquest.core.errors import QuestError, Refused, SourceError
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.pages import Row as Shown
from blsquest.sources.sample.pages import http_date, published
from blsquest.sources.sample.server import Request, SampleServer
from tests.reliability.stage import (
    CENSUS,
    CURRENT,
    LISTING,
    PAYLOAD,
    Stage,
    census_payload,
    mirrored,
    staged,
)
from tests.support import faults as sick
from tests.support.faults import Act
from tests.support.lakes import LONG_AGO, PR, contents

REFUSED, FAILED, PASSING = "Refused", "Failed", "Failed, try again"
CHANGED, UNCHANGED = "Changed", "Unchanged"
PAGE, FILE = "the listing of bls/pr", r"bls/pr/pr\.data\.0\.Current"
"""What messages call the listing and the file that is struck."""
LISTED, PEOPLE = "listing of /pub/time.series/pr/", "[Tt]he population"
SILENCE = "nothing came within the read timeout"

Sicken = Callable[[Stage], object]


@dataclass(frozen=True)
class Row:
    """A fault of a publisher, what it does to the stage, and how the run ends, in which words.

    `Failed, try again` is a failure that calls itself transient.
    """

    fault: str
    sicken: Sicken
    ends: str
    says: tuple[str, ...] = ()
    source: str = PR


def on(path: str, *acts: Act, times: int | None = None, **seconds: float) -> Sicken:
    """Change the replies to these requests, for a client with these short timeouts."""

    def sicken(stage: Stage) -> None:
        stage.patience = replace(stage.patience, **seconds)
        for act in acts:
            stage.server.faults.append(sick.Fault(act, path, times))

    return sicken


listing, current, population = partial(on, LISTING), partial(on, CURRENT), partial(on, PAYLOAD)


def lengthened(extra: bytes) -> Act:
    return sick.edit(lambda body: body + extra)


def elsewhere(stage: Stage) -> None:
    """Redirect a file to another host, where a whole publisher is ready."""
    stage.other = stage.closing.enter_context(SampleServer())
    away = sick.redirect(f"{stage.other.bls_url}pr/pr.data.0.Current")
    stage.server.faults.append(sick.Fault(away, CURRENT))


def nobody(stage: Stage) -> None:
    """Move BLS to a port that refuses connections for as long as the stage lasts."""
    held = stage.closing.enter_context(socket.socket())
    held.bind(("127.0.0.1", 0))
    stage.root = f"http://127.0.0.1:{held.getsockname()[1]}/pub/time.series/"


IN_A_MINUTE = sick.status(503, headers={"Retry-After": "60"})
PLAIN_PAGE = (sick.html_page(), sick.content_type("text/plain"), sick.chunked())
BOMB = (sick.body(bytes(64 << 20)), sick.gzipped())
SAMPLE = sick.header("X-Sample-Data", "generated")

ON_THE_WIRE = [
    Row("the listing is forbidden", listing(sick.status(403)), FAILED, (PAGE, "403", "contact")),
    Row("503 asks for a minute", current(IN_A_MINUTE, times=2), CHANGED),
    Row("a file is on another host", elsewhere, FAILED, (FILE, "another host")),
    Row("nobody listens", nobody, PASSING, (PAGE, "refused the connection")),
    Row("a file stalls at byte 99", current(sick.stall(99), read=0.1), PASSING, (FILE, SILENCE)),
    Row("a file is truncated", current(sick.truncate(99)), PASSING, (FILE, "before .* was whole")),
    Row("a file is longer than listed", current(lengthened(b"!")), REFUSED, ("stale", FILE)),
    Row(
        "a file without a length ends early",
        current(sick.unannounced(), sick.truncate(99)),
        PASSING,
        (FILE, "99 of"),
    ),
    Row("a file is a gzip bomb", current(*BOMB), REFUSED, (FILE, "encoded", "gzip")),
    Row(
        "the listing goes on and on",
        listing(lengthened(bytes(17 << 20)), sick.chunked()),
        FAILED,
        (PAGE, "the limit of 16,777,216 bytes"),
    ),
    Row("a plain error page says 200", current(*PLAIN_PAGE), REFUSED, (r"\.Current", "web page")),
    Row(
        "a sample stands in for the publisher",
        listing(SAMPLE),
        REFUSED,
        ("real data", "sample data", "never mixed"),
    ),
]


def rows(change: Callable[[list[Shown]], list[Shown]]) -> Sicken:
    def sicken(stage: Stage) -> None:
        stage.server.listing_rows = lambda _, shown: change(shown)

    return sicken


def row(name: str, **changes: object) -> Sicken:
    """Show one of the true rows otherwise."""
    return rows(lambda shown: [replace(r, **changes) if r.name == name else r for r in shown])  # type: ignore[arg-type]


CLIMBS = Shown("../../../etc/passwd", 7, "5/2/2024 8:30 AM")
EMPTY = row("pr.data.0.Current", size=0)
STALE = ("stale", r"pr\.series", "--allow stale")
LISTINGS = [
    Row("the listing is empty", rows(lambda _: []), REFUSED, ("listing is empty",)),
    Row("the listing is an error page", listing(sick.html_page()), REFUSED, ("another page",)),
    Row("a size of zero", EMPTY, REFUSED, (r"pr\.data\.0\.Current", "shrank")),
    Row("a stamp in the year 0", row("pr.series", stamp="0/0/0000 0:00 AM"), CHANGED),
    Row("a stamp in the year 9999", row("pr.series", stamp="12/31/9999 11:59 PM"), REFUSED, STALE),
    Row("a name climbs", rows(lambda shown: [*shown, CLIMBS]), REFUSED, ("unsafe name",)),
]


def as_a_file_is_asked_for(change: Callable[[Stage, int], object]) -> Sicken:
    """Change the publisher at each request for a file, counted from 0."""

    def sicken(stage: Stage) -> None:
        numbers = count()

        def react(request: Request) -> None:
            if not request.path.endswith("/"):
                change(stage, next(numbers))

        stage.server.on_request = react

    return sicken


def restamp(stage: Stage, number: int) -> None:
    moment = LONG_AGO + timedelta(days=number + 200)
    stage.server.surveys["pr"]["pr.notice"] = published(b"only in 2\r\n", moment)


def take_away(stage: Stage, _: int) -> None:
    stage.server.surveys["pr"].pop("pr.notice", None)


MOVING, TAKEN = as_a_file_is_asked_for(restamp), as_a_file_is_asked_for(take_away)
CLOCKS = ("This machine's clock says", "and the publisher's", "--allow clock")
BACK = on("*", sick.header("Date", http_date(LONG_AGO)))
AHEAD = sick.header("Last-Modified", "Fri, 31 Dec 9999 23:59:59 GMT")

CHANGES_AND_TIMES = [
    Row("the listing moves and moves", MOVING, PASSING, ("moved twice",)),
    Row("a file goes before it is asked for", TAKEN, CHANGED),
    Row("Last-Modified lies ahead", current(AHEAD), CHANGED),
    Row("the publisher's clock is back", BACK, REFUSED, CLOCKS),
]


def reordered(stage: Stage) -> None:
    """Send the old payload in another order of keys, as the service does from time to time."""
    document = json.loads(census_payload(1))
    stage.server.population = json.dumps(dict(reversed(document.items())), indent=1).encode()


HUGE = sick.body(census_payload(2).replace(b"310200417.0", b"1" + b"0" * 5000))
POPULATION = [
    Row("the population: gone", population(sick.status(404)), FAILED, (PEOPLE, "404"), CENSUS),
    Row("the population: 10^5000 people", population(HUGE), REFUSED, (PEOPLE, "as JSON"), CENSUS),
    Row("the population: its keys in another order", reordered, UNCHANGED, (), CENSUS),
]
TABLE = [*ON_THE_WIRE, *LISTINGS, *CHANGES_AND_TIMES, *POPULATION]


@pytest.fixture
def stage(row: Row, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The row's publisher with release 2 out, sick."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):  # would answer in the host's place
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with staged(row.source) as found:
        row.sicken(found)
        yield found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.fault)
def test_a_run_ends_as_it_must_and_the_next_as_if_nothing_had_been(
    row: Row, stage: Stage, lake: DirectoryStore, in_health: dict[str, dict[str, Any]]
) -> None:
    before = contents(lake)
    if row.ends in {CHANGED, UNCHANGED}:
        assert stage.run(lake).name == row.ends
    else:
        with pytest.raises(QuestError) as caught:
            stage.run(lake)
        check_message(caught.value, row)
        check_nothing_but_vintages_came(before, contents(lake))
    check_nobody_else_was_asked(stage)
    with staged(row.source) as healthy:
        healthy.run(lake)
    now, wanted = mirrored(lake, row.source), in_health[row.source]
    assert now["vintages"] >= wanted["vintages"]
    assert now | {"vintages": None} == wanted | {"vintages": None}


def check_message(error: QuestError, row: Row) -> None:
    """The message names the file and the cause, gives a remedy, and can be printed anywhere."""
    kinds = {REFUSED: Refused, FAILED: SourceError, PASSING: SourceError}
    assert isinstance(error, kinds[row.ends])
    assert error.transient is (row.ends == PASSING)
    assert row.says
    assert [pattern for pattern in row.says if not re.search(pattern, str(error))] == []
    assert error.remedy
    assert str(error).isprintable()
    assert len(str(error)) < 600


def check_nothing_but_vintages_came(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Every object is there with the same bytes; what arrived before the failure may be kept."""
    assert before.items() <= after.items()
    assert {key for key in after.keys() - before.keys() if not key.startswith("vintages/")} == set()


def check_nobody_else_was_asked(stage: Stage) -> None:
    """No request left the publisher's folder, or its host."""
    folder = {PR: "/pub/time.series/pr/", CENSUS: "/tesseract/data.jsonrecords"}[stage.source]
    paths = {request.path for request in stage.server.requests}
    assert {path for path in paths if not path.startswith(folder)} == set()
    assert stage.other is None or stage.other.requests == []
