"""The surveys of a run, their sizes, and their distribution over tasks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from blsquest.core.errors import QuestError
from blsquest.core.stop import Workers
from blsquest.lake.log import ManifestLog, held_surveys
from blsquest.lake.run import IN_FLIGHT
from blsquest.lake.stores.base import Store
from blsquest.sources.bls import BlsRoot
from blsquest.sources.selection import offered, select, unlisted

GIB = 1 << 30
SHARD_BYTES = 2 * GIB
"""A task's worth: at 10 MB/s some minutes, of which its start takes one."""
SHARD_FILES = 150
"""Each file may cost a request, and all tasks share one pace of requests."""

HUGE = {"family": "bls-data-quest-surveys-huge", "cpu": 1024, "memory": 4096}
"""The machine of a shard beyond `SHARD_BYTES`; the others have their deployment's.
Revisions take 300 bytes for each value that differs, and a huge survey has tens of millions. A
family of its own, or each run would register a revision after a run of the other size."""
DISKS = (50, 100, 200)
"""GiB that such a task may have. Few sizes, for the same reason; 200 is Fargate's most."""
IMAGE_GIB = 3

READERS = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """The surveys that patterns mean: those BLS lists, and those only the lake holds; sorted."""

    codes: tuple[str, ...]
    unlisted: tuple[str, ...] = ()


def choose(root: BlsRoot, store: Store, patterns: Sequence[str]) -> Choice:
    """Find the surveys that the patterns mean: one request at BLS, and a LIST of the lake.

    A single code needs neither: its own listing will say whether there is such a survey.

    Raises:
        SourceError, Refused: As `BlsRoot.list`.
        Misuse: As `select`.
        StoreError: The storage failed.
    """
    wanted = [pattern.strip().lower() for pattern in patterns]
    if len(wanted) == 1 and offered(wanted).surveys:
        return Choice(tuple(wanted))
    with Workers(1, "lake") as beside:
        held = beside.submit(held_surveys, store)
        at = root.list()
    return Choice(select(wanted, at), unlisted(wanted, at, held.result()))


@dataclass(frozen=True, slots=True)
class Shard:
    """The surveys of one task, and the bytes of each of their files, as far as they are known."""

    codes: tuple[str, ...]
    files: tuple[int, ...]

    def __add__(self, other: "Shard") -> "Shard":
        return Shard((*self.codes, *other.codes), (*self.files, *other.files))

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(self.files)

    def machine(self) -> dict[str, Any]:
        """Return the job variables of its task; none where its deployment's own machine will do.

        The disk holds the largest files that are on their way at once; a table needs its file and
        a quarter more, which is less.
        """
        if self.bytes <= SHARD_BYTES:
            return {}
        needed = IMAGE_GIB + 1.1 * sum(nlargest(IN_FLIGHT, self.files)) / GIB
        disk = next((d for d in DISKS if d >= needed), DISKS[-1])
        return HUGE | {"ephemeral_storage": disk}


def shards_of(surveys: Iterable[Shard]) -> list[Shard]:
    """Distribute surveys over shards, the largest first: each survey is in one.

    A shard has at most `SHARD_BYTES` and `SHARD_FILES`, unless one survey alone has more. The
    largest survey goes into the first shard with room for it, then the next (first-fit decreasing).
    """
    shards: list[Shard] = []
    for survey in sorted(surveys, key=lambda s: (-s.bytes, s.codes)):
        for at, shard in enumerate(shards):
            both = shard + survey
            if both.bytes <= SHARD_BYTES and len(both.files) <= SHARD_FILES:
                shards[at] = both
                break
        else:
            shards.append(survey)
    ordered = (Shard(tuple(sorted(s.codes)), s.files) for s in shards)
    return sorted(ordered, key=lambda s: (-s.bytes, s.codes))


def measure(store: Store, root: BlsRoot, codes: Iterable[str]) -> list[Shard]:
    """Size each survey by the lake's newest generation, else by its listing at BLS.

    A survey that is in the lake costs a LIST and a GET there; any other, one request at BLS. One
    that can't be listed counts as empty: its own run will say what is wrong with it.
    """

    def one(code: str) -> Shard:
        source = root.survey(code)
        latest = ManifestLog(store, source.key).latest()
        if latest is not None:
            return Shard((code,), tuple(e.size for e in latest.manifest.files))
        try:
            return Shard((code,), tuple(f.size or 0 for f in source.list().files))
        except QuestError:
            return Shard((code,), ())

    with Workers(READERS, "sizes") as pool:
        return list(pool.map(one, codes))
