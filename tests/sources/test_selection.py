"""Which surveys a person means by patterns."""

import pytest

from blsquest.core.errors import Misuse
from blsquest.sources.selection import Offered, offered, select, unlisted

BLS = Offered(("ce", "cu", "cx", "la", "oe", "pr", "w1"), ("compressed",))


@pytest.mark.parametrize(
    ("patterns", "selected"),
    [
        (["pr"], "pr"),
        (["c*"], "ce cu cx"),
        (["c?", "?r"], "ce cu cx pr"),
        (["all"], "ce cu cx la oe pr w1"),
        (["*"], "ce cu cx la oe pr w1"),
        (["-oe"], "ce cu cx la pr w1"),
        (["-c*", "-w?"], "la oe pr"),
        (["c*", "-cx"], "ce cu"),
        (["-cx", "c*"], "ce cu"),
        (["all", "-all", "pr"], None),
        (["pr", "pr", " p* "], "pr"),
    ],
)
def test_patterns_select_whatever_their_order(patterns: list[str], selected: str | None) -> None:
    if selected is None:
        with pytest.raises(Misuse, match="leave no survey"):
            select(patterns, BLS)
    else:
        assert " ".join(select(patterns, BLS)) == selected


@pytest.mark.parametrize(
    ("patterns", "missed"),
    [(["all"], "cy zz"), (["c*"], "cy"), (["-zz"], "cy"), (["all", "-c?"], "zz"), (["pr"], "")],
)
def test_surveys_held_and_meant_but_not_listed_are_missed(patterns: list[str], missed: str) -> None:
    held = ["ce", "cy", "datausa", "pr", "zz"]
    assert " ".join(unlisted(patterns, BLS, held)) == missed


@pytest.mark.parametrize("patterns", [[], [""], ["pr", "  "], ["-"], ["- "]])
def test_an_empty_pattern_is_refused_with_the_surveys_that_exist(patterns: list[str]) -> None:
    with pytest.raises(Misuse, match="missing or empty") as refused:
        select(patterns, BLS)
    assert "The surveys are: ce cu cx la oe pr w1." in refused.value.remedy


def test_all_unknown_patterns_are_named_at_once_with_the_nearest_names() -> None:
    with pytest.raises(Misuse) as refused:
        select(["pr", "px", "zz*", "-OE"], BLS)
    assert refused.value.what.split(". ") == [
        "No survey matches 'px' (did you mean pr or cx?)",
        "No survey matches 'zz*'",
        "No survey matches 'OE' (did you mean oe or ce?).",
    ]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("compressed", "compressed is a folder at BLS but no survey"),
        ("c[eu]", r"No survey matches 'c\[eu\]'"),
    ],
)
def test_folders_without_surveys_and_brackets_match_none(pattern: str, said: str) -> None:
    with pytest.raises(Misuse, match=said):
        select(["all", pattern], BLS)


def test_surveys_are_the_folders_named_by_two_characters() -> None:
    found = offered(["pr", "compressed", "w1", "PR", "abc", "c-", "cu", "x"])
    assert found == Offered(("cu", "pr", "w1"), ("PR", "abc", "c-", "compressed", "x"))
