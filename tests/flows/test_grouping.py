"""How surveys are spread over tasks, and what each task asks of the machine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.grouping import GIB, GROUP_BYTES, GROUP_FILES, HUGE, Group, Sized, grouped, machine

surveys = st.lists(
    st.builds(
        Sized,
        survey=st.text("abcdefgh", min_size=2, max_size=2),
        files=st.lists(st.integers(0, 3 * GIB), max_size=200).map(tuple),
    ),
    max_size=30,
    unique_by=lambda s: s.survey,
)


@given(surveys=surveys)
def test_each_survey_is_in_one_group_and_only_a_lone_one_is_too_large(
    surveys: list[Sized],
) -> None:
    groups = grouped(surveys)

    assert sorted(c for g in groups for c in g.codes) == sorted(s.survey for s in surveys)
    for group in groups:
        within = group.bytes <= GROUP_BYTES and group.files <= GROUP_FILES
        assert within or len(group.surveys) == 1


def test_small_surveys_share_a_task_and_a_huge_one_is_alone_and_first() -> None:
    groups = grouped(
        [
            Sized("ap", (GIB // 2,)),
            Sized("ce", (GIB,)),
            Sized("la", (4 * GIB, GIB)),
            Sized("pr", (5_000_000,)),
        ]
    )
    assert [group.codes for group in groups] == [("la",), ("ap", "ce", "pr")]


@pytest.mark.parametrize(
    ("files", "asked"),
    [
        ((5_000_000,) * 12, {}),
        ((GIB, GIB), {}),
        ((GIB, GIB, 1), HUGE | {"ephemeral_storage": 50}),
        ((10 * GIB,) * 6, HUGE | {"ephemeral_storage": 50}),
        ((11 * GIB,) * 4, HUGE | {"ephemeral_storage": 100}),
        ((60 * GIB,) * 4, HUGE | {"ephemeral_storage": 200}),
    ],
)
def test_a_task_asks_for_the_memory_and_the_disk_of_its_largest_files(
    files: tuple[int, ...], asked: dict[str, Any]
) -> None:
    assert machine(Group((Sized("xx", files),)).disk()) == asked
