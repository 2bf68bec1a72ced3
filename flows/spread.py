"""How surveys are spread over runs, as a table: for people, and for the run that decided it, should
it be started again. Pure.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blsquest.sources.selection import offered
from blsquest.sources.share import LARGEST
from flows.grouping import DISKS, machine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.grouping import Group

UNLISTED = "no longer listed"
"""Stands where other rows number their task."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one run is asked to do, and with which machine.

    Attributes:
        codes: Its surveys, sorted.
        files: How many files they have together, as far as that is known.
        bytes: What these hold.
        disk: GiB of disk that it asks for; None for the machine that its deployment declares.
    """

    codes: tuple[str, ...]
    files: int
    bytes: int
    disk: int | None

    def job_variables(self) -> dict[str, Any]:
        """What the run is started with, beside what its deployment declares."""
        return machine(self.disk)


@dataclass(frozen=True, slots=True)
class Spread:
    """All tasks of a run, in the order in which they are started.

    Attributes:
        tasks: At least one; each survey is in one.
        at_once: How many may be under way at a time: their shares of the pace are n of so many.
        unlisted: Surveys that the lake holds, but BLS no longer lists.
    """

    tasks: tuple[Task, ...]
    at_once: int
    unlisted: tuple[str, ...] = ()

    def table(self) -> list[dict[str, Any]]:
        """One row a task, and one a survey that has none, because BLS no longer lists it."""
        rows = [
            {
                "task": f"{n} of {len(self.tasks)}",
                "surveys": " ".join(task.codes),
                "files": task.files,
                "bytes": task.bytes,
                "disk": task.disk,
                "at a time": self.at_once,
            }
            for n, task in enumerate(self.tasks, 1)
        ]
        return rows + [{"task": UNLISTED, "surveys": code} for code in self.unlisted]


def spread(groups: Sequence[Group], at_most: int, unlisted: Sequence[str] = ()) -> Spread:
    """A task for each group, `at_most` of them at a time."""
    tasks = tuple(Task(g.codes, g.files, g.bytes, g.disk()) for g in groups)
    return Spread(tasks, min(at_most, len(tasks)), tuple(unlisted))


def read_spread(table: Any) -> Spread:
    """The spread that a table tells.

    Raises:
        ValueError: It is no such table, or not a whole one.
    """
    try:
        told = [row for row in table if row["task"] != UNLISTED]
        tasks = [
            Task(tuple(r["surveys"].split(" ")), r["files"], r["bytes"], r["disk"]) for r in told
        ]
        unlisted = tuple(row["surveys"] for row in table if row["task"] == UNLISTED)
        found = Spread(tuple(tasks), told[0]["at a time"], unlisted)
        codes = [code for task in tasks for code in task.codes]
        numbers = [found.at_once, *(n for task in tasks for n in (task.files, task.bytes))]
        sound = (
            found.table() == table
            and list(unlisted) == list(offered(set(unlisted)).surveys)
            and sorted(codes) == list(offered(set(codes)).surveys)
            and 1 <= found.at_once <= min(LARGEST, len(tasks))
            and all(type(n) is int and n >= 0 for n in numbers)
            and all(task.disk in {None, *DISKS} for task in tasks)
        )
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError("The table tells of no tasks.") from error
    if not sound:
        raise ValueError("The table of tasks is not whole, or not as it was left.")
    return found
