"""How surveys are spread over tasks: small ones together, a huge one alone and with more of the
machine. Pure.
"""  # noqa: D205 - one sentence

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Any

from blsquest.lake.run import IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable

GIB = 1 << 30
GROUP_BYTES = 2 * GIB
"""A task's worth: at 10 MB/s some minutes, of which its start takes one."""
GROUP_FILES = 150
"""Each file may cost a request, for which the whole fleet has one pace."""

HUGE = {"family": "bls-data-quest-surveys-huge", "cpu": 1024, "memory": 4096}
"""What a group beyond `GROUP_BYTES` is run with; the others, as their deployment declares.
Revisions take 300 bytes for each value that differs, and a huge survey has tens of millions. A
family of its own, or each run would register a revision after a run of the other size."""
DISKS = (50, 100, 200)
"""GiB that such a task may ask for. Few sizes, for the same reason; 200 is Fargate's most."""
IMAGE_GIB = 3


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

    def disk(self) -> int | None:
        """GiB of disk that the group's task asks for; None for what its deployment declares.

        The disk holds the largest files that are on their way at once; a table needs its file and
        a quarter more, which is less.
        """
        if self.bytes <= GROUP_BYTES:
            return None
        spool = sum(nlargest(IN_FLIGHT, (f for s in self.surveys for f in s.files)))
        needed = IMAGE_GIB + 1.1 * spool / GIB
        return next((d for d in DISKS if d >= needed), DISKS[-1])


def machine(disk: int | None) -> dict[str, Any]:
    """The job variables of a task with so much disk, in GiB; None for its deployment's own."""
    return {} if disk is None else HUGE | {"ephemeral_storage": disk}


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
