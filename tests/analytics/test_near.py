"""What is suggested in the place of a series that is not there."""

from __future__ import annotations

import pytest

from blsquest.core.text import near

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
def test_what_begins_as_it_was_typed_comes_first_then_what_is_most_like_it(
    typed: str, suggested: list[str]
) -> None:
    found = near(typed, IDS)
    assert found[: len(suggested)] == suggested
    assert len(found) == len(set(found)) == 3


def test_nothing_typed_begins_nothing_and_no_names_suggest_none() -> None:
    assert len(near("", IDS)) == 3
    assert near("PRS3", []) == []
