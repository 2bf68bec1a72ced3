"""Text for people: numbers, publishers' words, and names that are close to a typed one."""

from decimal import Decimal

import pytest

from blsquest.core.text import (
    LONGEST,
    columns,
    days,
    mean_decimals,
    near,
    number,
    percent,
    printable,
    published,
    short,
)


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
        (Decimal("1234.50"), "1,234.50"),
        (Decimal("-7.0"), "-7.0"),
        (Decimal("-0.125"), "-0.125"),
        (Decimal(1000), "1,000"),
    ],
)
def test_numbers_are_written_for_people(value: Decimal | float | None, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        ("-7.000000000", 1, "-7.0"),
        ("1234.500000000", 3, "1,234.500"),
        ("100.000000000", 0, "100"),
        ("0.250000000", 1, "0.3"),
        ("-0.040000000", 1, "0.0"),
        ("0E-9", 2, "0.00"),
        ("2.500000000", None, "2.5"),
        ("100.000000000", None, "100"),
    ],
)
def test_a_value_has_the_decimals_of_its_series(
    value: str, decimals: int | None, shown: str
) -> None:
    assert (
        number(published(value, decimals)) == number(published(Decimal(value), decimals)) == shown
    )


def test_a_mean_of_several_values_has_one_decimal_more() -> None:
    assert (mean_decimals(1), mean_decimals(1, 12), mean_decimals(3, 1)) == (2, 2, 3)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (0.25, "+0.3%"),
        (Decimal(-2), "-2.0%"),
        (0.04, "0.0%"),
        (-1e-7, "0.0%"),
        (1234.5, "+1,234.5%"),
    ],
)
def test_a_change_in_percent_has_one_decimal(change: Decimal | float, shown: str) -> None:
    assert percent(change) == shown


def test_two_moments_of_one_day_are_shown_with_their_times() -> None:
    first, second = "2025-02-06T20:00:00.000000Z", "2025-02-06T20:01:30.250000Z"
    assert days(first, "2025-02-07T20:00:00.000000Z") == ["2025-02-06", "2025-02-07"]
    assert days(first, second) == ["2025-02-06 20:00:00 UTC", "2025-02-06 20:01:30 UTC"]


def test_cells_are_aligned_numbers_to_the_right_and_control_nothing() -> None:
    rows = [("file", "rows", "note"), ("a.long.name", "7", ""), ("b", "1,234", "new")]
    assert list(columns(rows, numbers={1})) == [
        "file          rows  note",
        "a.long.name      7",
        "b            1,234  new",
    ]
    [_, line] = columns([("title",), ("\x1b[2Jgone\r",)], numbers=())
    assert line.isprintable()
    assert "gone" in line


def test_a_very_long_text_is_shown_in_its_beginning_and_any_other_whole() -> None:
    assert short("x" * LONGEST) == "x" * LONGEST
    assert short("x" * (LONGEST + 1)) == "x" * (LONGEST - 1) + "…"
    assert short("All  items  in\x1b") == "All items in\N{REPLACEMENT CHARACTER}"
    shown = list(columns([("title", "n"), ("x" * 1_000_000, "1"), ("y", "2")], numbers={1}))
    assert max(map(len, shown)) == LONGEST + len("  1")


IDS = ["PRS30006031", "PRS30006032", "PRS30006033", "PRS30006083", "PRS30006093", "PRS30006103"]


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("PRS3000603", ["PRS30006031", "PRS30006032", "PRS30006033"]),
        (" prs3000603 ", ["PRS30006031", "PRS30006032", "PRS30006033"]),
        ("PRS3000610", ["PRS30006103"]),
        ("PRS30006033x", ["PRS30006033"]),
    ],
)
def test_names_that_begin_as_typed_come_before_like_ones(typed: str, suggested: list[str]) -> None:
    found = near(typed, IDS)
    assert found[: len(suggested)] == suggested
    assert len(found) == len(set(found)) == 3


def test_nothing_typed_begins_nothing_and_no_names_suggest_none() -> None:
    assert len(near("", IDS)) == 3
    assert near("PRS3", []) == []


def test_of_a_million_names_those_around_the_typed_one_are_compared() -> None:
    names = [f"OEU{number:09}" for number in range(1_000_000)]
    assert near("oeu0005000", names) == ["OEU000500000", "OEU000500001", "OEU000500002"]
    assert near("OEU000700000X", names)[0] == "OEU000700000"
