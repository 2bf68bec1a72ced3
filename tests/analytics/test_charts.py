"""The charts: gaps are gaps, the same bytes again, safe and legible wherever they are shown."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from blsquest.analytics.answers import Question
from blsquest.analytics.catalogue import Catalogue
from blsquest.analytics.report.chart_style import CSS, Picture, standalone
from blsquest.analytics.report.charts import (
    MOST_SERIES,
    best_years_chart,
    draw,
    population_chart,
    revisions_chart,
    series_chart,
)
from blsquest.analytics.report.content import pairs
from tests.support.contents import content, named
from tests.support.data_files import Row

SVG = "{http://www.w3.org/2000/svg}"
NOW: list[Row] = [("A", 2013, "Q01", "2"), ("A", 2014, "Q01", "3"), ("B", 2014, "Q01", "4")]
BEFORE: list[Row] = [("A", 2013, "Q01", "2"), ("A", 2014, "Q01", "2.5"), ("B", 2014, "Q01", "4")]
HOSTILE = "</text></svg><script>alert(1)</script><image href='http://x.example/' onload='x'/>\x1b"


LIGHT, DARK = (
    dict(re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6});", rule))
    for rule in re.findall(r":root {([^}]*)}", CSS)
)


def every_picture(folder: Path) -> list[Picture]:
    words = named({"A": (HOSTILE, HOSTILE), "B": ("b", "u")})
    drawn = draw(content(folder, NOW, before=BEFORE, catalogue=words))
    assert drawn.population is not None
    assert drawn.best_years is not None
    assert drawn.changes is not None
    return [drawn.population, *drawn.series, drawn.best_years, drawn.changes]


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - drawn by the code under test


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in parsed(svg).iter(f"{SVG}text")]


def lines(svg: str) -> list[str]:
    """The paths of lines: what has a stroke's width and no filling."""
    found = parsed(svg).iter(f"{SVG}path")
    return [p.attrib["d"] for p in found if p.get("stroke-width") == "2" and "fill" not in p.attrib]


def test_a_year_without_an_estimate_is_a_gap_and_says_so(tmp_path: Path) -> None:
    people = {2013: 10_000_000, 2014: 11_000_000, 2016: 12_000_000, 2017: 13_000_000}
    gap = population_chart(content(tmp_path, people=people).answers)
    assert gap is not None
    (drawn,) = lines(gap.wide)
    assert drawn.count("M") == 2  # the pen is lifted once
    assert "no estimate" in texts(gap.wide)
    assert "There is no estimate for 2015: the line has a gap" in gap.description
    whole = population_chart(content(tmp_path, people=people | {2015: 11_500_000}).answers)
    assert whole is not None
    (drawn,) = lines(whole.wide)
    assert drawn.count("M") == 1
    assert "no estimate" not in texts(whole.wide)


def test_the_mean_and_the_deviation_that_was_asked_for_are_marked(tmp_path: Path) -> None:
    for ddof, said in ((1, "mean 20.0 ± 14.1"), (0, "mean 20.0 ± 10.0")):
        asked = Question(2013, 2014, "A", "Q01", ddof=ddof)  # type: ignore[arg-type]
        drawn = population_chart(content(tmp_path, question=asked).answers)
        assert drawn is not None
        assert said in texts(drawn.wide)


def test_a_series_is_drawn_above_the_population_with_its_unit(tmp_path: Path) -> None:
    words = named({"A": ("Output", "percent")})
    (pair,) = pairs(content(tmp_path, NOW, catalogue=words).answers)
    drawn = series_chart(pair)
    assert len(lines(drawn.wide)) == 2
    assert {"percent", "million people"} <= set(texts(drawn.wide))
    assert drawn.title == "Output, 1st quarter, and the US population"


@pytest.mark.parametrize("value", ["-", "1.5"])
def test_a_series_without_values_or_population_is_drawn(tmp_path: Path, value: str) -> None:
    (pair,) = pairs(content(tmp_path, [("A", 1950, "Q01", value)]).answers)
    assert "unknown in these years" in series_chart(pair).description


def test_best_years_are_counted_by_year_if_there_are_any(tmp_path: Path) -> None:
    drawn = best_years_chart(content(tmp_path).answers)
    assert drawn is not None
    assert "best years are 2013 and 2014 (1 of 2 series each)" in drawn.description
    assert {"quarters", "annual"} <= set(texts(drawn.wide))
    assert best_years_chart(content(tmp_path, [("A", 2013, "Q01", "-")]).answers) is None


def test_revised_shares_are_drawn_by_group_and_year_if_there_are_any(tmp_path: Path) -> None:
    none, some = tmp_path / "none", tmp_path / "some"
    for folder, before in ((none, NOW), (some, BEFORE)):
        folder.mkdir()
        changes = content(folder, NOW, before=before).changes
        assert changes is not None
        drawn = revisions_chart(changes)
        assert (drawn is None) == (before is NOW)
    assert drawn is not None
    assert "Values revised: 1 of those that were there before." in drawn.description
    heat = r'fill="var\(--heat-(\d)\)" stroke="var\(--page\)" stroke-width="1" '
    fills = re.findall(heat, drawn.wide)
    assert fills == ["2"]  # one of 2014's two; 2013, before the first revision, is left out


@pytest.mark.parametrize("name", ["constructor", "toString", "__proto__", "datum", "1", 'a"\\b'])
def test_a_group_may_be_called_as_anything(tmp_path: Path, name: str) -> None:
    changes = content(tmp_path, NOW, before=BEFORE).changes
    assert changes is not None
    shares = changes.shares.with_columns(group=pl.lit(name))
    drawn = revisions_chart(replace(changes, shares=shares))
    assert drawn is not None
    assert name in texts(drawn.wide)


def test_new_values_are_distinguished_from_those_that_were_not_revised(tmp_path: Path) -> None:
    rows: list[Row] = [*NOW, ("A", 2015, "Q01", "1"), ("B", 2015, "Q01", "1")]
    words = named({"A": ("a", "u"), "B": ("b", "u")})
    words = Catalogue(words.frame.with_columns(kind=pl.col("title"), kind_code=pl.col("title")), ())
    changes = content(tmp_path, rows, before=BEFORE, catalogue=words).changes
    assert changes is not None
    drawn = revisions_chart(changes)
    assert drawn is not None
    cell = r'fill="var\(--(heat-\d|new)\)" stroke="var\(--page\)" stroke-width="1" '
    cells = re.findall(cell, drawn.wide)
    assert sorted(cells) == ["heat-0", "heat-4", "new", "new"]
    assert "new values" in texts(drawn.wide)
    assert "Where all values are new, none could be revised." in drawn.description


def test_each_drawing_is_one_image_in_words_and_in_the_pages_colours(tmp_path: Path) -> None:
    allowed = {"svg", "title", "desc", "g", "path", "line", "text", "rect"}
    colours = {f"var({name})" for name in LIGHT} | {"none", "transparent"}
    assert LIGHT.keys() == DARK.keys()
    for picture in every_picture(tmp_path):
        assert "--first:" in standalone(picture.wide)
        for svg in (picture.wide, picture.narrow):
            root = parsed(svg)
            assert root.attrib["role"] == "img"
            assert root.attrib["aria-label"]
            assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
            assert root[1].text == picture.description
            assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) <= colours
            for element in root.iter():  # no script, link, or text as markup
                assert element.tag.removeprefix(SVG) in allowed
                assert not {"id", "href", "style"} & set(element.attrib)
                assert not [name for name in element.attrib if name.startswith("on")]


def contrast(first: str, second: str) -> float:
    """WCAG 2.2's contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_page(palette: dict[str, str]) -> None:
    for ground in ("--page", "--heat-0"):
        for ink in ("--text", "--muted", "--first", "--second"):
            assert contrast(palette[ink], palette[ground]) >= 4.5, (ink, ground)
    steps = [contrast(palette[f"--heat-{step}"], palette["--page"]) for step in range(5)]
    assert steps == sorted(steps)
    assert all(later / earlier > 1.3 for earlier, later in pairwise(steps))


def test_beyond_a_number_of_pairs_only_the_first_are_drawn(tmp_path: Path) -> None:
    rows: list[Row] = [(f"S{n}", 2013, "Q01", "1") for n in range(MOST_SERIES + 2)]
    further = tuple((row[0], "Q01") for row in rows)
    asked = Question(2013, 2014, "S0", "Q01", pairs=further)
    assert len(draw(content(tmp_path, rows, question=asked)).series) == MOST_SERIES
