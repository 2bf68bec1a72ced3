"""Faults of listings: their rows, the names in them, and times that cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from blsquest.sources.sample.pages import Row as Shown
from blsquest.sources.sample.pages import http_date, listing_page, published
from tests.reliability.fault_table import (
    CHANGED,
    PASSING,
    REFUSED,
    UNCHANGED,
    Row,
    Sicken,
    current,
    listing,
    on,
)
from tests.support import faults as sick
from tests.support.lakes import LONG_AGO
from tests.support.stage import data_file, release

if TYPE_CHECKING:
    from collections.abc import Callable

    from blsquest.sources.sample.server import Request
    from tests.support.stage import Stage

LISTING_OF = "listing of /pub/time.series/pr/"
_OTHER = listing_page("/pub/time.series/cu/", [Shown("cu.data.1", 9, "1/1/2025 8:30 AM")])
_OLD_STAMP = "5/2/2024 8:30 AM"


def _page(change: Callable[[bytes], bytes]) -> Sicken:
    return listing(sick.edit(change))


def _rows(change: Callable[[list[Shown]], list[Shown]]) -> Sicken:
    return lambda stage: stage.shows(change)


def _row(name: str, **changes: object) -> Sicken:
    """One of the true rows shown otherwise."""
    return _rows(lambda rows: [replace(r, **changes) if r.name == name else r for r in rows])  # type: ignore[arg-type]


def _sized(size: int | str) -> Sicken:
    return _row("pr.data.0.Current", size=size)


LISTINGS = [
    Row("the listing is empty", _rows(lambda _: []), REFUSED, (LISTING_OF, "is empty")),
    Row("the listing has no bytes", listing(sick.empty()), REFUSED, ("not a directory listing",)),
    Row(
        "the listing is an error page",
        listing(sick.html_page()),
        REFUSED,
        ("another page, headed",),
    ),
    Row("the listing is halved", _page(lambda p: p[: len(p) // 2]), REFUSED, ("in the middle",)),
    Row("half of the rows are gone", _rows(lambda r: r[::2]), REFUSED, ("lacks 3 of the 6 files",)),
    Row("the data files are gone", _rows(lambda r: [*r[:1], *r[3:]]), REFUSED, ("no data file",)),
    Row("each row comes twice", _rows(lambda r: r + r), REFUSED, ("twice", r"pr\.class")),
    Row("the rows come backwards", _rows(lambda r: r[::-1]), CHANGED),
    Row("another survey's listing comes", listing(sick.body(_OTHER)), REFUSED, ("another page",)),
    Row("a script follows the rows", _page(lambda p: p + b"<script>"), REFUSED, ("goes on after",)),
    Row("a row is no row", _page(lambda p: p.replace(b"AM", b"XX")), REFUSED, ("cannot be read",)),
    Row("a size of 10^15", _sized(10**15), REFUSED, (r"pr\.data\.0\.Current", "absurd size")),
    Row("a size of 30 digits", _sized("9" * 30), REFUSED, ("cannot be read",)),
    Row("a size below zero", _sized("-1"), REFUSED, ("cannot be read", "-1")),
    Row("a size that is no number", _sized("NaN"), REFUSED, ("cannot be read",)),
    Row("a size of zero", _sized(0), REFUSED, (r"pr\.data\.0\.Current", "shrank")),
    Row("a size that is too large", _sized(9999), PASSING, (r"pr\.data\.0\.Current", "says 9,999")),
    Row("a stamp in the year 0", _row("pr.series", stamp="0/0/0000 0:00 AM"), CHANGED),
    Row("a stamp in the year 9999", _row("pr.series", stamp="12/31/9999 11:59 PM"), CHANGED),
    Row("a stamp with no date", _row("pr.series", stamp="today 8:30 AM"), REFUSED, ("today",)),
]


def _listed(name: str, size: int | str | None = 7, href: str | None = None) -> Sicken:
    """One row more."""
    return _rows(lambda rows: [*rows, Shown(name, size, _OLD_STAMP, href)])


def _hostile(fault: str, name: str, says: str, *, href: str | None = None) -> Row:
    return Row(f"a name that {fault}", _listed(name, href=href), REFUSED, (says,))


_BASE = "/pub/time.series/pr/"
_UNSAFE, _OUTSIDE = "unsafe name", "links outside the folder"

NAMES = [
    _hostile("is ..", "..", r"unsafe name: '\.\.'"),
    _hostile("climbs", "../../../etc/passwd", _UNSAFE),
    _hostile("climbs after a folder", "x/../../y", _UNSAFE),
    _hostile("is %2e%2e", "..", _UNSAFE, href=f"{_BASE}%2e%2e"),
    _hostile("is %252e%252e", "%2e%2e", _UNSAFE, href=f"{_BASE}%252e%252e"),
    _hostile("has an escaped slash", "a/b", _UNSAFE, href=f"{_BASE}a%2Fb"),
    _hostile("is an absolute path", "/etc/passwd", _OUTSIDE, href="/etc/passwd"),
    _hostile("is on another host", "x", _OUTSIDE, href="https://evil.example/x"),
    _hostile("is on another host by //", "x", _OUTSIDE, href="//evil.example/x"),
    _hostile("is a script", "x", _OUTSIDE, href="javascript:alert(1)"),
    _hostile("is another's", "cu.data.1", _OUTSIDE, href="/pub/time.series/cu/cu.data.1"),
    _hostile("holds NUL", "a\0b", r"unsafe name: 'a\\x00b'"),
    _hostile("holds a newline", "a\nb", r"unsafe name: 'a\\nb'"),
    _hostile("holds a quote", 'a"b', _UNSAFE, href=f"{_BASE}a%22b"),
    _hostile("holds a tag", "<img src=x>", _UNSAFE, href=f"{_BASE}%3Cimg%20src=x%3E"),
    _hostile("is a template", "{{7*7}}*", _UNSAFE),
    _hostile("is not ASCII", "prß", _UNSAFE),
    _hostile("has 5,000 characters", "x" * 5000, r"\(5,000 characters\)"),
    _hostile("has 201 characters", "x" * 201, r"\(201 characters\)"),
    _hostile("is hidden", ".tmp", _UNSAFE),
    _hostile("ends in a space", "pr.x ", _UNSAFE),
    _hostile("has a backslash", "..\\x", _UNSAFE),
    _hostile("is nothing", "", _UNSAFE),
    _hostile("is not what it shows", "pr.txt", "shows 'pr.txt'", href=f"{_BASE}pr.evil"),
    _hostile("collides by case", "PR.CLASS", "case alone: 'pr.class' and 'PR.CLASS'"),
    _hostile("is a folder of files", "maps/", _UNSAFE),
    Row("a sub-directory", _listed("maps", None), REFUSED, ("sub-directories", "maps/")),
    Row("a file that is also a folder", _listed("pr.txt", None), REFUSED, ("twice", r"pr\.txt")),
]


def _when_a_file_is_asked_for(change: Callable[[Stage, int], object]) -> Sicken:
    """The publisher does something at each request for a file; it is told how many came before."""

    def sicken(stage: Stage) -> None:
        numbers = count()

        def react(request: Request) -> None:
            if not request.path.endswith("/"):
                change(stage, next(numbers))

        stage.server.on_request = react

    return sicken


def _bring_out_all_of_it(stage: Stage, number: int) -> None:
    if number == 0:
        stage.publish(2)


def _release_2_comes_in_mid_run(stage: Stage) -> None:
    """Half of release 2 is out as the run lists; the rest comes while it asks."""
    half = release(1) | {name: release(2)[name] for name in ("pr.data.1.AllData", "pr.class")}
    stage.server.surveys["pr"] = half
    _when_a_file_is_asked_for(_bring_out_all_of_it)(stage)


def _restamp(stage: Stage, number: int) -> None:
    moment = LONG_AGO + timedelta(days=number + 200)
    stage.server.surveys["pr"]["pr.notice"] = published(b"only in 2\r\n", moment)


def _take_away(stage: Stage, _: int) -> None:
    stage.server.surveys["pr"].pop("pr.notice", None)


def _replace(stage: Stage, number: int) -> None:
    """One more quarter in a data file, by the time that it is asked for."""
    if number == 0:
        old = stage.server.surveys["pr"]["pr.data.0.Current"]
        stage.server.surveys["pr"]["pr.data.0.Current"] = replace(old, body=data_file(9))


CHANGES = [
    Row("the release comes out in mid-run", _release_2_comes_in_mid_run, CHANGED),
    Row(
        "the listing moves and moves",
        _when_a_file_is_asked_for(_restamp),
        PASSING,
        ("moved twice",),
    ),
    Row("a file goes before it is asked for", _when_a_file_is_asked_for(_take_away), CHANGED),
    Row("a file is replaced as it is asked for", _when_a_file_is_asked_for(_replace), CHANGED),
    Row("nothing has changed", lambda stage: stage.publish(1), UNCHANGED),
]


def _clock(jump: timedelta) -> Sicken:
    def sicken(stage: Stage) -> None:
        stage.clock.moment += jump

    return sicken


def _dated(name: str, value: str | None) -> Sicken:
    return current(sick.header(name, value))


TIMES = [
    Row("our clock jumps back by 20 years", _clock(timedelta(days=-7300)), CHANGED),
    Row("our clock jumps on by 20 years", _clock(timedelta(days=7300)), CHANGED),
    Row("no Last-Modified", _dated("Last-Modified", None), CHANGED),
    Row(
        "Last-Modified lies ahead",
        _dated("Last-Modified", "Fri, 01 Jan 2100 00:00:00 GMT"),
        CHANGED,
    ),
    Row("Last-Modified is malformed", _dated("Last-Modified", "last Thursday"), CHANGED),
    Row(
        "Last-Modified is in the year 0",
        _dated("Last-Modified", "Sat, 01 Jan 0000 00:00:00 GMT"),
        CHANGED,
    ),
    Row("Last-Modified is enormous", _dated("Last-Modified", "1" * 60_000), CHANGED),
    Row("the publisher has no Date", _dated("Date", None), CHANGED),
    Row(
        "the publisher's clock is back", on("*", sick.header("Date", http_date(LONG_AGO))), CHANGED
    ),
]
