"""The report's page: complete, self-contained, the same bytes again, and never blank."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from blsquest.analytics.answers import Question
from blsquest.analytics.checks import advisory
from blsquest.analytics.report.charts import draw
from blsquest.analytics.report.content import Content
from blsquest.analytics.report.html import MOST_OPEN
from blsquest.analytics.report.page import page
from blsquest.analytics.report.sections import REVISED
from tests.support.contents import INPUT, content, named
from tests.support.data_files import Row

WORDS = named({"A": ("Output of everything", "percent"), "B": ("Hours", "index (2017=100)")})
VOID = {"meta", "br", "link", "img", "input"}
AGAIN = """
import hashlib
from pathlib import Path
import sys
from blsquest.analytics.parquet_table import parquet_bytes
from blsquest.analytics.report.charts import draw
from blsquest.analytics.report.page import page
from tests.support.contents import content
made = content(Path(sys.argv[1]), before=[("A", 2013, "Q01", "7")])
parquet = [parquet_bytes(frame, {"b": "2", "a": "1"}) for frame in made.answers.tables().values()]
print(*(hashlib.sha256(body).hexdigest() for body in (page(made, draw(made)), *parquet)))
"""


def html_of(made: Content) -> str:
    return page(made, draw(made)).decode()


class Elements(HTMLParser):
    """Every element with its attributes; refuses what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    before: list[Row] = [("A", 2013, "Q01", "1000.25"), ("A", 2014, "Q01", "999.5")]
    checks = (
        advisory("years contiguous", "xx.data.0.Current", "A lacks 2001", passed=False),
        advisory("series listed", "xx.data.0.Current", "there is no xx.series", passed=None),
    )
    folder = tmp_path_factory.mktemp("page")
    return html_of(content(folder, before=before, catalogue=WORDS, checks=checks))


def text_of(html: str) -> str:
    """What a person reads: without markup, white space made one."""
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def test_it_shows_the_answers_in_words_with_units(whole: str) -> None:
    text = text_of(whole)
    for said in (
        "Survey xx and the US population",
        "Mean US population, 2013-2014 20,000,000 ",
        "standard deviation 14,142,136 (of a sample, ddof = 1)",
        "Most frequent best year 2013 of 1 of 2 series years of 1 series tie, 1 answered by a pa",
        "Output of everything, 1st quarter, and the population 1,000.25 percent in 2014, with ",
        "2 of 2 years have a value and a population",
        "Standard deviation of a sample (ddof = 1), the headline 14,142,135.62",
        "Standard deviation of a population (ddof = 0) 10,000,000.00",
        "There is no estimate for 2015: the line has a gap",
        "Output of everything A percent 2013 tied: 2013, 2014 partial year 1,000.25 quarters",
        "Hours B index (2017=100) 2014 -2 annual",
        "2 series: 1 from annual figures, 1 from quarters; 1 best in a year that is not complete.",
        "Value (percent)",
        "Revised by the newest release 1 value 1 value revised, 1 added, none removed, in 2",
        "1 value revised, 1 added, none removed, in 2 series.",
        "Generation 3 (2025-02-06) was compared with generation 2 (2024-06-06).",
        "Output of everything A 1st quarter 2014 percent 999.50 1,000.25 +0.75 in points",
        "years contiguous xx.data.0.Current advisory failed A lacks 2001",
        "series listed xx.data.0.Current advisory skipped there is no xx.series",
        "Checks: 0 passed, 1 skipped, 1 failed: years contiguous (xx.data.0.Current).",
    ):
        assert said in text
    assert "<li>Tied: Output of everything (A), 2013 and 2014.</li>" in whole


def test_it_names_the_bytes_it_was_made_from_and_whom_to_cite(whole: str) -> None:
    text = text_of(whole)
    fields = ("source", "generation", "manifest_sha256", "file", "bytes", "sha256")
    publishers = ("U.S. Bureau of Labor Statistics", "Census Bureau", "public domain", "DataUSA")
    for said in (*(str(INPUT[field]) for field in fields), *publishers):
        assert said in text


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("Thu, 06 Feb 2025 13:30:00 GMT", "2025-02-06"),
        ("soon", "soon"),
        (None, "an unknown time (the server did not say)"),
    ],
)
def test_the_day_of_the_release_is_shown(tmp_path: Path, stamp: str | None, expected: str) -> None:
    inputs = dict.fromkeys(("survey", "population"), INPUT | {"last_modified": stamp})
    inputs["population"] |= {"dataset": "ACS"}
    text = text_of(html_of(content(tmp_path, inputs=inputs)))
    assert re.search(rf"published (at )?{re.escape(expected)} \(generation 3 of the mirror\)", text)
    assert f"xx.data.0.Current, {expected if stamp else 'no date'}," in text


def test_the_method_takes_five_sentences_on_ties_averages_and_ddof(whole: str) -> None:
    method = whole[whole.index('id="method"') : whole.index('id="checks"')]
    sentences = re.findall(r"<li>(.*?)</li>", method, re.DOTALL)
    assert len(sentences) == 5
    assert all(len(re.findall(r"\.(?:\s|$)", sentence)) == 1 for sentence in sentences)
    for word in ("Q05", "tie", "ddof", "exact decimals"):
        assert any(word in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"rows": [("A", 2013, "Q01", "-")], "notes": (f"{REVISED}: no earlier one is there.",)},
            (
                "Revised by the newest release not compared no earlier one is there.",
                "No series has a value: there is no best year.",
                "2013 not published 10,000,000",
            ),
        ),
        (
            {"before": [("A", 2012, "Q01", "1")], "rows": [("A", 2012, "Q01", "1")]},
            (
                "No value differs",
                "2012 1 no estimate",
                "The population of these years was not estimated.",
            ),
        ),
        ({"question": Question(2013, 2014, None)}, ("No series was asked for.",)),
        (
            {"sample": True, "estimate": ""},
            (
                "Generated sample: these are not real statistics.",
                "there is nobody to cite",
                "estimate not stated",
                "unit not stated",
            ),
        ),
    ],
)
def test_what_is_missing_is_a_sentence(
    tmp_path: Path, given: dict[str, Any], said: tuple[str, ...]
) -> None:
    text = text_of(html_of(content(tmp_path, **given)))
    assert [sentence for sentence in said if sentence not in text] == []


def test_a_long_table_is_folded_and_says_how_long_it_is(tmp_path: Path) -> None:
    rows: list[Row] = [(f"S{number:02}", 2013, "Q01", "1") for number in range(MOST_OPEN + 1)]
    html = html_of(content(tmp_path, rows, before=[(*row[:3], "2") for row in rows]))
    [folded] = re.findall(r"<details><summary>(.*?)</summary>(.*?)</details>", html, re.DOTALL)
    assert folded[0] == "41 rows: open to read, search or print"
    assert 'id="best-year"' in folded[1]
    # It is the last thing on the page.
    assert html.index('id="sources"') < html.index('id="appendix"') < html.index('id="best-year"')
    assert html.count("<h2") == html.count("<h2", 0, html.index('id="best-year"'))
    (tmp_path / "few").mkdir()
    assert "<details>" not in html_of(content(tmp_path / "few", rows[:-1]))


def test_the_head_of_a_row_of_a_long_name_is_above_its_cells(whole: str) -> None:
    [row] = re.findall(
        r"<tbody>((?:(?!</tbody>).)*Hours(?:(?!</tbody>).)*)</tbody>",
        whole[whole.index('id="best-year"') :],
        re.DOTALL,
    )
    head, cells = row.split("\n")
    assert head == (
        '<tr><th scope="rowgroup" colspan="3">Hours <small>B</small> '
        "<small>index (2017=100)</small></th></tr>"
    )
    assert cells.count("<td") == 3


def test_the_files_beside_it_are_linked_if_they_are_there(tmp_path: Path, whole: str) -> None:
    made = content(tmp_path, survey="pr")
    beside = ["latest.parquet", "best_year.parquet", "best_year.csv", "report.json"]
    html = page(made, draw(made), beside).decode()
    links = [str(a["href"]) for a in Elements(html).named("a")]
    linked = [href for href in links if not href.startswith(("#", "https://"))]
    assert linked == ["best_year.csv", "best_year.parquet", "latest.parquet", "report.json"]
    assert "handed on alone, the links lead nowhere" in text_of(html)
    assert 'id="files"' not in whole
    # A survey is called by what it is about, where that is known.
    assert "<h1>US productivity and the US population</h1>" in html
    assert "<title>US productivity and the US population: report from generation 3</title>" in html


def test_it_loads_nothing_runs_nothing_and_says_so_to_the_browser(whole: str) -> None:
    page_ = Elements(whole)
    tags = {tag for tag, _ in page_.found}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not re.search(r"url\(|@import|@font-face", whole)
    policy = next(m for m in page_.named("meta") if m.get("http-equiv"))
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    addresses = [a["href"] or "" for a in page_.named("a")]
    assert all(address.startswith(("#", "https://")) for address in addresses)
    targets = {attributes.get("id") for _, attributes in page_.found}
    assert {a[1:] for a in addresses if a.startswith("#")} <= targets


def test_tables_have_captions_and_scopes_and_can_be_scrolled_by_keyboard(whole: str) -> None:
    page_ = Elements(whole)
    tables = whole.count("<table")
    assert tables >= 7
    assert whole.count("<caption>") == tables
    assert all(cell.get("scope") in {"row", "rowgroup", "col"} for cell in page_.named("th"))
    regions = [d for d in page_.named("div") if d.get("role") == "region"]
    assert len(regions) == tables
    assert all(d["tabindex"] == "0" and d["aria-label"] for d in regions)
    headings = [int(tag[1]) for tag, _ in page_.found if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(headings))
    assert page_.named("html")[0]["lang"] == "en"


def test_it_serves_dark_and_light_paper_and_phones(whole: str) -> None:
    assert "@media (prefers-color-scheme: dark) { @media not print" in whole
    assert "@media print" in whole
    assert 'content="width=device-width, initial-scale=1"' in whole
    assert whole.count('<div class="wide"><svg') == whole.count('<div class="narrow"><svg') == 4
    ids = [attributes["id"] for _, attributes in Elements(whole).found if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_same_content_is_the_same_page_and_parquet_in_another_process(tmp_path: Path) -> None:
    project = Path(__file__).parents[2]
    digests = []
    for seed, zone, threads in (("1", "UTC", "1"), ("2", "Asia/Tokyo", "2")):
        folder = tmp_path / seed
        folder.mkdir()
        given = {"PYTHONHASHSEED": seed, "TZ": zone, "POLARS_MAX_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", AGAIN, str(folder)],
            cwd=project,
            env=os.environ | given | {"PYTHONPATH": str(project), "HOME": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.append(done.stdout.split())
    assert digests[0] == digests[1]
    assert len(digests[0]) == 6


def test_hostile_text_from_every_publisher_stays_text(tmp_path: Path) -> None:
    attack = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\x1b\u202e"
    series = "<img src=x onerror=alert(1)>"
    rows: list[Row] = [(series, 2013, "Q01", "2"), (series, 2014, "Q01", "3")]
    made = content(
        tmp_path,
        rows,
        before=[(series, 2013, "Q01", "1")],
        catalogue=named({series: (attack, attack)}),
        estimate=attack,
        survey=attack,
        inputs=dict.fromkeys(
            ("survey", "population"), INPUT | dict.fromkeys(INPUT, attack) | {"dataset": attack}
        ),
        checks=(advisory(attack, attack, attack, passed=False),),
        notes=(attack,),
    )
    html = html_of(made)
    tags = {tag for tag, _ in Elements(html).found}
    assert not tags & {"script", "img"}
    assert html.count("</style>") == html.count("</title>") - html.count("<svg") == 1
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
