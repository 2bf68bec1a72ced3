"""The front page of a lake: `index.html`, and beside it the Atom feed of its releases, `feed.xml`.

Both are derived: the same state of the lake gives the same bytes, wherever it is, and their links
lead to objects beside them. The record of each source names the manifest and the report for which
they were last made.
"""

import re
from collections.abc import Collection, Iterable
from functools import cache
from hashlib import sha256
from itertools import compress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from blsquest.analytics.report.chart_style import CSS
from blsquest.analytics.report.html import cell
from blsquest.core.clock import time_text
from blsquest.core.errors import StoreError
from blsquest.core.source import POPULATION
from blsquest.core.stop import Workers, raise_if_stopped, stops_workers
from blsquest.core.text import counted, printable, short, some
from blsquest.lake.keys import FEED, INDEX
from blsquest.lake.outcome import REASONS
from blsquest.lake.record import Made, read_record, write_record
from blsquest.lake.stores.base import Store
from blsquest.products.front_page_content import IN_FLIGHT, RELEASES, Content, Held, Release, look
from blsquest.products.report_folders import read_or_none

VERSION = 1
"""Of their form: the next run replaces those of another version."""
CHANGES = 12
"""Releases on the page, without each source's first; the feed has more."""
SOURCES = 200
"""Sources that the page has: BLS publishes about sixty surveys."""
DAYS = 12
"""Reports of each survey to which the page has a link; the others lie beside them."""
FIGURES = 8
"""Figures at the top of the page: of the surveys that changed last."""
KEYS = (INDEX, FEED)
TRIES = 5
"""A try fails if another run makes them of another state meanwhile."""

MARK = "BLS Data Quest front page"
"""The generator that feed and page name. An object without it is not ours, and left alone."""
_ATOM = "http://www.w3.org/2005/Atom"
_NAMES = UUID("6f1c6c0e-5d0b-5c39-9a55-0d2b7c1a4e11")
"""The namespace of the feed's ids, which are made from the manifests' hashes and stay when the lake
is moved: chosen once, at random."""
_SEAL = re.compile(rb"<!-- sha256 of all above: ([0-9a-f]{64}) -->\n\Z")


# -- The page ------------------------------------------------------------------------------------


def index_page(content: Content) -> bytes:
    """Write the front page as UTF-8 HTML. The same content gives the same bytes."""
    surveys = [held for held in content.sources if held.manifest.source != POPULATION]
    newest_first = sorted(surveys, key=lambda held: held.manifest.committed, reverse=True)
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
    """Return a text as it is stored: with its hash, which reveals an alteration."""
    body = text.encode()
    return body + f"<!-- sha256 of all above: {sha256(body).hexdigest()} -->\n".encode()


def is_whole(body: bytes) -> bool:
    """Return whether the front page or the feed is unaltered."""
    found = _SEAL.search(body)
    return found is not None and found[1].decode() == sha256(body[: found.start()]).hexdigest()


def is_foreign(body: bytes | None) -> bool:
    """Return whether there is an object that this project did not write."""
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
    environment.filters |= {"cell": cell, "short": short, "some": some}
    # The project's own file.
    environment.globals |= {"css": Markup(CSS), "counted": counted}  # noqa: S704
    return environment.get_template("front_page.html.jinja")


# -- The feed (RFC 4287) ---------------------------------------------------------------------------


def feed(content: Content) -> str:
    """Write the feed. The same content gives the same text."""
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed", {"xml:lang": "en"})
    sample = " (generated sample, not real statistics)" if content.sample else ""
    _text(root, "id", _id(f"feed {content.first}"))
    _text(root, "title", f"BLS releases in this lake{sample}")
    _text(root, "subtitle", "What the Bureau of Labor Statistics published and revised.")
    _text(root, "updated", time_text(content.updated))
    _text(_add(root, "author"), "name", "BLS Data Quest")
    _text(root, "generator", MARK)
    _add(root, "link", rel="self", type="application/atom+xml", href=FEED)
    _add(root, "link", rel="alternate", type="text/html", href=INDEX)
    for release in content.releases:
        _entry(root, release)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def headline(release: Release) -> str:
    """Return one line that describes a release."""
    kinds = ", ".join(f"{len(names):,} {kind}" for kind, names in release.files.items())
    what = "mirrored for the first time" if release.is_first else f"files: {kinds}"
    if release.values:
        file, colon, values = release.values[0].rstrip(".").partition(": ")
        what = f"{values} ({file})" if colon else file
    return f"{release.held.name}: {what}"


def _entry(root: ET.Element, release: Release) -> None:
    entry, when = _add(root, "entry"), time_text(release.now.manifest.committed)
    _text(entry, "id", _id(release.now.sha256))
    _text(entry, "title", headline(release))
    _text(entry, "updated", when)
    _text(entry, "published", when)
    _add(entry, "category", term=release.held.code, label=printable(release.held.name))
    page = release.page or INDEX
    _add(entry, "link", rel="alternate", type="text/html", href=page)
    if release.folder:
        kept = f"{release.folder}revisions.json"
        _add(entry, "link", rel="related", type="application/json", href=kept)
    _text(entry, "content", _content(release), type="html")


def _content(release: Release) -> str:
    """Write an entry's HTML."""
    held, number = release.held.manifest, release.now.manifest.generation
    sample = "Generated sample, not real statistics. " if held.sample else ""
    texts = [f"{sample}Generation {number} of {held.source}.", *release.values]
    texts += [
        f"{counted(len(names), 'file')} {kind} ({REASONS[kind]}): {some(names)}."
        for kind, names in release.files.items()
    ]
    lines = Markup().join(Markup("<li>{}</li>").format(printable(line)) for line in texts)
    return Markup("<ul>{}</ul>").format(lines)


def _id(text: str) -> str:
    return f"urn:uuid:{uuid5(_NAMES, text)}"


def _add(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    _add(parent, name, **attributes).text = printable(text)


# -- Making both ---------------------------------------------------------------------------------


def render(content: Content) -> dict[str, bytes]:
    """Return front page and feed by key."""
    return {INDEX: index_page(content), FEED: sealed(feed(content))}


def front_page_current(made: Made | None, report: str | None = None) -> bool:
    """Return whether page and feed show a source's newest state, by its record: no request.

    `report` is the folder of the survey's newest report, where that is known.
    """
    return made is not None and made.layout == VERSION and report in {None, made.report}


def behind(store: Store, sources: Iterable[str]) -> list[str]:
    """Return the sources whose newest state page and feed don't show: a GET of each record."""

    def is_behind(source: str) -> bool:
        record = read_record(store, source)
        own, made = record.own(store), record.made.get("index")
        now = own and (own.manifest_sha256, own.lake, VERSION)
        return made is None or now != (made.manifest_sha256, made.lake, made.layout)

    names = list(sources)
    with stops_workers(), Workers(IN_FLIGHT, "records") as pool:
        return list(compress(names, pool.map(is_behind, names)))


def make_front_page(store: Store, sources: Collection[str] = ()) -> tuple[str, ...]:
    """Make front page and feed of the lake's newest state; return the keys that were left alone.

    Those hold objects that this project did not write. Unchanged files are not put again. The
    records of the named sources are then updated. Any number of runs may do this at once, and be
    killed at any point: the records come last, and after them page and feed are read again, so
    that of concurrent runs the last one has made them, or the next run does. Costs what `look`
    does, two GETs and two PUTs, two GETs again, and a GET and a PUT for each named source.

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
            if held.manifest.source in sources:
                _note(store, held)
        if all(read_or_none(store, key) == body for key, body in ours.items()):
            return left
    raise StoreError(
        f"Other runs put {store.url}/{INDEX} or {FEED} at the same time, again and again.",
        "The next run makes them.",
        transient=True,
    )


def _note(store: Store, held: Held) -> None:
    """Record the state that the page was made for."""
    record = read_record(store, held.manifest.source)
    made = Made(held.newest.sha256, store.address, VERSION, report=held.report or None)
    if any(record.made.get(what) != made for what in ("index", "feed")):
        record.made |= {"index": made, "feed": made}
        write_record(store, held.manifest.source, record)
