"""The front page of a lake: `index.html`, and `feed.xml` beside it.

Both are derived: the same state of the lake gives the same bytes, wherever it is, and their links
lead to what lies beside them. The record of each source says for which manifest, and for which
report, they were last made.
"""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from blsquest.analytics.report.chart_style import CSS
from blsquest.analytics.report.html import cell
from blsquest.core.errors import StoreError
from blsquest.core.source import POPULATION
from blsquest.core.stop import Workers, raise_if_stopped, stops_workers
from blsquest.core.text import counted, printable, short, some
from blsquest.lake.keys import FEED, INDEX
from blsquest.lake.record import Made, read_record, write_record
from blsquest.products.feed import MARK, feed
from blsquest.products.front_page_content import IN_FLIGHT, RELEASES, look
from blsquest.products.report_folders import read_or_none

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from blsquest.lake.stores.base import Store
    from blsquest.products.front_page_content import Content, Held


VERSION = 1
"""Of their form: those of another one are made anew by the next run."""
CHANGES = 12
"""Releases that the page has, without each source's first; the feed has more."""
SOURCES = 200
"""Sources that the page has: BLS publishes about sixty surveys."""
DAYS = 12
"""Reports of each survey to which the page has a link; the others lie beside them."""
FIGURES = 8
"""Figures at the top of the page: of the surveys that changed last."""
KEYS = (INDEX, FEED)
TRIES = 5
"""Each time, another run made them of another state meanwhile."""

_SEAL = re.compile(rb"<!-- sha256 of all above: ([0-9a-f]{64}) -->\n\Z")


# -- The page ------------------------------------------------------------------------------------


def index_page(content: Content) -> bytes:
    """Write the front page as UTF-8 HTML. The same content gives the same bytes."""
    surveys = [held for held in content.sources if held.source != POPULATION]
    newest_first = sorted(surveys, key=lambda held: held.committed, reverse=True)
    text: str = _template().render(
        content=content,
        surveys=surveys,
        example=next((held for held in surveys if held.code == "pr"), next(iter(surveys), None)),
        figures=[held for held in newest_first if held.headline][:FIGURES],
        shown=content.sources[:SOURCES],
        reported=[held for held in surveys if held.days][:SOURCES],
        most=SOURCES,
        releases=[release for release in content.releases if not release.is_first][:CHANGES],
        most_changes=CHANGES,
        days=DAYS,
        kept=RELEASES,
        mark=MARK,
        feed=FEED,
    )
    return sealed(text)


def sealed(text: str) -> bytes:
    """Return a text as it is stored: with its hash, by which an alteration shows."""
    body = text.encode()
    return body + f"<!-- sha256 of all above: {sha256(body).hexdigest()} -->\n".encode()


def is_whole(body: bytes) -> bool:
    """Return whether the front page or the feed is as it was put."""
    found = _SEAL.search(body)
    return found is not None and found[1].decode() == sha256(body[: found.start()]).hexdigest()


def is_foreign(body: bytes | None) -> bool:
    """Return whether there is something of somebody's own."""
    marks = (f'<meta name="generator" content="{MARK}">', f"<generator>{MARK}</generator>")
    return body is not None and body.strip() != b"" and not any(m.encode() in body for m in marks)


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: (
            printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cell": cell, "short": short, "some": some, "size": in_units}
    # The project's own file.
    environment.globals |= {"css": Markup(CSS), "counted": counted}  # noqa: S704
    return environment.get_template("front_page.html.jinja")


def in_units(size: int) -> str:
    """Return bytes for people: `812 bytes`, `1.6 MB`."""
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= least:
            return f"{size / least:,.1f} {unit}"
    return counted(size, "byte")


# -- Making both ---------------------------------------------------------------------------------


def render(content: Content) -> dict[str, bytes]:
    """Return front page and feed by key."""
    return {INDEX: index_page(content), FEED: sealed(feed(content))}


def front_page_stands(made: Made | None, report: str | None = None) -> bool:
    """Return whether page and feed are of a source's newest state, by its record: no request.

    `report` is the folder of the survey's newest report, where that is known.
    """
    return made is not None and made.layout == VERSION and report in {None, made.report}


def behind(store: Store, sources: Iterable[str]) -> list[str]:
    """Return the sources of whose newest state page and feed are not: a GET of each record."""

    def is_behind(source: str) -> bool:
        record = read_record(store, source)
        own, made = record.own(store), record.made.get("index")
        now = own and (own.manifest_sha256, own.lake, VERSION)
        return made is None or now != (made.manifest_sha256, made.lake, made.layout)

    names = list(sources)
    with stops_workers(), Workers(IN_FLIGHT, "records") as pool:
        return [
            name for name, is_so in zip(names, pool.map(is_behind, names), strict=True) if is_so
        ]


def make_front_page(store: Store, sources: Collection[str] = ()) -> tuple[str, ...]:
    """Make front page and feed of the lake's newest state; return the keys that were left alone.

    Those hold something of somebody's own. What is there already is not put again. The records of
    the named sources then say so. Any number of runs may do this at once, and be killed at any
    point: the records come last, and after them page and feed are read again, so that of runs at
    once the last one has made them, or the next run does. Costs what `look` does, two GETs and two
    PUTs, two GETs again, and a GET and a PUT for each named source.

    Raises:
        StoreError: The storage failed, a log is damaged, or others made them again and again.
    """
    for _ in range(TRIES):
        content = look(store)
        files = render(content)
        there = {key: read_or_none(store, key) for key in files}
        left = tuple(key for key, body in there.items() if is_foreign(body))
        ours = {key: body for key, body in files.items() if key not in left}
        for key, body in ours.items():
            raise_if_stopped()
            if there[key] != body:
                store.put(key, body)
        for held in content.sources:
            if held.source in sources:
                _note(store, held)
        if all(read_or_none(store, key) == body for key, body in ours.items()):
            return left
    raise StoreError(
        f"Other runs put {store.url}/{INDEX} or {FEED} at the same time, again and again.",
        "The next run makes them.",
        transient=True,
    )


def _note(store: Store, held: Held) -> None:
    """Write down what the page was made for."""
    record = read_record(store, held.source)
    made = Made(held.manifest_sha256, store.address, VERSION, report=held.report or None)
    if any(record.made.get(what) != made for what in ("index", "feed")):
        record.made |= {"index": made, "feed": made}
        write_record(store, held.source, record)
