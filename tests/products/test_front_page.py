"""The front page and the feed of a lake: what they tell, and cost, and that they stay right."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from blsquest.core.errors import StoreError
from blsquest.lake.copy import copy_lake
from blsquest.lake.findings import Finding
from blsquest.lake.keys import FEED, INDEX, manifest_key, view_record_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Generation, encode
from blsquest.lake.record import read_record, write_record
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.view import publish
from blsquest.products.audit import audit
from blsquest.products.front_page import (
    CHANGES,
    DAYS,
    MARK,
    behind,
    front_page_current,
    is_whole,
    make_front_page,
)
from blsquest.products.front_page_content import LOOKED_AT, RELEASES
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.products.revisions import revise
from blsquest.products.tables import make_tables
from blsquest.sources.sample.server import SampleServer
from tests.support.duck import iceberg_reader
from tests.support.lakes import (
    PR,
    Clock,
    Fails,
    Killed,
    contents,
    mirror,
    recorded,
    take_population,
    twin,
    watched,
)
from tests.support.manifests import kept, manifest
from tests.support.surveys import Surveys, rows, table

SOURCES = (PR, "census")
DAY = (datetime(2025, 8, 15, 12, tzinfo=UTC), datetime(2025, 9, 16, 12, tzinfo=UTC))
ATOM = "{http://www.w3.org/2005/Atom}"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """Two releases of `pr`, the population, their reports, comparison and tables; no page yet."""
    lake = DirectoryStore(tmp_path_factory.mktemp("front") / "lake")
    with SampleServer() as server:
        for number, day in enumerate(DAY, 1):
            server.publish(number)
            mirror(server, lake, Clock(day))
            take_population(server, lake, Clock(day))
            make_report(lake, Request(), now=Clock(day))
    make_tables(lake, PR)
    revise(lake, PR, 2)
    return lake


@pytest.fixture
def lake(whole: DirectoryStore, tmp_path: Path) -> DirectoryStore:
    """The same at another place, to be changed; its runs know it."""
    return at_home(twin(whole, tmp_path / "lake"))


def at_home(lake: DirectoryStore) -> DirectoryStore:
    """Let a copied lake's records be of its own place, as a run there does."""
    for log in (ManifestLog(lake, source) for source in SOURCES):
        publish(log, log.newest())
    return lake


def commit_a_third(lake: DirectoryStore) -> None:
    """Let the publisher go back to the first release."""
    with SampleServer() as server:
        server.publish(1)
        mirror(server, lake, Clock(DAY[1] + timedelta(days=2)), allow=frozenset({"removals"}))


def page(store: Store) -> str:
    return store.read(INDEX).decode()


def entries(store: Store) -> list[ET.Element]:
    return ET.fromstring(store.read(FEED)).findall(f"{ATOM}entry")  # noqa: S314 - our own


def text_of(element: ET.Element, name: str) -> str:
    return element.findtext(f"{ATOM}{name}") or ""


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


# -- What they tell --------------------------------------------------------------------------------


def test_the_page_shows_what_is_mirrored_what_changed_and_where_the_reports_are(
    lake: DirectoryStore,
) -> None:
    make_front_page(lake)

    html = page(lake)
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    text = " ".join(bare.split()).replace(" :", ":")
    assert "An exact copy of 1 survey of the Bureau of Labor Statistics" in text
    assert "Generated sample" in text
    assert "US productivity bls/pr/ 2025-09-16 generation 2 since 2025-08-15 12 1.9 MB" in text
    assert "2025-09-16: US productivity pr.data.0.Current: 826 values revised, " in text
    assert "Largest revision: Manufacturing" in text
    assert "1 file added: pr.notice." in text
    assert "US productivity 2025-09-16 2025-08-15" in text  # reports, the newest first
    assert "snapshot_from_id = 2" in text
    assert "there is nobody to cite" in text
    # It needs nothing else, and its links lead to what lies beside it.
    tags = _Tags(html).found
    assert not {"script", "img", "iframe", "object", "form"} & {tag for tag, _ in tags}
    assert not [a for _, a in tags if "src" in a or any(name.startswith("on") for name in a)]
    assert "url(" not in html
    assert "default-src 'none'" in html
    ids = {attributes.get("id") for _, attributes in tags}
    there = contents(lake)
    links = {href for _, attributes in tags if (href := attributes.get("href"))}
    for href in links:
        known = href[1:] in ids if href.startswith("#") else href in there
        assert known or href.startswith("https://")
    reports = {f"analytics/{day:%Y-%m-%d}/report.html" for day in DAY}
    assert reports | {FEED} <= links


def assert_atom(body: bytes) -> None:
    """Check a feed against RFC 4287, element by element."""
    root = ET.fromstring(body)  # noqa: S314 - our own
    assert root.tag == f"{ATOM}feed"
    every = [root, *root.findall(f"{ATOM}entry")]
    ids = [text_of(each, "id") for each in every]
    assert len(set(ids)) == len(ids)
    for each in every:
        names = Counter(child.tag.removeprefix(ATOM) for child in each)
        assert names.keys() <= {
            *("id", "title", "subtitle", "updated", "author", "generator", "link", "entry"),
            *("published", "category", "content"),
        }
        assert (names["id"], names["title"], names["updated"]) == (1, 1, 1)
        urn = r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        assert re.fullmatch(urn, text_of(each, "id"))
        for child in each:
            if child.tag in {f"{ATOM}updated", f"{ATOM}published"}:
                assert TIME.fullmatch(child.text or "")
            needs = {f"{ATOM}link": "href", f"{ATOM}category": "term"}.get(child.tag)
            assert needs is None or child.attrib[needs]
        pairs = [(a.attrib["rel"], a.attrib["type"]) for a in each.findall(f"{ATOM}link")]
        assert len(pairs) == len(set(pairs))
        assert ("alternate", "text/html") in pairs
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    assert root.find(f"{ATOM}link[@rel='self']") is not None
    for entry in every[1:]:
        content = entry.find(f"{ATOM}content[@type='html']")
        assert content is not None
        assert (content.text or "").startswith("<ul><li>")
    updated = [text_of(each, "updated") for each in every]
    assert updated == [max(updated[1:]), *sorted(updated[1:], reverse=True)]


def test_the_feed_is_valid_atom_with_an_entry_for_each_release(lake: DirectoryStore) -> None:
    make_front_page(lake)

    assert_atom(lake.read(FEED))
    newest, *others = entries(lake)
    title = text_of(newest, "title")
    assert title.startswith("US productivity: 826 values revised, ")
    assert title.endswith(", in 103 series (pr.data.0.Current)")
    assert text_of(newest, "updated") == "2025-09-16T12:00:00.000000Z"
    assert "Largest revision: " in text_of(newest, "content")
    there = contents(lake)
    hrefs = [link.attrib["href"] for link in newest.findall(f"{ATOM}link")]
    assert hrefs == [
        "analytics/2025-09-16/report.html",
        "analytics/revisions/pr/00000002/revisions.json",
    ]
    assert there.keys() >= {*hrefs}
    assert sorted(text_of(entry, "title") for entry in others) == [
        "US population by year: mirrored for the first time",
        "US productivity: mirrored for the first time",
    ]


def test_a_release_has_no_link_to_a_report_that_a_later_one_replaced(tmp_path: Path) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    with SampleServer() as server:
        for number in (1, 2):
            server.publish(number)
            mirror(server, lake, Clock(DAY[0]))
            take_population(server, lake, Clock(DAY[0]))
            make_report(lake, Request(), now=Clock(DAY[0]))
    make_front_page(lake)
    of_pr = [entry for entry in entries(lake) if "productivity" in text_of(entry, "title")]
    pages = [entry.find(f"{ATOM}link[@rel='alternate']") for entry in of_pr]
    assert [link.get("href") for link in pages if link is not None] == [
        "analytics/2025-08-15/report.html",
        "index.html",
    ]


def test_the_same_state_gives_the_same_bytes_wherever_the_lake_is(
    lake: DirectoryStore, tmp_path: Path
) -> None:
    make_front_page(lake, SOURCES)
    elsewhere = DirectoryStore(tmp_path / "elsewhere")
    copy_lake(lake, elsewhere)
    for key in (INDEX, FEED):
        elsewhere.delete(key)

    make_tables(elsewhere, PR)  # which a copy leaves out
    make_front_page(elsewhere, SOURCES)

    assert [elsewhere.read(key) for key in (INDEX, FEED)] == [
        lake.read(key) for key in (INDEX, FEED)
    ]
    seen, puts = recorded(elsewhere, "put")
    make_front_page(seen, SOURCES)
    assert puts == []


def test_publishers_text_is_text_and_nothing_else(
    surveys: Surveys, server: SampleServer, lake: DirectoryStore
) -> None:
    hostile = "<script>alert(1)</script> \x07]]> & <!-- (XX)"
    series = table("series_id|series_title|begin_year", f"XX1|{hostile}|2020")
    for month, value in ((1, "1.5"), (2, "2.5")):
        files = {"txt": f"{hostile}\r\n", "series": series}
        files |= {"data.0.Current": rows(("XX1", 2020, "M01", value, ""))}
        surveys.take("xx", files, month)
    revise(surveys.store, "bls/xx", 2)

    make_front_page(surveys.store)

    html = page(surveys.store)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "\x07" not in html
    assert_atom(surveys.store.read(FEED))
    assert "<script" not in text_of(entries(surveys.store)[0], "content")
    assert is_whole(html.encode())


def test_the_pages_python_and_sql_run_as_they_are(
    lake: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_front_page(lake)
    monkeypatch.chdir(lake.root.parent)  # `./lake` is the lake's own name there
    python, sql, answers = map(
        unescape, re.findall(r"<pre><code>(.*?)</code></pre>", page(lake), re.DOTALL)
    )

    exec(compile(python, INDEX, "exec"), {})  # noqa: S102 - our own
    with iceberg_reader() as connection:
        loads, query = sql.split("SELECT", 1)
        assert loads.startswith("INSTALL iceberg; LOAD iceberg;\n")
        assert len(connection.execute(f"SELECT{query}").fetchall()) == 20
        assert connection.execute(answers).fetchall()


# -- What they cost --------------------------------------------------------------------------------


def long_log(store: Store, length: int, *, restamped: bool = False) -> None:
    """Put a log in which each generation has other bytes, or only another stamp."""
    before: Generation | None = None
    for number in range(1, length + 1):
        digest = sha256(b"" if restamped else f"{number}".encode()).hexdigest()
        entry = kept("pr.class", stamp=f"{number}", sha256=digest, identity=digest)
        now = manifest(
            entry,
            generation=number,
            parent=before and before.sha256,
            committed=datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number),
        )
        body = encode(now)
        store.put_new(manifest_key(PR, number), body)
        before = Generation(now, sha256(body).hexdigest())


@pytest.mark.parametrize("restamped", [False, True], ids=["releases", "new dates alone"])
def test_the_cost_does_not_grow_with_the_log(tmp_path: Path, restamped: bool) -> None:
    calls = {}
    for length in (LOOKED_AT + 20, LOOKED_AT + 120):
        store = DirectoryStore(tmp_path / f"{length}")
        long_log(store, length, restamped=restamped)
        seen, asked = recorded(store)
        make_front_page(seen, [PR])
        calls[length] = Counter(verb for verb, _ in asked)
        assert len(entries(store)) == (0 if restamped else RELEASES)
        assert page(store).count('<article class="release"') == (0 if restamped else CHANGES)
        assert len(page(store)) < 40_000

    few, many = calls.values()
    assert few == many
    most = LOOKED_AT if restamped else 2 * RELEASES + 8
    assert few["read"] <= most + 10
    assert few["list"] + few["folders"] <= 8


def test_a_lake_of_many_surveys_and_reports_has_a_page_of_a_bounded_length(
    lake: DirectoryStore,
) -> None:
    for n in range(400):
        day = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=n)
        lake.put(f"analytics/{day:%Y-%m-%d}/report.json", b"{}")
    first = manifest(kept("aa.class"), source="bls/aa", committed=DAY[0])
    for n in range(300):
        code = f"{chr(97 + n // 26)}{chr(97 + n % 26)}"
        if code != "pr":
            source = f"bls/{code}"
            lake.put_new(manifest_key(source, 1), encode(replace(first, source=source)))

    make_front_page(lake)

    html = page(lake)
    assert html.count("/report.html") <= DAYS + 20
    assert f"and {402 - DAYS} earlier ones" in html
    assert html.count("<tr>") <= 210
    assert "more, in <code>bls/</code>" in html
    assert_atom(lake.read(FEED))
    assert len(entries(lake)) == RELEASES


def test_whether_the_page_is_current_follows_from_the_record_at_no_request(
    lake: DirectoryStore,
) -> None:
    assert behind(lake, SOURCES) == [*SOURCES]

    make_front_page(lake, SOURCES)

    assert behind(lake, SOURCES) == []
    made = read_record(lake, PR).made["index"]
    assert made == read_record(lake, PR).made["feed"]
    assert front_page_current(made)
    assert front_page_current(made, "analytics/2025-09-16/")
    assert not front_page_current(made, "analytics/2025-09-17/")  # a report that it does not show
    assert not front_page_current(replace(made, layout=made.layout + 1))
    assert not front_page_current(None)


# -- That they stay right --------------------------------------------------------------------------


@pytest.mark.parametrize("own", ["Our bucket", f"Our bucket: see the {MARK}"])
def test_somebodys_own_page_is_left_alone(lake: DirectoryStore, own: str) -> None:
    lake.put(INDEX, f"<h1>{own}</h1>".encode())

    assert make_front_page(lake, SOURCES) == (INDEX,)

    (note,) = found(lake, repair=True)
    assert note.severity == "note"
    assert lake.read(INDEX) == f"<h1>{own}</h1>".encode()
    assert_atom(lake.read(FEED))
    assert behind(lake, SOURCES) == []


def test_killed_at_any_call_the_next_run_makes_both(lake: DirectoryStore, tmp_path: Path) -> None:
    reference, counted = twin(lake, tmp_path / "reference"), Fails(0, "after")
    make_front_page(watched(reference, counted), SOURCES)
    wanted = [reference.read(key) for key in (INDEX, FEED)]
    for at in range(1, counted.calls + 1):
        other = at_home(twin(lake, tmp_path / f"{at}"))
        with pytest.raises(Killed):
            make_front_page(watched(other, Fails(at, "after")), SOURCES)
        due = behind(other, SOURCES)
        if due:
            make_front_page(other, due)
        assert [other.read(key) for key in (INDEX, FEED)] == wanted
        assert behind(other, SOURCES) == []


def test_a_slower_run_that_puts_an_older_page_last_is_found_out(lake: DirectoryStore) -> None:
    make_front_page(lake, SOURCES)
    older = lake.read(INDEX)
    lake.delete("analytics/2025-08-15/report.json")
    make_report(lake, Request(), now=Clock(DAY[1] + timedelta(days=1)))
    lake.put("analytics/2025-09-18/report.json", b"{}")
    commit_a_third(lake)
    slower = iter([older])

    def hook(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "read", view_record_key(PR)):
            for body in slower:
                lake.put(INDEX, body)

    make_front_page(watched(lake, hook), SOURCES)

    assert "generation 3" in page(lake)
    assert lake.read(INDEX) != older


def test_a_run_that_is_overtaken_leaves_it_to_the_next_run_to_see(lake: DirectoryStore) -> None:
    def overtake() -> Iterator[None]:
        commit_a_third(lake)
        make_front_page(lake, SOURCES)
        yield

    other = overtake()

    def hook(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("before", "put", INDEX):
            next(other, None)

    make_front_page(watched(lake, hook), SOURCES)

    assert "generation 3" not in page(lake)
    due = behind(lake, SOURCES)
    assert due == [PR]
    make_front_page(lake, due)
    assert "generation 3" in page(lake)


def test_others_that_never_stop_are_named(lake: DirectoryStore) -> None:
    def hook(when: str, verb: str, key: str) -> None:
        if (when, verb, key) == ("after", "put", INDEX):
            lake.put(INDEX, lake.read(INDEX) + b"\n")

    with pytest.raises(StoreError, match="again and again"):
        make_front_page(watched(lake, hook), SOURCES)


# -- The audit -------------------------------------------------------------------------------------


def found(lake: Store, *, repair: bool = False) -> list[Finding]:
    audited = audit(lake, share=0.0, repair=repair, now=DAY[1] + timedelta(days=3))
    return [each for each in audited.findings if each.key in {INDEX, FEED}]


@pytest.mark.parametrize("key", [INDEX, FEED])
@pytest.mark.parametrize("fault", ["lost", "altered"])
def test_a_page_that_is_lost_or_altered_is_made_again(
    lake: DirectoryStore, key: str, fault: str
) -> None:
    assert found(lake) == []  # a lake that never had one lacks nothing
    make_front_page(lake, SOURCES)
    body = lake.read(key)
    assert found(lake) == []
    if fault == "lost":
        lake.delete(key)
    else:
        lake.put(key, body.replace(b"826 values", b"827 values"))

    assert [each.severity for each in found(lake)] == ["repairable"]
    assert [each.severity for each in found(lake, repair=True)] == ["repaired"]

    assert lake.read(key) == body
    assert found(lake) == []


def test_a_page_of_an_earlier_state_is_noted_and_made_anew_on_demand(lake: DirectoryStore) -> None:
    make_front_page(lake, SOURCES)
    commit_a_third(lake)

    assert {each.severity for each in found(lake)} == {"note"}
    assert {each.severity for each in found(lake, repair=True)} == {"repaired"}
    assert found(lake) == []


def test_a_record_of_an_earlier_release_says_that_nothing_was_made(lake: DirectoryStore) -> None:
    make_front_page(lake, SOURCES)
    record = read_record(lake, PR)
    record.made = {name: made for name, made in record.made.items() if name == "tables"}
    write_record(lake, PR, record)

    assert behind(lake, SOURCES) == [PR]
