"""Tables and charts as a notebook shows them: for people, and only text where text was."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from decimal import Decimal
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from blsquest.analytics.report.chart_style import Picture
from blsquest.analytics.report.html import html_table

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>t</title></svg>'


def cells(frame: pl.DataFrame) -> list[str]:
    return [cell.text or "" for cell in ET.fromstring(html_table(frame)).iter("td")]  # noqa: S314


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("people", 327_167_439, "327,167,439"),
        ("value", Decimal("28.500000000"), "28.5"),
        ("value", None, "unknown"),
        ("year", 2018, "2018"),
        ("last_year", None, "unknown"),
        ("first_year", 2013, "2013"),
        ("years", 1234, "1,234"),
        ("partial", True, "yes"),
        ("tied_years", [2021, 2022], "2021, 2022"),
        ("quarters", [Decimal("6.40"), None], "6.4, unknown"),
        ("committed", datetime(2025, 2, 6, 14, 30, tzinfo=UTC), "2025-02-06 14:30"),
        ("title", "a <b>bold</b> claim & co", "a <b>bold</b> claim & co"),
        ("title", "\x1b[31mred\u202e", "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_cell_is_written_for_people(name: str, value: object, shown: str) -> None:
    assert cells(pl.DataFrame({name: [value]})) == [shown]


def test_numbers_stand_to_the_right_and_text_to_the_left_under_readable_names() -> None:
    table = ET.fromstring(html_table(pl.DataFrame({"series_id": ["PRS"], "value": [1]})))  # noqa: S314
    heads = [(head.text, head.attrib["style"]) for head in table.iter("th")]
    assert heads == [("series id", "text-align:left"), ("value", "text-align:right")]


def test_a_frame_without_rows_is_a_table_without_rows() -> None:
    assert cells(pl.DataFrame(schema={"year": pl.Int32})) == []


def test_a_chart_is_an_image_with_its_title_and_its_words() -> None:
    hostile = Picture('"><script>x</script>', '" onload="x', SVG, SVG)
    shown = ET.fromstring(re.sub(r"(<img [^>]*)>", r"\1/>", hostile._repr_html_()))  # noqa: S314
    [caption, image] = shown
    assert (caption.tag, caption.text) == ("figcaption", hostile.title)
    assert image.attrib == {"src": hostile.url, "alt": hostile.description}
    kind, _, body = hostile.url.partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert ET.fromstring(base64.b64decode(body)).tag.endswith("svg")  # noqa: S314
