"""`feed.xml`: an entry for each release of a lake's newest ones, as Atom (RFC 4287).

Links are relative: they lead to what lies beside the feed, wherever that is. Ids are made from the
manifests' hashes, and stay when the lake is moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

from markupsafe import Markup

from blsquest.core.clock import time_text
from blsquest.core.text import counted, printable, some
from blsquest.lake.keys import FEED, INDEX
from blsquest.lake.outcome import REASONS

if TYPE_CHECKING:
    from blsquest.products.front_page_content import Content, Release

MARK = "BLS Data Quest front page"
"""What feed and page say of themselves. An object without it is somebody's own, and left alone."""
_ATOM = "http://www.w3.org/2005/Atom"
_NAMES = UUID("6f1c6c0e-5d0b-5c39-9a55-0d2b7c1a4e11")
"""The namespace of ids: chosen once, by chance."""


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
    """Say in one line what a release is."""
    kinds = ", ".join(f"{len(names):,} {kind}" for kind, names in release.files.items())
    what = "mirrored for the first time" if release.is_first else f"files: {kinds}"
    if release.values:
        file, colon, values = release.values[0].rstrip(".").partition(": ")
        what = f"{values} ({file})" if colon else file
    return f"{release.held.name}: {what}"


def _entry(root: ET.Element, release: Release) -> None:
    entry, when = _add(root, "entry"), time_text(release.committed)
    _text(entry, "id", _id(release.manifest_sha256))
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
    held = release.held
    sample = "Generated sample, not real statistics. " if held.sample else ""
    said = [f"{sample}Generation {release.generation} of {held.source}.", *release.values]
    said += [
        f"{counted(len(names), 'file')} {kind} ({REASONS[kind]}): {some(names)}."
        for kind, names in release.files.items()
    ]
    lines = Markup().join(Markup("<li>{}</li>").format(printable(line)) for line in said)
    return Markup("<ul>{}</ul>").format(lines)


def _id(text: str) -> str:
    return f"urn:uuid:{uuid5(_NAMES, text)}"


def _add(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    _add(parent, name, **attributes).text = printable(text)
