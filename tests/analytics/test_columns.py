"""Columns in a terminal."""

from __future__ import annotations

from flows.analytics.plain_text import columns


def test_cells_stand_under_each_other_numbers_to_the_right() -> None:
    rows = [("file", "rows", "note"), ("a.long.name", "7", ""), ("b", "1,234", "new")]
    assert list(columns(rows, numbers={1})) == [
        "file          rows  note",
        "a.long.name      7",
        "b            1,234  new",
    ]


def test_a_publishers_text_cannot_drive_the_terminal() -> None:
    [_, line] = columns([("title",), ("\x1b[2Jgone\r",)], numbers=())
    assert line.isprintable()
    assert "gone" in line
