"""The table of tasks by which a run that is started again goes: what it tells, and what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flows.grouping import GIB, Group, Sized
from flows.spread import read_spread, spread

SPREAD = spread(
    [
        Group((Sized("la", (4 * GIB,)),)),
        Group((Sized("pr", (5, 6)), Sized("ap", ()))),
        Group((Sized("oe", (1,)),)),
    ],
    2,
    ["cy", "zz"],
)


def test_the_table_tells_each_task_and_what_bls_no_longer_lists() -> None:
    whole = {"at a time": 2}
    assert SPREAD.table() == [
        {"task": "1 of 3", "surveys": "la", "files": 1, "bytes": 4 * GIB, "disk": 50, **whole},
        {"task": "2 of 3", "surveys": "ap pr", "files": 2, "bytes": 11, "disk": None, **whole},
        {"task": "3 of 3", "surveys": "oe", "files": 1, "bytes": 1, "disk": None, **whole},
        {"task": "no longer listed", "surveys": "cy"},
        {"task": "no longer listed", "surveys": "zz"},
    ]


def test_what_was_left_is_read_back_and_each_task_asks_for_the_same_machine() -> None:
    found = read_spread(json.loads(json.dumps(SPREAD.table())))

    assert found == SPREAD
    assert [task.job_variables().get("ephemeral_storage") for task in found.tasks] == [
        50,
        None,
        None,
    ]


def test_there_are_no_more_runs_at_a_time_than_tasks() -> None:
    assert spread([Group((Sized("pr", ()),))], 4).at_once == 1


def changed(row: int, **cells: Any) -> list[dict[str, Any]]:
    table = SPREAD.table()
    table[row] |= cells
    return table


@pytest.mark.parametrize(
    "table",
    [
        None,
        [],
        "a text",
        [1],
        {"task": "1 of 1"},
        SPREAD.table()[1:],
        SPREAD.table()[:2],
        SPREAD.table()[3:],
        [*SPREAD.table(), {}],
        changed(0, task="4 of 3"),
        changed(0, surveys="-la"),
        changed(0, surveys="all"),
        changed(0, surveys="oe"),
        changed(0, surveys=""),
        changed(0, surveys=["la"]),
        changed(0, disk=10_000),
        changed(0, disk=[]),
        changed(0, more="cells"),
        changed(3, surveys="../x"),
        [row | {"at a time": 4} for row in SPREAD.table()[:3]],
        [row | {"at a time": 0} for row in SPREAD.table()[:3]],
        [row | {"at a time": 2.0} for row in SPREAD.table()[:3]],
    ],
    ids=str,
)
def test_a_table_that_no_spread_leaves_is_refused(table: Any) -> None:
    with pytest.raises(ValueError, match="table"):
        read_spread(table)
