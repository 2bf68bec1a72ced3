"""Whatever comes in, a reader gives a value or the error that its docstring names, and soon."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path, PurePosixPath
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blsquest.analytics.answers import Question, answer
from blsquest.analytics.catalogue import empty_catalogue
from blsquest.analytics.headlines import headlines
from blsquest.analytics.observations import population_frame, read_observations
from blsquest.analytics.overview import overview
from blsquest.analytics.report.chart_style import Picture
from blsquest.analytics.report.content import Content, as_json
from blsquest.analytics.report.markdown import report_markdown
from blsquest.core.clock import http_date
from blsquest.core.errors import BadData, Corrupt, Misuse, QuestError, Refused
from blsquest.core.source import Listing
from blsquest.lake.as_of import is_past, parse_as_of
from blsquest.lake.keys import vintage_key
from blsquest.lake.manifest import Tombstone, advance, decode, diff, encode
from blsquest.lake.plan import plan
from blsquest.lake.record import Copied, Record, decode_record, encode_record
from blsquest.lake.stores.base import checked_key, checked_prefix
from blsquest.lake.view import repair, view_of
from blsquest.sources.config import check_contact, check_root, check_survey, check_url
from blsquest.sources.headers import age, content_length, is_page, retry_after
from blsquest.sources.listing import MAX_FILE_BYTES, parse_listing
from blsquest.sources.population import read_population
from blsquest.sources.sample.pages import Row, listing_page
from blsquest.sources.sample.population import payload
from tests.reliability.figures import SOAK, rounds, tell
from tests.reliability.stage import data_file
from tests.support.manifests import NOW, kept, manifest
from tests.support.publishing import legacy_payload

FOLDER = "/pub/time.series/pr/"
HASH = "0" * 64
TEXTS = st.one_of(
    st.text(max_size=300),
    st.text(st.characters(categories=["Cs", "Cc", "L"]), max_size=9),
    st.text(alphabet="./\\ %:@?#-0129TZ+azé\n\0", max_size=40),
    st.integers(0, 10_000).map(lambda n: "a/" * n + "b"),
)


DEADLINE = 5.0
"""Seconds of processor time for one example. Most take a millisecond: what exceeds it grows faster
than its input does."""

_LARGE = 200_000
"""Bytes to which a piece may be repeated."""

NASTY: tuple[object, ...] = (
    *(None, True, 0, -1, 1.5, 10**400, float("nan"), float("inf")),
    *("", "0", "../x", "a\0\nb", "\ud800", "x" * 5_000),
    *("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59"),
    *([], {}, [[[]]], {"": {}}),
)
"""What a JSON document may have in the place of anything."""


tried: Counter[str] = Counter()
"""Examples so far, and how many of them were good enough to be read."""


def explains_itself(error: QuestError | BadData) -> None:
    assert error.remedy
    assert str(error).isprintable()


Fails = type[QuestError | BadData] | tuple[type[QuestError | BadData], ...]


def fuzz(
    strategy: st.SearchStrategy[Any],
    check: Callable[[Any], object],
    examples: int,
    fails: Fails = Misuse,
) -> None:
    """Run `check` on `examples` values, in a soak on 3 times `SOAK` as many, and count them.

    `check` is true of a value that was good enough to be read; else it may raise what `fails`
    names, which must be printable anywhere and say what to do. Where all values or none are good,
    nothing is tried: that fails too.
    """
    wanted = rounds(examples, 3 * examples)
    ran = good = 0

    @settings(
        max_examples=wanted,
        deadline=None,
        derandomize=not SOAK,  # the same in every CI run: a failure is the change's own
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def one(value: Any) -> None:
        nonlocal ran, good
        ran += 1
        began = process_time()
        try:
            good += bool(check(value))
        except fails as error:
            explains_itself(error)
        assert process_time() - began < DEADLINE

    one()
    tried.update(examples=ran, read=good)
    assert ran >= wanted
    assert 0 < good < ran


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """A seed after up to five of: a cut, a word put in, a piece repeated, a byte changed."""
    body = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 40)))
        act = draw(st.sampled_from(["drop", "word", "bytes", "repeat", "swap", "end"]))
        piece = body[start:end]
        if act == "word":
            piece = draw(st.sampled_from(words))
        elif act == "bytes":
            piece = draw(st.binary(max_size=4))
        elif act == "repeat":
            piece *= draw(st.sampled_from([2, 3, 50, _LARGE // max(1, len(piece))]))
        elif act == "swap":
            piece = piece[::-1]
        elif act == "drop":
            piece = b""
        body = body[:start] + piece + (b"" if act == "end" else body[end:])
    return body


@st.composite
def damaged_json(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A seed's document with up to three values replaced, dropped, doubled or moved."""
    document = json.loads(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        if not places:
            break
        parent, key = draw(st.sampled_from(places))
        act = draw(st.sampled_from(["replace", "drop", "double", "move"]))
        if act == "replace":
            parent[key] = deepcopy(draw(st.sampled_from(NASTY)))
        elif act == "drop":
            del parent[key]
        elif act == "double" and isinstance(parent, list):
            parent.insert(key, deepcopy(parent[key]))
        else:
            other, name = draw(st.sampled_from(places))
            parent[key] = deepcopy(other[name])
    return json.dumps(document).encode()


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON document."""
    inside = [node]
    found: list[tuple[Any, Any]] = []
    while inside:
        each = inside.pop()
        pairs = each.items() if isinstance(each, dict) else enumerate(each)
        for key, value in pairs:
            found.append((each, key))
            if isinstance(value, dict | list):
                inside.append(value)
    return found


@pytest.fixture(scope="module", autouse=True)
def figure() -> Iterator[None]:
    """Tell how much was tried."""
    yield
    tell(f"fuzzing: {tried['examples']:,} examples, of which {tried['read']:,} were read")


@pytest.fixture(params=["own seeds", "real seeds"])
def seeds(request: pytest.FixtureRequest) -> Callable[[list[bytes], str], list[bytes]]:
    """The test's own seeds, or the beginnings of real files that match a pattern."""

    def choose(own: list[bytes], pattern: str) -> list[bytes]:
        if request.param == "own seeds":
            return own
        folder: Path = request.getfixturevalue("shared_data")
        return [path.read_bytes()[:20_000] for path in sorted(folder.glob(pattern))]

    return choose


# -- Listings ----------------------------------------------------------------------------------

ROWS = [
    Row("pr.class", 102, "2/6/2025 8:30 AM"),
    Row("pr.data.0.Current", 632849, "12/16/2024 12:59 PM"),
    Row("maps", None, "1/1/2025 12:00 AM"),
]
PAGES = [listing_page(FOLDER, ROWS), listing_page(FOLDER, ROWS[:2])]
TAGS = [
    *(b"<br>", b"<pre>", b"</pre>", b"<A HREF=", b'">', b"&lt;dir&gt;", b"&#0;", b"&amp;lt;"),
    *(b"%2e%2e%2f", b"%00", b"..", b"//", b"1/1/0000  0:00 AM", b"99999999999999999999", b"   "),
]


def check_listing(page: bytes) -> bool:
    found = parse_listing(page, FOLDER)
    names = [file.name for file in found.files]
    assert names == sorted(names)
    every = [*names, *found.directories]
    assert len({name.lower() for name in every}) == len(every)
    for file in found.files:
        assert 0 <= (file.size or 0) <= MAX_FILE_BYTES
        for key in (f"bls/pr/{file.name}", vintage_key("bls/pr", file.name, HASH)):
            assert checked_key(key) == key
    with suppress(Refused):
        plan(found, MANIFEST, data_prefix="pr.data.", now=NOW)
    return True


def test_a_listing_is_read_or_refused_and_no_name_leaves_its_folder(
    seeds: Callable[[list[bytes], str], list[bytes]],
) -> None:
    pages = seeds(PAGES, "listing/pr*.html")
    fuzz(damaged(pages, TAGS), check_listing, 200, Refused)


# -- Data files --------------------------------------------------------------------------------

CELLS = [
    *(b"\t", b"\r\n", b"\n", b"\r", b" ", b"-", b"Q05", b"Q01", b"M13", b"NaN", b"1e308", b"inf"),
    *(b"999999999999999.999999999", b"-.5", b"0" * 40, b"\xff", b"\0", b'"', b"\xef\xbb\xbf"),
]
PEOPLE = {year: 300_000_000 + year for year in range(2013, 2019)}


def test_a_data_file_is_answered_from_or_refused(
    seeds: Callable[[list[bytes], str], list[bytes]], tmp_path: Path
) -> None:
    first_lines = [
        b"\n".join(body.split(b"\n")[:60]) + b"\n"
        for body in seeds([data_file(4)], "pr/*/pr.data.*")
    ]

    def check(body: bytes) -> bool:
        path = tmp_path / "pr.data.0.Current"
        path.write_bytes(body)
        series = "PRS30006032" if b"PRS30006032" in body else "PRS30006011"
        question = Question(2013, 2018, series, "Q01")
        people = population_frame(PEOPLE)
        answers = answer(read_observations(path), people, "ACS 1-year", question)
        assert answers.best_year.height > 0
        catalogue = empty_catalogue("none").frame
        made = Content(
            "pr",
            sample=False,
            inputs={},
            answers=answers.in_words(catalogue),
            catalogue=catalogue,
            checks=(),
            changes=None,
            notes=(),
            overview=overview("pr", body.decode("latin-1")),
            headlines=headlines(answers.latest, catalogue),
            chosen=None,
        )
        assert json.loads(json.dumps(as_json(made)))
        assert report_markdown(made, Picture("drawn", "elsewhere", "<svg></svg>", ""))
        return True

    fuzz(damaged(first_lines, CELLS), check, 70, QuestError)


# -- The population ----------------------------------------------------------------------------


def check_population(body: bytes) -> bool:
    found = read_population(body)
    assert set(range(2013, 2019)) <= found.counts.keys()
    assert all(0 < count < 10**10 for count in found.counts.values())
    return population_frame(found.counts).height == len(found.counts)


@pytest.mark.parametrize("way", ["bytes", "values"])
def test_a_population_is_read_or_refused(
    seeds: Callable[[list[bytes], str], list[bytes]], way: str
) -> None:
    payloads = seeds([payload(), legacy_payload()], "population/*.json")
    words = [b"null", b"1e999", b"NaN", b'"', b"{", b"[", b"\\ud800", b"-", b"\xff", b"9" * 5000]
    strategy = damaged(payloads, words) if way == "bytes" else damaged_json(payloads)
    fuzz(strategy, check_population, 130, Refused)


# -- The lake's own documents ------------------------------------------------------------------


FIRST = manifest(kept("pr.class"), kept("pr.data.0.Current"))
MANIFEST = manifest(
    FIRST.files[1], generation=2, parent=HASH, tombstones=(Tombstone(FIRST.files[0], NOW),)
)


def check_manifest(body: bytes) -> bool:
    found = decode(body)
    read = found.manifest
    assert decode(encode(read)).manifest == read
    assert diff(read, read) == ()
    for key in (*view_of(read), *view_of(read).values()):
        with suppress(Misuse):
            assert checked_key(key) == key
    with suppress(Refused):
        plan(Listing(()), read, now=NOW)
    following = advance(
        found, Listing(()), [], source="bls/pr", layout="flat", now=NOW, run="the next"
    )
    assert following is None or following.committed > read.committed
    return True


@pytest.mark.parametrize("way", ["bytes", "values"])
def test_a_manifest_is_read_or_called_corrupt_and_a_run_can_go_on_from_it(way: str) -> None:
    words = [b"null", b"1e999", b'"', b"{", b"]", b"\\ud800", b"\xff", b"9" * 5000, b"-1", b"../"]
    seeds = [encode(FIRST), encode(MANIFEST)]
    strategy = damaged(seeds, words) if way == "bytes" else damaged_json(seeds)
    fuzz(strategy, check_manifest, 200, Corrupt)


@pytest.mark.parametrize("way", ["bytes", "values"])
def test_the_record_of_a_view_is_read_or_empty_and_a_repair_can_go_on_from_it(way: str) -> None:
    copied = {key: Copied(vintage, "token") for key, vintage in view_of(MANIFEST).items()}
    records = [encode_record(Record(copied=copied))]

    def check(body: bytes) -> bool:
        record = decode_record(body)
        assert decode_record(encode_record(record)) == record
        todo = repair(MANIFEST, (), record.copied)
        assert {key for _, key in todo.copies} == set(view_of(MANIFEST))
        return bool(record.copied)

    fuzz(damaged(records, [b"{", b"\xff"]) if way == "bytes" else damaged_json(records), check, 100)


# -- What people write, and what headers say ---------------------------------------------------


def test_a_moment_is_understood_or_called_misuse() -> None:
    moments = [b"2025-08-15", b"2025-08-15T12:00:00Z", b"2025-W01-1T00+23:59:59.999999", b"42"]
    words = [b"9999-12-31", b"0001-01-01T00:00-23:59", b"T24:00Z", b"99999999", b"+", b"\xd9\xa3"]

    def check(body: bytes) -> bool:
        found = parse_as_of(body.decode(errors="replace"))
        assert found.generation or found.until is not None
        assert is_past(found, now=NOW) in {True, False}
        return True

    fuzz(damaged(moments, words), check, 100)


def test_a_key_stays_inside_the_lake_or_is_called_misuse() -> None:
    def check(text: str) -> bool:
        with suppress(Misuse):
            assert checked_prefix(text) in {"", text}
        key = PurePosixPath(checked_key(text))
        assert ".." not in key.parts
        assert not key.is_absolute()
        assert str(key) == text
        return True

    fuzz(TEXTS, check, 100)


@pytest.mark.parametrize("rule", [check_contact, check_survey, check_url, check_root])
def test_a_setting_is_taken_or_called_misuse(rule: Callable[[str], str]) -> None:
    own = [b"me@example.org", b"pr", b"https://download.bls.gov/pub/time.series/", b"http://[::1]"]
    words = [b"@", b":", b"//", b"[", b"]", b"\r\n", b"?", b"#", b"%00"]
    fuzz(damaged(own, words), lambda body: rule(body.decode("latin-1")), 50)


def test_headers_of_any_kind_are_understood_or_passed_over() -> None:
    values = [b"Thu, 06 Feb 2025 13:30:02 GMT", b"120", b"text/html; charset=utf-8"]

    def check(body: bytes) -> bool:
        text = body.decode("latin-1")
        headers = {"Retry-After": text, "Content-Length": text, "Content-Type": text}
        wait = retry_after(headers | {"Date": text}, NOW)
        assert wait is None or wait >= 0
        assert (content_length(headers) or 0) >= 0
        moment = http_date(text)
        assert moment is None or moment.tzinfo is not None
        assert age(text, text) in {None, 0.0}
        assert is_page(headers, body) in {True, False}
        return wait is not None

    fuzz(damaged(values, [b"0000", b"9" * 30, b"-", b"GMT", b"\xb2"]), check, 130)
