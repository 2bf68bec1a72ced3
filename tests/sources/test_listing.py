import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.core.errors import Refused
from blsquest.core.source import Listing, RemoteFile
from blsquest.sources.listing import MAX_FILE_BYTES, parse_listing

ROOT = "/pub/time.series/"
PR = f"{ROOT}pr/"
STAMP = "8/6/2026 8:30 AM"


def row(name: str, size: str = "102", *, href: str | None = None, text: str | None = None) -> str:
    """One row as IIS writes it."""
    target = PR + quote(name) if href is None else href
    shown = name if text is None else text
    return f'  8/6/2026  8:30 AM {size:>12} <A HREF="{target}">{shown}</A><br>'


def page(*rows: str, path: str = PR) -> bytes:
    title = f"download.bls.gov - {path}"
    parent = path.rstrip("/").rpartition("/")[0] + "/"
    return (
        f"<html><head><title>{title}</title></head><body><H1>{title}</H1><hr>\r\n\r\n"
        f'<pre><A HREF="{parent}">[To Parent Directory]</A><br><br> {"".join(rows)}'
        "</pre><hr></body></html>"
    ).encode("latin-1")


def test_the_real_page_of_pr_is_read(shared_data: Path) -> None:
    listing = parse_listing((shared_data / "listing/pr_excerpt.html").read_bytes(), PR)
    assert listing.files == (
        RemoteFile("pr.class", 102, "8/6/2026 8:30 AM"),
        RemoteFile("pr.contacts", 562, "9/13/2022 4:52 PM"),
        RemoteFile("pr.data.0.Current", 1613575, "8/6/2026 8:30 AM"),
    )
    assert listing.directories == ()


def test_a_real_page_with_a_subdirectory_and_line_breaks_is_read(shared_data: Path) -> None:
    content = (shared_data / "listing/la_with_subdirectory.html").read_bytes()
    on_one_line = re.sub(rb"<br>\r?\n", b"<br>", content)
    listing = parse_listing(content, f"{ROOT}la/")
    assert listing == parse_listing(on_one_line, f"{ROOT}la/")
    assert listing.directories == ("maps",)
    assert len(listing.files) == content.count(b"/la/la.")
    assert RemoteFile("la.data.0.CurrentU00-04", 87349704, "12/20/2013 10:20 AM") in listing.files


def test_the_real_root_gives_the_surveys(shared_data: Path) -> None:
    listing = parse_listing((shared_data / "listing/root_excerpt.html").read_bytes(), ROOT)
    assert listing == Listing(files=(), directories=("ce", "compressed", "cu"))


NAMES = st.from_regex(r"[a-zA-Z0-9_(+&'~-][a-zA-Z0-9 ._(+&'~-]{0,40}[a-zA-Z0-9_]", fullmatch=True)


@given(
    files=st.dictionaries(NAMES, st.integers(0, MAX_FILE_BYTES), max_size=8),
    folders=st.sets(NAMES, max_size=3),
    lines=st.sampled_from(["", "\r\n", "\n"]),
)
def test_a_page_is_read_as_written(files: dict[str, int], folders: set[str], lines: str) -> None:
    names = [*files, *folders]
    if not names or len({n.lower() for n in names}) != len(names):
        return
    rows = [row(n, str(size), text=n.replace("&", "&amp;")) for n, size in files.items()]
    rows += [
        row(n, "&lt;dir&gt;", href=f"{PR}{quote(n)}/", text=n.replace("&", "&amp;"))
        for n in folders
    ]
    listing = parse_listing(page(*(r + lines for r in rows)), PR, sample=True)
    assert listing == Listing(
        files=tuple(RemoteFile(n, files[n], STAMP) for n in sorted(files)),
        directories=tuple(sorted(folders)),
        sample=True,
    )


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as caught:
        parse_listing(content, PR)
    assert "Nothing was changed" in caught.value.remedy
    message = str(caught.value)
    assert message.isascii() or "…" in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not a directory listing: it has no <pre>, and starts ''"),
        (b"<p>We'll be back soon", "starts \"<p>We'll be back soon\""),
        (b"<pre></pre>", "neither rows nor a link to its parent"),
        (page(row("pr.class")).replace(b"</pre>", b""), "ends in the middle"),
        (page(row("pr.class"), "  8/6/2026  8:3"), "ends in the middle of a row: '8/6/2026"),
        (page(row("pr.class"), path=f"{ROOT}la/"), "headed 'download.bls.gov - /pub/time.serie"),
        (b"<title>Access Denied</title><h1>Access Denied</h1>", "headed 'Access Denied'"),
        (row("pr.x").encode() + page(row("pr.class")), "has rows before its list: '8/6/2026"),
        (page(row("pr.class")) + row("pr.x").encode(), "has rows after its list: '8/6/2026"),
        (page(row("pr.class"), "</pre>", row("pr.x")), "has rows after its list"),
        (b'<pre><A HREF="/other/">[To Parent Directory]</A><br></pre>', "its parent is '/other/'"),
        (page("hello<br>"), "a row that cannot be read: 'hello'"),
        (page(row("pr.class", "1e3")), "a row that cannot be read"),
        (page(row("pr.class", "9" * 16)), "absurd size"),
        (page(row("pr.class"), row("pr.class", "7")), "a file twice: 'pr.class'"),
        (page(row("pr.class"), row("PR.Class")), "differ by case alone: 'pr.class' and 'PR.Class'"),
        (page(row("maps"), row("maps", "&lt;dir&gt;", href=f"{PR}maps/")), "a file twice: 'maps'"),
        (page(row("maps", "&lt;dir&gt;")), "does not end in /"),
        (page(row("pr.class", text="pr.other")), "shows 'pr.other' for a link to 'pr.class'"),
        (page(row("x", href="http://evil.example/x")), "links outside the folder"),
        (page(row("x", href="/etc/passwd")), "links outside the folder"),
        (page(row("x", href="javascript:alert(1)")), "links outside the folder"),
        (page(row("x", href=f"{ROOT}cu/cu.data.1")), "links outside the folder"),
    ],
)  # fmt: skip
def test_a_page_that_is_not_the_listing_is_refused_with_why(content: bytes, why: str) -> None:
    assert why in refusal(content)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "../x", "a/b", "a\\b", "a%b", "a?b", "a#b", "a:b", "a*b", "a|b",
     "a ", "a\x00b", "a\nb", "a\x7fb", "a\x1b[31m", "a\xe9", "a" * 201, "x" * 5000, "\u202e", 'a"b',
     "<img src=x>", "{{7*7}}*"],
)  # fmt: skip
def test_an_unsafe_name_is_kept_apart_and_shown_safely(name: str) -> None:
    href = PR + quote(name, safe="")
    found = parse_listing(page(row("pr.class"), row("x", href=href)), PR)
    assert [file.name for file in found.files] == ["pr.class"]
    (shown,) = found.unsafe
    assert shown.isascii() or "…" in shown
    assert shown.isprintable()
    assert len(shown) < 400


def test_a_name_is_decoded_only_once() -> None:
    hrefs = (f"{PR}%252e%252e", f"{PR}%2e%2e")
    found = parse_listing(page(*(row("x", href=href) for href in hrefs)), PR)
    assert found.unsafe == ("'%2e%2e'", "'..'")


def test_an_empty_folder_is_an_empty_listing() -> None:
    assert parse_listing(page(), PR) == Listing(())


@pytest.mark.parametrize(
    "around",
    [
        lambda whole: b'<div class="banner"><a href="/notice">Notice</a></div>' + whole,
        lambda whole: whole.replace(b"<body>", b"<body><h1>An official website</h1>"),
        lambda whole: whole + b"<script>var n = '1 < 2';</script>",
        lambda whole: whole.replace(b"<hr></body>", b"<hr><p>Served by 7</p></body>"),
        lambda whole: whole.replace(b"<hr></body></html>", b""),
    ],
    ids=["a banner", "a headed banner", "a script", "a footer", "no end"],
)
def test_markup_around_the_list_is_nothing_to_the_mirror(around: Callable[[bytes], bytes]) -> None:
    whole = page(row("pr.class"), row("pr.txt"))
    assert parse_listing(around(whole), PR) == parse_listing(whole, PR)


@pytest.mark.parametrize(
    "hostile",
    [b"<title>" * 300_000, b"<pre>" + b" " * 2_000_000, b"<pre>" + b"<br " * 500_000 + b"</pre>",
     b"<pre>" + b"1/1/2000 1:00 AM" + b" " * 2_000_000 + b"<br></pre>",
     b"<pre>" + b'<a href="' * 200_000 + b"<br></pre>",
     b"<pre></pre>" + b"\t" * 2_000_000 + b"x",
     b'<pre>1/1/2000 1:00 AM 1 <a href="' + b"&#x3C;" * 300_000 + b'">x</a><br></pre>'],
    ids=range(7),
)  # fmt: skip
def test_a_page_made_to_be_slow_is_refused_before_the_tests_give_up(hostile: bytes) -> None:
    refusal(hostile)
