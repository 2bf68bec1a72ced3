"""Numbers and publishers' text as people see them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flows.analytics.plain_text import columns, number, printable


@pytest.mark.parametrize("code", ["\x1b", "\x00", "\u202e", "\n", "\u2028"])
def test_a_code_that_would_steer_a_terminal_or_a_line_is_replaced(code: str) -> None:
    assert printable(f"a{code}b") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "unknown"),
        (1_234_567, "1,234,567"),
        (0, "0"),
        (100, "100"),
        (1234.5, "1,234.50"),
        (Decimal("1234.500000000"), "1,234.5"),
        (Decimal("100.000000000"), "100"),
        (Decimal("0E-9"), "0"),
        (Decimal("-0.125"), "-0.125"),
        (Decimal(1000), "1,000"),
    ],
)
def test_numbers_are_written_for_people(value: Decimal | float | None, shown: str) -> None:
    assert number(value) == shown


def test_cells_stand_under_each_other_numbers_to_the_right() -> None:
    rows = [("file", "rows", "note"), ("a.long.name", "7", ""), ("b", "1,234", "new")]
    assert list(columns(rows, numbers={1})) == [
        "file          rows  note",
        "a.long.name      7",
        "b            1,234  new",
    ]


def test_a_publishers_text_cannot_steer_the_terminal_from_a_column() -> None:
    [_, line] = columns([("title",), ("\x1b[2Jgone\r",)], numbers=())
    assert line.isprintable()
    assert "gone" in line
