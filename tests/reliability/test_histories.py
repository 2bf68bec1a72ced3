"""Any history of runs, kills, pauses and cut connections under a publisher that moves and errs.

Real processes, HTTP and storage. `histories.py` judges, from what the publisher really had.
SEED=… in the environment makes the same choices again (not the same moments).
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from multiprocessing.connection import wait
from pathlib import Path
from time import monotonic

import pytest

from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.sources.sample.pages import published
from blsquest.sources.sample.server import SampleServer
from tests.reliability.figures import SOAK, tell
from tests.reliability.histories import (
    DONE,
    LOG,
    RECORD,
    VIEW,
    Files,
    Moment,
    Objects,
    Publisher,
    Run,
    differs_from_the_publisher,
    false_alarms,
    faults,
    raw,
    raw_bucket,
    view_differs,
)
from tests.support.lakes import LONG_AGO
from tests.support.s3_proxy import Wire, relay
from tests.support.s3_servers import S3Server
from tests.support.victims import Order, Victim, victim

SECONDS = 600 * SOAK or 15
STEPS = 60
AT_ONCE = 4
LASTING = ["pr.data.0.Current", "pr.data.1.AllData", "pr.class", "pr.duration", "pr.footnote"]
LASTING += ["pr.measure", "pr.period", "pr.seasonal", "pr.sector", "pr.series"]
PASSING = ["pr.contacts", "pr.notice", "pr.txt"]
"""Few enough to be removed all at once, as far as the guards are concerned."""
SKEWS = [*[0] * 12, 1200, -1200, 7200, -7200]
DOINGS = {"start": 8, "publish": 5, "kill": 1, "pause": 2, "wake": 2, "cut": 1, "meddle": 1}


@dataclass
class Lake:
    """A lake under test; `objects` reads a folder of it, "" for all, by other means."""

    store: Store
    objects: Callable[[str], Objects]
    wire: Wire | None = None


@dataclass
class Chaos:
    """One lake's life: what happens is chosen by `chance`, and recorded in `story`."""

    chance: random.Random
    server: SampleServer
    lake: Lake
    counts: Counter[str]
    began: float = field(default_factory=monotonic)
    story: list[str] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    live: dict[str, tuple[Victim, ExitStack]] = field(default_factory=dict)
    asleep: set[str] = field(default_factory=set)
    disturbed: bool = False
    wrong: list[str] = field(default_factory=list)
    old_record: bytes = b""
    seen: Objects = field(default_factory=dict)
    releases: list[Files] = field(default_factory=list)
    published: int = 0
    shift: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        self.fresh = [now - timedelta(minutes=age) for age in (2, 5, 8, 11)]
        first = self.changed({}, [*LASTING, *PASSING[:1]])
        self.releases.append(first)
        self.publisher = Publisher(self.server, Moment(first, first, self.shift))

    def note(self, what: str) -> None:
        self.story.append(f"{monotonic() - self.began:7.3f} {what}")

    # -- What the publisher does -----------------------------------------------------------

    def changed(self, files: Files, names: list[str]) -> Files:
        """Give files new bytes, mostly of the same length, under a stamp that was never there.

        A fresh one is settled by no answer. All are further apart than a listing rounds, and no
        two by whole hours, which would be a change of the clock.
        """
        self.published += 1
        moment = LONG_AGO + self.published * timedelta(days=1, minutes=7)
        if self.fresh and self.chance.random() < 0.3:
            moment = self.fresh.pop()
        more = b"." * self.chance.choice([0, 0, 0, 7])
        bodies = {n: b"%05d of %s%s" % (self.published, n.encode(), more) for n in names}
        new = {n: published(body, moment, generated=True) for n, body in bodies.items()}
        return {**files, **new}

    def publish(self) -> None:
        """Change, restamp, add, remove, roll back; and show a page that may not be true."""
        chance, files = self.chance, self.publisher.now.files
        how = chance.choice(["change", "change", "add", "remove", "roll back", "as it is"])
        if how == "change":
            files = self.changed(files, chance.sample(sorted(files), chance.randint(1, 4)))
            again = chance.choice(sorted(files))  # the same bytes under another stamp
            same = self.changed({}, [again])[again]
            files[again] = replace(same, body=files[again].body)
        elif how == "add":
            files = self.changed(files, [chance.choice(PASSING)])
        elif how == "remove":
            gone = chance.sample(PASSING, 2)
            files = {name: file for name, file in files.items() if name not in gone}
        elif how == "roll back":
            files = chance.choice(self.releases[-3:])
        page, shown = files, chance.choice(["true", "true", "true", "short", "stale", "shifted"])
        if shown == "short":
            dropped = chance.sample(sorted(files), 1 + (chance.random() < 0.2))
            page = {name: file for name, file in files.items() if name not in dropped}
        elif shown == "stale":
            page = self.releases[-1 if files is not self.releases[-1] else -2 % len(self.releases)]
        elif shown == "shifted":
            self.shift = timedelta(0) if self.shift else timedelta(hours=chance.choice([1, -1]))
        if files not in self.releases:
            self.releases.append(files)
        self.publisher.move(Moment(files, page, self.shift))
        self.counts[f"page {shown}"] += 1
        lacks = sorted(files.keys() - page.keys())
        self.note(f"publisher: {how}, page {shown} {lacks or ''} shift {self.shift}")

    def heal(self) -> None:
        """Show a page that is true, and stay."""
        files = self.publisher.now.files
        self.publisher.move(Moment(files, files, self.shift))
        self.note("publisher: the page is true from here on")

    # -- What happens to runs --------------------------------------------------------------

    def start(self, skews: Sequence[int] = SKEWS, *, alone: bool = False) -> None:
        """Let one run begin, or some at one moment."""
        begun = []
        self.disturbed &= bool(self.live)  # alone, it makes good what happened before
        for _ in range(1 if alone else self.chance.randint(1, AT_ONCE - len(self.live))):
            skew, run_id = self.chance.choice(skews), f"run-{len(self.runs) + 1}"
            order = Order(run_id, skew, recheck=self.chance.random() < 0.1)
            stack = ExitStack()
            process = stack.enter_context(victim(self.server, self.lake.store, order))
            self.runs[run_id] = Run(run_id, skew)
            self.live[run_id] = (process, stack)
            begun.append(run_id)
            self.note(f"{run_id} begins, its clock {skew:+} s{', recheck' * order.recheck}")
        if len(self.live) > 1:
            for each in self.live:
                self.runs[each].beside.add("runs")
        for each in begun:
            self.runs[each].since = monotonic()
            self.live[each][0].go()

    def signal(self, run_id: str, number: int) -> None:
        pid = self.live[run_id][0].process.pid
        assert pid is not None
        with suppress(ProcessLookupError):  # it ended just before
            os.kill(pid, number)
        self.note(f"{run_id} gets {signal.Signals(number).name}")

    def kill(self) -> None:
        if self.live:
            run_id = self.chance.choice(sorted(self.live))
            self.signal(run_id, signal.SIGKILL)
            self.bury(run_id)

    def pause(self) -> None:
        if awake := sorted(self.live.keys() - self.asleep):
            self.asleep.add(chosen := self.chance.choice(awake))
            self.signal(chosen, signal.SIGSTOP)
            self.counts["pauses"] += 1

    def wake(self) -> None:
        if self.asleep:
            chosen = self.chance.choice(sorted(self.asleep))
            self.asleep.discard(chosen)
            self.signal(chosen, signal.SIGCONT)

    def cut(self) -> None:
        if self.lake.wire is None:
            return
        for run_id in self.live:
            self.runs[run_id].beside.add("storage")
        self.lake.wire.cut()
        self.note("the storage is cut off")
        self.bury_those_that_end(self.chance.uniform(0, 0.5))
        self.lake.wire.mend()
        self.counts["cuts"] += 1

    def meddle(self) -> None:
        """Write to the view or its record, delete them, or put an old record back."""
        self.disturbed = True
        for run_id in self.live:
            self.runs[run_id].beside.add("somebody")
        store, key = self.lake.store, VIEW + self.chance.choice([*LASTING, "extra"])
        how = self.chance.choice(["write", "delete", "lose", "garble", "put an old one back"])
        self.note(f"somebody meddles: {how} {key if how in {'write', 'delete'} else RECORD}")
        if how == "write":
            store.put(key, b"meddled")
        elif how == "delete":
            store.delete(key)
        else:
            if not self.old_record and store.size(RECORD):
                self.old_record = store.read(RECORD)
            body = {"lose": b"", "garble": b'{"copied": ['}.get(how, self.old_record)
            store.put(RECORD, body) if body else store.delete(RECORD)
        self.counts["meddlings"] += 1

    def bury_those_that_end(self, within: float) -> None:
        lines = {process.line: run_id for run_id, (process, _) in self.live.items()}
        for line in wait(list(lines), within) if lines else []:
            self.bury(lines[line])  # type: ignore[index]

    def bury(self, run_id: str) -> None:
        """Hear what a run has to say; one that was killed says nothing."""
        process, stack = self.live.pop(run_id)
        run, self.runs[run_id].said = self.runs[run_id], process.heard()
        stack.close()
        run.until = monotonic()
        self.asleep.discard(run_id)
        self.counts[run.said[0] if run.said else "killed"] += 1
        self.note(f"{run_id} ended: {run.said}")
        self.disturbed |= run.said is None or run.said[0] not in DONE
        if not self.live and not self.disturbed:  # then no other run is needed
            self.wrong += view_differs(self.lake.objects(VIEW), self.lake.objects(LOG))
            self.counts["at rest"] += 1

    def wait_for_all(self) -> None:
        while self.asleep:
            self.wake()
        while self.live:
            self.bury_those_that_end(60.0)

    # -- A life ----------------------------------------------------------------------------

    def live_on(self) -> Iterator[str]:
        """Let things happen; then be quiet, and yield all that is wrong.

        The first page is true: there is nothing yet that could contradict another.
        """
        self.start([0])
        self.wait_for_all()
        for _ in range(STEPS):
            doing = self.chance.choices(list(DOINGS), list(DOINGS.values()))[0]
            if doing != "start" or len(self.live) < AT_ONCE - 1:
                getattr(self, doing)()
            self.bury_those_that_end(self.chance.uniform(0, 0.08))
            if self.chance.random() < 0.1:
                self.seen |= self.lake.objects(LOG)
        self.heal()
        self.wait_for_all()
        self.start([0])  # the publisher is quiet: some at once, one of them killed
        self.bury_those_that_end(self.chance.uniform(0, 0.1))
        self.kill()
        self.wait_for_all()
        for expected in ({"Changed", "Restamped", "Repaired", "Unchanged"}, {"Unchanged"}):
            self.start([0], alone=True)
            self.wait_for_all()
            last = list(self.runs.values())[-1]
            if last.said is None or last.said[0] not in expected:
                yield f"{last.run_id}, alone and at rest, ended as {last.said}"
        yield from self.wrong
        for run in self.runs.values():
            yield from false_alarms(run, self.publisher.moments)
        objects = self.lake.objects("")
        yield from faults(objects, self.publisher.moments, self.runs, self.seen)
        yield from differs_from_the_publisher(objects, self.publisher.now)
        self.counts["generations"] += sum(key.startswith(LOG) for key in objects)

    def end(self) -> None:
        for _, stack in self.live.values():
            stack.close()


def lakes(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Lake]:
    """Yield one empty lake after the other."""
    if kind == "directory":
        for number in count():
            root = folder / str(number)
            yield Lake(DirectoryStore(root), partial(raw, root))
    s3: S3Server = request.getfixturevalue(kind)
    with relay(s3.endpoint) as wire:
        options = replace(s3.options, endpoint=wire.endpoint)
        for number in count():
            prefix = f"{folder.name}-{number}"
            objects = partial(raw_bucket, s3.client(), s3.bucket, f"{prefix}/")
            yield Lake(S3Store(s3.bucket, prefix, options), objects, wire)


@pytest.mark.parametrize("kind", ["directory", "seaweed"])
def test_no_history_of_processes_holds_what_the_publisher_never_had(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """One life after another is judged until the time is over."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    counts: Counter[str] = Counter()
    until = monotonic() + SECONDS
    for number, lake in enumerate(lakes(kind, tmp_path, request)):
        if number and monotonic() > until:
            break
        with SampleServer() as server:
            chaos = Chaos(random.Random(seed + number), server, lake, counts)
            try:
                wrong = list(chaos.live_on())
            finally:
                chaos.end()
            story = "\n".join(chaos.story)
            assert not wrong, f"SEED={seed + number}\n{story}\n" + "\n".join(wrong)
        counts["lives"] += 1
    tell(f"histories, {kind}, seed {seed}: {dict(sorted(counts.items()))}")
