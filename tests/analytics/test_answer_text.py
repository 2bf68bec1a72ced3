"""The answers as markdown: what the dashboard shows."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from blsquest.analytics.answers import Question
from blsquest.analytics.checks import advisory
from blsquest.analytics.report.charts import population_chart
from blsquest.analytics.report.markdown import markdown
from tests.support.contents import content, named

if TYPE_CHECKING:
    from pathlib import Path

WORDS = named({"A": ("Output of everything", "percent"), "B": ("Hours", "index (2017=100)")})


def text_of(folder: Path, *given: Any, **more: Any) -> str:
    told = content(folder, *given, **more)
    return markdown(told, population_chart(told.answers))


def test_the_summary_says_what_a_newcomer_needs(tmp_path: Path) -> None:
    text = text_of(tmp_path, catalogue=WORDS)
    for said in (
        "## US population, 2013-2014",
        "| mean | 20,000,000.00 |",
        "| standard deviation, sample (ddof = 1) | 14,142,135.62 |",
        "| standard deviation, population (ddof = 0) | 10,000,000.00 |",
        "Estimate: ACS, 2 years. The source has 2013-2016, none for 2015.",
        "2 series (1 from annual figures, 1 from quarters);",
        "; 1 tied, the earliest year answers: A (2013, 2014);",
        "; 1 best in a year that is not complete.",
        "| A | 2013 | 1,000.25 | percent | quarters | Output of everything |",
        "## A, Q01, and the population",
        "Output of everything.",
        "| year | period | value (percent) | people |",
        "2 years, 2 of them with a population",
        "| 2014 | Q01 | 1,000.25 | 30,000,000 |",
        "7 of 7 checks passed.",
    ):
        assert said in text
    assert "not real statistics" not in text


def test_the_deviation_that_was_asked_for_stands_first(tmp_path: Path) -> None:
    text = text_of(tmp_path, question=Question(2013, 2014, "A", "Q01", ddof=0))
    assert text.index("(ddof = 0)") < text.index("(ddof = 1)")


def test_each_pair_has_a_section_in_the_order_in_which_they_were_asked(tmp_path: Path) -> None:
    asked = Question(2013, 2014, "B", "Q05", pairs=(("A", "Q01"), ("B", "Q05")))
    text = text_of(tmp_path, question=asked)
    sections = re.findall(r"^## (.*), and the population$", text, re.MULTILINE)
    assert sections == ["B, Q05", "A, Q01"]


def test_what_failed_or_is_missing_is_said(tmp_path: Path) -> None:
    checks = (
        advisory("years contiguous", "xx.data.0.Current", "A lacks 2001", passed=False),
        advisory("series listed", "xx.data.0.Current", "there is no xx.series", passed=None),
        advisory("growth plausible", "census.json", "as ever", passed=True),
    )
    text = text_of(tmp_path, checks=checks, notes=("What changed: nothing to compare.",))
    assert "1 of 2 checks passed, 1 could not be made; failed: years contiguous" in text
    assert "- years contiguous (xx.data.0.Current): failed. A lacks 2001" in text
    assert "- series listed (xx.data.0.Current): not made. there is no xx.series" in text
    assert "- What changed: nothing to compare." in text
    assert "as ever" not in text


def test_a_sample_is_called_one(tmp_path: Path) -> None:
    assert text_of(tmp_path, sample=True).startswith("**Generated sample: these are not real")


def test_the_chart_is_a_picture_within_the_text(tmp_path: Path) -> None:
    found = re.search(
        r"!\[US population, 2013-2016\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)",
        text_of(tmp_path),
    )
    assert found is not None
    svg = b64decode(found[1]).decode()
    assert svg.startswith("<svg")
    assert "--first:#" in svg  # it has its own colours: no page gives it any


def test_answers_without_any_sum_are_rendered_too(tmp_path: Path) -> None:
    text = text_of(tmp_path, [("A", 2013, "Q01", "-")])
    assert "No series has a value." in text
    assert "| 2013 | Q01 | unknown | 10,000,000 |" in text


def test_publishers_text_cannot_become_markup(tmp_path: Path) -> None:
    series = "<b>|[x](y)`*_"
    words = named({series: ("<script>![t](http://x.example/t)", "[u](javascript:u)")})
    estimate = "ACS</td><script>alert(1)</script>\n# [x](javascript:y)\x1b[31m\u202e &amp;"
    text = text_of(tmp_path, [(series, 2013, "Q01", "1")], catalogue=words, estimate=estimate)
    assert "<" not in text
    assert "&lt;b&gt;\\|\\[x\\](y)\\`\\*\\_" in text
    assert "&lt;script&gt;\\!\\[t\\]" in text
    assert "&amp;amp;" in text
    assert not any(line.startswith("# ") for line in text.splitlines())
    assert all(char.isprintable() or char in "\n\N{WORD JOINER}" for char in text)
