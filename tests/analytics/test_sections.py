"""Answers as sections, and the sections as markdown and on a terminal."""

import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from blsquest.analytics import CHANGES
from blsquest.analytics.answers import Question
from blsquest.analytics.checks import advisory
from blsquest.analytics.report.best_years import best_years
from blsquest.analytics.report.charts import draw, population_chart
from blsquest.analytics.report.content import MOST, as_json
from blsquest.analytics.report.markdown import escape, markdown, report_markdown
from blsquest.analytics.report.page import page, tiles
from blsquest.analytics.report.section import Section, Signed
from blsquest.analytics.report.sections import (
    changed,
    changes,
    highlights,
    revisions,
    sentence,
    summary,
    top_revisions,
    verdict,
)
from blsquest.analytics.report.terminal import terminal
from tests.support.contents import content, named
from tests.support.data_files import Row

WORDS = named({"A": ("Output of everything", "percent"), "B": ("Hours", "index (2017=100)")})
CHECKS = (
    advisory("years contiguous", "xx.data.0.Current", "A lacks 2001", passed=False),
    advisory("series listed", "xx.data.0.Current", "there is no xx.series", passed=None),
    advisory("growth plausible", "census.json", "as ever", passed=True),
)


def text_of(folder: Path, *given: Any, **more: Any) -> str:
    made = content(folder, *given, **more)
    return report_markdown(made, population_chart(made.answers))


def test_a_report_in_short_says_what_a_newcomer_needs(tmp_path: Path) -> None:
    before: list[Row] = [("A", 2013, "Q01", "999")]
    report = as_json(content(tmp_path, before=before, catalogue=WORDS))
    people, best, series, newest, revised, checks = summary(report)
    assert (people.title, people.lead) == (
        "US population, 2013-2014: mean and standard deviation",
        "2013-2014, 2 years, ACS",
    )
    assert people.rows == [
        ("Mean", 20_000_000.0),
        ("Standard deviation of a sample (ddof = 1), the headline", pytest.approx(14_142_135.62)),
        ("Standard deviation of a population (ddof = 0)", 10_000_000.0),
    ]
    assert best.lead == "The headline series, of 2 in all"
    assert best.rows == [
        (
            ("Output of everything", "A"),
            ("2013", "tied: 2013, 2014", "partial year"),
            Decimal("1000.25"),
            "percent",
            "quarters",
        ),
        (("Hours", "B"), ("2014",), Decimal(-2), "index (2017=100)", "annual"),
    ]
    assert best.notes == (
        "2 series: 1 from annual figures, 1 from quarters; 1 best in a year that is not complete.",
        "Sums of different units can't be compared.",
        "Where years tie, the earliest is the answer.",
        "Tied: Output of everything (A), 2013 and 2014.",
        "Most often best: 2014 (1), 2013 (1).",
    )
    assert series.title == "Output of everything"
    assert series.lead == "A, 1st quarter: 2 years, 2 of them with a population; the newest 2"
    assert series.columns == ("Year", "Value (percent)", "People")
    assert series.rows[0] == ("2014", Decimal("1000.25"), 30_000_000)
    assert newest.rows == [
        (
            ("Output of everything", "A"),
            "1st quarter 2014",
            Decimal("1000.25"),
            "percent",
            ("0.00 points", "1st quarter 2013"),
            ("0.00 points", "1st quarter 2013"),
            "no complete year",
        ),
        (
            ("Hours", "B"),
            "annual average 2014",
            Decimal(-2),
            "index (2017=100)",
            "no value before",
            "no value then",
            "is annual",
        ),
    ]
    assert revised.notes == (
        "1 value revised, 2 added, none removed, in 2 series.",
        "Generation 3 (2025-02-06) was compared with generation 2 (2024-06-06).",
    )
    assert checks == Section("Checks", "7 passed")


def test_withdrawn_values_are_counted_and_listed_before_all_other_changes(tmp_path: Path) -> None:
    before: list[Row] = [("A", 2013, "Q01", "999"), ("A", 2014, "Q01", "-")]
    rows: list[Row] = [
        ("A", 2013, "Q01", "-"),
        ("A", 2014, "Q01", "1000.25"),
        ("B", 2014, "Q05", "1"),
    ]
    asked = Question(2013, 2014, "A", "Q01")
    made = content(tmp_path, rows, before=before, catalogue=WORDS, question=asked)
    report = as_json(made)
    revised, withdrawn, filled = list(summary(report))[-4:-1]
    assert revised.notes[0].startswith("1 value withdrawn, 1 filled, none revised, ")
    assert (withdrawn.title, filled.title) == ("Values withdrawn", "Values filled")
    assert withdrawn.rows[0][1:3] == ("1st quarter 2013", Decimal(999))
    assert filled.rows[0][1:3] == ("1st quarter 2014", Decimal("1000.25"))
    html = page(made, draw(made)).decode()
    assert html.index('id="values-withdrawn"') < html.index('id="values-filled"')


def test_the_deviation_that_was_asked_for_comes_first_and_is_the_headline(tmp_path: Path) -> None:
    asked = Question(2013, 2014, "B", "Q05", pairs=(("A", "Q01"), ("B", "Q05")), ddof=0)
    people, _, *others = summary(as_json(content(tmp_path, question=asked)))
    # Each pair has a section, in the order in which they were asked.
    assert [section.lead[:5] for section in others[:2]] == ["B, an", "A, 1s"]
    assert [row[0] for row in people.rows[1:]] == [
        "Standard deviation of a population (ddof = 0), the headline",
        "Standard deviation of a sample (ddof = 1)",
    ]


def test_a_large_survey_is_listed_in_part_and_says_so(tmp_path: Path) -> None:
    rows = [(f"S{n:05}", year, "Q01", "1") for n in range(MOST + 1) for year in (2013, 2014)]
    best = as_json(content(tmp_path, rows))["answers"]["best_year"]
    listed = best_years(best)
    assert listed.lead == "The first 1,000 of 1,001 series by id; best_year.parquet has all"
    assert len(listed.rows) == MOST
    # Many ties are named by the first and a count.
    assert listed.notes[-2:] == (
        "Tied: S00004 (S00004), 2013 and 2014.",
        "Tied: 996 more series, named in best_year.parquet.",
    )
    assert best_years(best, most=2).lead == "The headline series, of 1,001 in all"


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([True, True], "2 passed"),
        ([True, True, None], "2 passed, 1 skipped"),
        ([True, False, None, None], "1 passed, 2 skipped, 1 failed: n (s)"),
        ([False, False], "0 passed, 2 failed: n (s); n (s)"),
    ],
)
def test_the_verdict_counts_and_names_what_failed(
    results: Sequence[bool | None], expected: str
) -> None:
    assert (
        verdict([{"name": "n", "subject": "s", "passed": passed} for passed in results]) == expected
    )


def test_what_failed_or_is_missing_is_named(tmp_path: Path) -> None:
    notes = ("What changed: none to compare.",)
    *_, checks = summary(as_json(content(tmp_path, checks=CHECKS, notes=notes)))
    assert checks.lead.endswith("1 skipped, 1 failed: years contiguous (xx.data.0.Current)")
    assert checks.notes == (
        "years contiguous (xx.data.0.Current): failed. A lacks 2001",
        "series listed (xx.data.0.Current): skipped. there is no xx.series",
        "What changed: none to compare.",
    )


def test_a_report_of_an_earlier_version_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    report = as_json(content(tmp_path, before=[("A", 2013, "Q01", "7")]))
    found = report["changes"]
    for name in ("withdrawn", "filled"):
        del found[name], found["counts"][name]
    del found["largest_percent"]
    report["changes"]["before"]["committed"] = "2025-02-06T12:00:00.000000Z"
    counted, compared = changes(report).notes
    assert counted == "1 value revised, 2 added, none removed, in 2 series."
    # Two releases of one day are named with their times.
    assert "(2025-02-06 20:00:00 UTC) was compared with generation 2 (2025-02-06 12:00" in compared
    assert [section.title for section in summary(report)][-1] == "Checks"


STATE = {"generation": 1, "committed": "2025-02-06T14:00:00.000000Z"}
NOTHING: dict[str, Any] = {
    "source": "bls/pr",
    "sample": False,
    "from": STATE,
    "to": STATE | {"generation": 3, "committed": "2025-02-06T14:00:07.500000Z"},
    "files": [],
    "largest": [],
    "notes": [],
}
COUNTED = dict.fromkeys(CHANGES, 0) | {"withdrawn": 2, "added": 1, "revised": 1234, "series": 3}
LARGEST = {
    "series_id": "A",
    "title": "<b>Bold</b> | sly",
    "unit": None,
    "year": 2020,
    "period": "Q01",
    "old_value": "1.500000000",
    "new_value": "2.000000000",
    "difference": "0.500000000",
    "percent": 100 / 3,
    "decimals": 1,
}
WITHDRAWN = LARGEST | {"new_value": None, "difference": None, "new_footnotes": "X"}


def test_generations_between_which_nothing_differs_say_so() -> None:
    [only] = revisions(NOTHING)
    assert only.notes == ("No data file differs.",)
    assert only.lead == (  # of one day, hence with the times
        "From generation 1 (2025-02-06 14:00:00 UTC) to generation 3 (2025-02-06 14:00:07 UTC)"
    )
    assert sentence(NOTHING) == "bls/pr, generations 1 to 3: no data file differs."


def test_revisions_are_counted_by_file_with_the_largest_and_say_when_they_are_a_sample() -> None:
    found = NOTHING | {
        "sample": True,
        "files": [{"file": "pr.data.0.Current"} | COUNTED],
        "withdrawn": [WITHDRAWN],
        "filled": [],
        "largest": [LARGEST],
        "largest_percent": [LARGEST],
        "notes": ["pr.data.2 is [new](x)"],
    }
    text = markdown(*revisions(found))
    assert "not real statistics" in text
    assert "| pr.data.0.Current | 2 | 0 | 1 | 0 | 1,234 | 0 | 3 |" in text
    assert "| &lt;b&gt;Bold&lt;/b&gt; \\| sly (A) | 1st quarter 2020 | 1.5 | 2.0 | +0.5 |" in text
    assert "| 1st quarter 2020 | 1.5 | 2.0 | +0.5 | +33.3 | unit not stated |" in text
    assert "The newest 1 of 2; a value became none" in text
    assert "| 1st quarter 2020 | 1.5 | X | unit not stated |" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings[2:] == ["## Values withdrawn", "## Largest revisions", "## Notes"]
    assert "- pr.data.2 is \\[new\\](x)" in text
    assert sentence(found) == (
        "bls/pr (generated sample), generations 1 to 3: "
        "pr.data.0.Current: 2 values withdrawn, 1,234 revised, 1 added, none removed, in 3 series."
    )


def test_a_comparison_of_an_earlier_version_is_shown_as_far_as_it_goes() -> None:
    before = {name: count for name, count in COUNTED.items() if name not in {"withdrawn", "filled"}}
    old = {name: value for name, value in LARGEST.items() if name not in {"percent", "decimals"}}
    found = NOTHING | {"files": [{"file": "f"} | before], "largest": [old]}
    text = markdown(*revisions(found))
    assert "| f | unknown | unknown | 1 | 0 | 1,234 | 0 | 3 |" in text
    assert "| 1st quarter 2020 | 1.5 | 2 | +0.5 | unknown | unit not stated |" in text
    assert sentence(found).endswith("f: 1,234 values revised, 1 added, none removed, in 3 series.")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"revised": 15_988, "added": 1_761}, "15,988 values revised, 1,761 added, none removed"),
        ({"withdrawn": 1, "revised": 2}, "1 value withdrawn, 2 revised, none added, none removed"),
        ({"added": 3}, "no values revised, 3 added, none removed"),
        ({"series": 0}, "no value differs"),
        (
            {"filled": 2, "removed": 1, "annotated": 4},
            "2 values filled, none revised, none added, 1 removed, 4 with other footnotes",
        ),
    ],
)
def test_counts_of_changes_are_one_plain_sentence(counts: dict[str, int], said: str) -> None:
    counted = changed(dict.fromkeys(CHANGES, 0) | {"series": 7} | counts)
    assert counted.removesuffix(", in 7 series") == said


def test_values_have_the_publishers_decimals_and_means_one_more(
    tmp_path: Path,
) -> None:
    rows: list[Row] = [
        *(("A", year, f"Q0{q}", f"{q}.0") for year in (2013, 2014) for q in (1, 2, 3, 4)),
        ("B", 2014, "Q01", "-7.0"),
    ]
    before: list[Row] = [*rows[:-1], ("B", 2014, "Q01", "-6.0")]
    asked = Question(2013, 2014, "B", "Q01")
    made = content(tmp_path, rows, before=before, question=asked)
    text = report_markdown(made, draw(made).population)
    assert "| B | 2014 | -7.0 | unit not stated | quarters |" in text.replace(" (partial year)", "")
    assert "| A | 2013 (tied: 2013, 2014) | 10.0 | unit not stated | quarters |" in text
    assert "| 2014 | -7.0 | 30,000,000 |" in text
    assert "| 1st quarter 2014 | -7.0 | unit not stated |" in text
    largest = markdown(*highlights(as_json(made)["changes"]))
    assert "| B | 1st quarter 2014 | -6.0 | -7.0 | -1.0 | -16.7 | unit not stated |" in largest
    by_mean = content(tmp_path, rows, question=replace(asked, by="mean"))
    assert "2.50 (2014" in report_markdown(by_mean, draw(by_mean).population)


SECTION = Section(
    "A title",
    "What the rows are",
    ("year", "sum", "unit"),
    [("2013", Decimal("1.50"), "percent"), ("2014", None, "index")],
    ("One.", "Two."),
)


def test_a_section_in_markdown_has_numbers_to_the_right_and_words_to_the_left() -> None:
    assert markdown(SECTION, Section("Next")) == (
        "## A title\n\nWhat the rows are\n\n"
        "| year | sum | unit |\n| :--- | ---: | :--- |\n| 2013 | 1.50 | percent |\n"
        "| 2014 | unknown | index |\n\n- One.\n- Two.\n\n## Next\n"
    )


@pytest.mark.parametrize("markup", list("\\`*_{}[]#|~!"))
def test_each_mark_of_markdown_is_escaped(markup: str) -> None:
    assert escape(f"a{markup}b") == f"a\\{markup}b"


def test_the_chart_is_a_picture_within_the_text_and_described_in_words(tmp_path: Path) -> None:
    text = text_of(tmp_path)
    found = re.search(
        r"!\[US population, 2013-2016\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", text
    )
    assert found is not None
    svg = b64decode(found[1]).decode()
    assert svg.startswith("<svg")
    assert "--first: #" in svg  # it has its own colours: no page gives it any
    assert "There is no estimate for 2015" in text
    assert "not real" not in text


def test_a_sample_is_called_one_and_answers_without_any_sum_are_rendered(tmp_path: Path) -> None:
    text = text_of(tmp_path, [("A", 2013, "Q01", "-")], sample=True)
    assert text.startswith("**Generated sample: these are not real")
    assert "No series has a value" in text
    assert "| 2013 | not published | 10,000,000 |" in text


def test_publishers_text_cannot_become_markup(tmp_path: Path) -> None:
    series = "<b>|[x](y)`*_"
    words = named({series: ("<script>![t](http://x.example/t)", "[u](javascript:u)")})
    estimate = "ACS</td><script>alert(1)</script>\n# [x](javascript:y)\x1b[31m\u202e &amp;"
    text = text_of(tmp_path, [(series, 2013, "Q01", "1")], catalogue=words, estimate=estimate)
    assert "<" not in text
    assert "&lt;b&gt;\\|\\[x\\](y)\\`\\*\\_" in text
    assert "&lt;script&gt;\\!\\[t\\]" in text
    assert "http://" not in text
    assert "&amp;amp;" in text
    assert not any(line.startswith("# ") for line in text.splitlines())
    assert all(char.isprintable() or char in "\n\N{WORD JOINER}" for char in text)


def test_on_a_terminal_cells_are_under_each_other() -> None:
    assert terminal(SECTION, Section("Next")) == (
        "A title\n"
        "  What the rows are\n"
        "    year      sum  unit\n"
        "    2013     1.50  percent\n"
        "    2014  unknown  index\n"
        "  One.\n"
        "  Two.\n\n"
        "Next"
    )


def test_on_a_terminal_a_wide_first_column_goes_last_and_a_difference_has_its_sign() -> None:
    rows = [((61 * "w", "A"), Signed("0.5")), (("short", "B"), Signed("-2.25"))]
    _, head, first, second = terminal(Section("t", "", ("Series", "By"), rows)).splitlines()
    assert head.split() == ["By", "Series"]
    assert first == f"     +0.5  {61 * 'w'} (A)"
    assert second == "    -2.25  short (B)"


def test_on_a_narrow_terminal_the_name_of_a_row_is_above_its_cells() -> None:
    rows = [("x" * 61, Signed(1), "percent"), ("y", Signed(-2), "index")]
    wide = Section("t", "", ("Series", "By", "Unit"), rows)
    _, head, name, first, second, last = terminal(wide, width=70).splitlines()
    assert head == "      By  Unit"
    assert (name, first) == (f"    {'x' * 61}", "      +1  percent")
    assert (second, last) == ("    y", "      -2  index")
    assert terminal(wide, width=90) == terminal(wide)


def test_publishers_text_cannot_steer_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b[2Jgone\u202e"
    made = content(tmp_path, catalogue=named({"A": (evil, evil)}), estimate=evil, notes=(evil,))
    text = terminal(*summary(as_json(made)))
    assert "gone" in text
    assert all(line.isprintable() for line in text.split("\n"))


MOVED = LARGEST | {"title": "Sales", "unit": "dollars", "measure": "sales"}


def test_the_top_revisions_are_few_of_each_measure_by_percent_then_by_difference() -> None:
    rates = [MOVED | {"unit": "percent", "measure": f"rate {n}", "percent": None} for n in range(7)]
    levels = [MOVED | {"measure": f"sales {n}", "percent": float(n)} for n in range(7)]
    lesser = [MOVED | {"measure": "sales 6", "percent": 5.5}]
    found = top_revisions({"largest": [*levels, *lesser, *rates]})
    assert [str(row[5]) for row in found.rows[:5]] == ["6.0", "5.0", "4.0", "3.0", "2.0"]
    assert [row[5] for row in found.rows[5:]] == ["in points"] * 5
    assert "those of 4 more" in found.lead
    points = [row | {"difference": f"{n}.0"} for n, row in enumerate(rates)]
    shown = top_revisions({"largest": points}).rows
    assert [str(row[4]) for row in shown] == ["6.0", "5.0", "4.0", "3.0", "2.0"], "the largest"
    alone = top_revisions({"largest": [MOVED, MOVED | {"percent": -40.0}]})
    assert [str(row[5]) for row in alone.rows] == ["-40.0", "33.3"]
    assert "up to 5 of each" in alone.lead


def test_a_tile_counts_withdrawn_values_where_there_are_any(tmp_path: Path) -> None:
    before: list[Row] = [("A", 2014, "Q01", "1.0"), ("A", 2013, "Q01", "2.0")]
    for now, title in (("3.0", "Revised by the newest release"), ("-", "Withdrawn by the newest")):
        rows: list[Row] = [("A", 2014, "Q01", now), ("A", 2013, "Q01", "2.0")]
        folder = tmp_path / now
        folder.mkdir()
        report = as_json(content(folder, rows, before=before))
        (tile,) = (tile for tile in tiles(report) if tile.title.startswith(title))
        assert (tile.figure, tile.unit) == (1, "value")
