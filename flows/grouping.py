"""How surveys are spread over tasks: small ones together, a huge one alone and with more of the
machine. Pure.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from math import ceil
from typing import TYPE_CHECKING

from flows.lake.run import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable

GIB = 1 << 30
GROUP_BYTES = 2 * GIB
"""A task's worth: at 10 MB/s some minutes, of which its start takes one."""
GROUP_FILES = 150
"""Each file may cost a request, for which the whole fleet has one pace."""

SMALL = {"cpu": 512, "memory": 2048}
"""Measured: 600 MiB with a table of any size being written; a pair that Fargate has."""
LARGE = {"cpu": 1024, "memory": 4096}
"""Revisions take 300 bytes for each value that differs, and a huge survey has tens of millions."""
DISK_GIB = 20
"""What every Fargate task has, the image included; more is asked for in whole GiB, up to 200."""
IMAGE_GIB = 3
LARGEST_DISK_GIB = 200


@dataclass(frozen=True, slots=True)
class Sized:
    """A survey and the bytes of each of its files, as far as they are known."""

    survey: str
    files: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The surveys of one task."""

    surveys: tuple[Sized, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(sorted(s.survey for s in self.surveys))

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(sum(s.files) for s in self.surveys)

    @property
    def files(self) -> int:
        """How many there are."""
        return sum(len(s.files) for s in self.surveys)

    def job_variables(self) -> dict[str, int]:
        """What the task asks of Fargate.

        The disk holds the largest files that are on their way at once; a table needs its file and
        a quarter more, which is less.
        """
        size = LARGE if self.bytes > GROUP_BYTES else SMALL
        spool = sum(nlargest(IN_FLIGHT, (f for s in self.surveys for f in s.files)))
        disk = min(LARGEST_DISK_GIB, IMAGE_GIB + ceil(1.1 * spool / GIB))
        return size | ({"ephemeral_storage": disk} if disk > DISK_GIB else {})


def grouped(surveys: Iterable[Sized]) -> tuple[Group, ...]:
    """Spread surveys over groups, the largest group first; each survey is in one.

    A group has at most `GROUP_BYTES` and `GROUP_FILES`, unless one survey alone has more. The
    largest survey goes into the first group with room for it, then the next (first-fit decreasing).
    """
    groups: list[Group] = []
    for survey in sorted(surveys, key=lambda s: (-sum(s.files), s.survey)):
        for at, group in enumerate(groups):
            with_it = Group((*group.surveys, survey))
            if with_it.bytes <= GROUP_BYTES and with_it.files <= GROUP_FILES:
                groups[at] = with_it
                break
        else:
            groups.append(Group((survey,)))
    return tuple(sorted(groups, key=lambda g: (-g.bytes, g.codes)))
