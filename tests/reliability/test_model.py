"""Any order of steps of several runs, crashes, releases and tampering, against a simple model.

The model is the list of what was published: every generation must be one of those states, whole,
none older than the one before it; nothing that was kept may change or go; and in the end one
clean run must show the newest.
"""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import timedelta
from hashlib import sha256
from math import inf
from pathlib import Path
from tempfile import mkdtemp
from threading import Semaphore, Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from blsquest.core import stop
from blsquest.core.clock import utcnow
from blsquest.lake import run as running
from blsquest.lake import view as publishing
from blsquest.lake.keys import view_record_key
from blsquest.lake.run import Options, Steps, run, transfer_all
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.pages import published
from tests.reliability.figures import SOAK, rounds, tell
from tests.support import HANG
from tests.support.lakes import (
    LONG_AGO,
    PR,
    Killed,
    assert_whole,
    history,
    mirror,
    survey,
    watched,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blsquest.core.source import Listing, Source
    from blsquest.lake.log import ManifestLog
    from blsquest.lake.manifest import Generation, Manifest
    from blsquest.lake.outcome import Outcome
    from blsquest.lake.plan import Ask
    from blsquest.lake.run import Answers
    from blsquest.lake.stores.base import Store
    from blsquest.sources.sample.pages import PublishedFile
    from blsquest.sources.sample.server import SampleServer
    from tests.support.lakes import When

NAMES = ["pr.data.0.Some", "pr.data.1.Some", "pr.class", "pr.txt"]
RECORD = view_record_key(PR)
CHANGES = ["new", "restamp", "remove"]
MEDDLINGS = ["write", "delete", "lose the record", "garble the record", "put back an old record"]
AT_ONCE = 3

which = st.integers(0, AT_ONCE - 1)
moves = st.integers(1, 12)
changes = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CHANGES), min_size=1)
counts: Counter[str] = Counter()


class SteppedRun:
    """One run that stops before each of its steps and each of its storage calls.

    It has a thread, but only one thread moves at any moment: an order of steps that failed fails
    again. The code under test must keep to one thread at a time: see `one_thread_at_a_time`.
    """

    def __init__(self, source: Source, store: Store) -> None:
        self._go, self._stopped = Semaphore(0), Semaphore(0)
        self._dead = False
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        Thread(target=self._live, args=(source, store), daemon=True).start()
        assert self._stopped.acquire(timeout=HANG)

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.outcome is not None or self.error is not None

    def step(self, times: float = inf) -> None:
        """Move on by so many stops, or to the end."""
        while times > 0 and not self.over:
            times -= 1
            self._go.release()
            assert self._stopped.acquire(timeout=HANG)

    def kill(self) -> None:
        """Let nothing more of it happen."""
        self._dead = True
        self.step()

    def _wait(self) -> None:
        self._stopped.release()
        self._go.acquire()
        if self._dead:
            raise Killed

    def _live(self, source: Source, store: Store) -> None:
        def before(when: When, verb: str, key: str) -> None:
            if self._dead:
                raise Killed
            if when == "before":
                self._wait()

        options = Options(allow=frozenset({"foreign-files", "removals", "shrink"}))
        try:
            self.outcome = run(source, watched(store, before), options, steps=self._steps())
        except BaseException as error:  # noqa: BLE001 - the test judges it
            self.error = error
        self._stopped.release()

    def _steps(self) -> Steps:
        """The steps themselves, with a stop before those that begin elsewhere than in the store."""

        def listed(source: Source) -> Listing:
            self._wait()
            return source.list()

        def transferred(source: Source, store: Store, asks: Sequence[Ask]) -> Answers:
            self._wait()
            return transfer_all(source, store, asks)

        def committed(log: ManifestLog, manifest: Manifest) -> Generation | None:
            self._wait()
            return log.commit(manifest)

        return Steps(list=listed, transfer=transferred, commit=committed)


State = dict[str, tuple[str, str]]
"""File → its stamp and the SHA-256 of its bytes."""


def shown(files: Mapping[str, PublishedFile]) -> State:
    """What the publisher has."""
    return {name: (f.stamp, sha256(f.body).hexdigest()) for name, f in files.items()}


def held(manifest: Manifest) -> State:
    """What a generation says that it has."""
    return {entry.name: (entry.stamp, entry.sha256) for entry in manifest.files}


class Lake(RuleBasedStateMachine):
    """A publisher, a lake, up to three runs under way, and someone who meddles with the view."""

    server: SampleServer

    @initialize()
    def begin(self) -> None:
        """Nothing is mirrored yet, and release 1 is out."""
        self.lake = DirectoryStore(Path(mkdtemp()) / "lake")
        self.runs: list[SteppedRun] = []
        self.kept: dict[str, str] = {}
        self.old_record = b""
        self.releases: list[State] = []
        self.disturbed = False
        self.files: dict[str, PublishedFile] = {}
        self.publish({NAMES[0]: "new", NAMES[2]: "new"})

    @rule(changes=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CHANGES)))
    def publish(self, changes: dict[str, str]) -> None:
        """The publisher changes, restamps, adds and removes files, all at once."""
        number = len(self.releases) + 1
        moment = LONG_AGO + timedelta(minutes=number)
        files = dict(self.files)
        for name, change in changes.items():
            if change == "remove":
                files.pop(name, None)
            elif change == "new" or name in files:
                old = files[name].body if name in files else b""
                body = old if change == "restamp" else b"%d %s" % (number, name.encode())
                files[name] = published(body, moment, generated=True)
        # A survey without a data file is refused; and no state comes back, so that each has one
        # place in the order of releases.
        again = shown(files) in self.releases
        if NAMES[0] not in files or (again and files != self.files):
            files[NAMES[0]] = published(b"%d" % number, moment, generated=True)
        if files != self.files:
            self.files = self.server.surveys["pr"] = files
            self.releases.append(shown(files))

    @precondition(lambda self: len(self.runs) < AT_ONCE)
    @rule(changes=changes)
    def start(self, changes: dict[str, str]) -> None:
        """A release is out and another run begins; alone, it makes good what happened before."""
        self.publish(changes)
        if self.lake.size(RECORD) and not self.old_record:
            self.old_record = self.lake.read(RECORD)
        self.disturbed &= bool(self.runs)
        self.runs.append(SteppedRun(survey(self.server), self.lake))
        counts["runs"] += 1

    @precondition(lambda self: self.runs)
    @rule(turns=st.lists(st.tuples(which, moves), min_size=1, max_size=6))
    def step(self, turns: list[tuple[int, int]]) -> None:
        """The runs move on by a few calls each, in turns."""
        for which, times in turns:
            self.runs[which % len(self.runs)].step(times)
        self.bury()

    @precondition(lambda self: self.runs)
    @rule(which=which)
    def finish(self, which: int) -> None:
        """One run moves on to its end."""
        self.runs[which % len(self.runs)].step()
        self.bury()

    @precondition(lambda self: len(self.runs) > 1)
    @rule(which=which, times=moves)
    def crash(self, which: int, times: int) -> None:
        """One run moves on by a few calls and dies there."""
        self.runs[which % len(self.runs)].step(times)
        self.runs[which % len(self.runs)].kill()
        self.bury()

    def bury(self) -> None:
        """Runs that are over ended well, or for a reason that this test gave them.

        Once all are over, and nothing but runs was there, the view is right without another.
        """
        for each in [each for each in self.runs if each.over]:
            self.runs.remove(each)
            if each.outcome is not None:
                counts[each.outcome.name] += 1
                continue
            self.disturbed = True
            if isinstance(each.error, Killed):
                counts["crashes"] += 1
                continue
            told = str(each.error)
            assert "moved twice during one run" in told or "something else keeps writing" in told
            counts["gave up"] += 1
        if self.kept and not self.runs and not self.disturbed:
            assert_whole(self.lake)
            counts["whole at rest"] += 1

    @rule(how=st.sampled_from(MEDDLINGS), name=st.sampled_from([*NAMES, "extra"]))
    def meddle(self, how: str, name: str) -> None:
        """Someone writes to the view or its record, deletes them, or puts an old record back."""
        self.disturbed = True
        counts["meddlings"] += 1
        if how == "write":
            self.lake.put(f"{PR}/{name}", b"meddled")
        elif how == "delete":
            self.lake.delete(f"{PR}/{name}")
        elif how == "lose the record":
            self.lake.delete(RECORD)
        elif how == "garble the record":
            self.lake.put(RECORD, b'{"copied": [')
        elif self.old_record:
            self.lake.put(RECORD, self.old_record)

    @invariant()
    def nothing_kept_changes_or_goes(self) -> None:
        """Vintages and manifests stay the objects they are: a token tells of any writing."""
        now = {
            stored.key: stored.token
            for prefix in ("vintages/", "manifests/")
            for stored in self.lake.list(prefix)
        }
        assert self.kept.items() <= now.items()
        if len(now) > len(self.kept):
            self.check_the_log()
        self.kept = now

    def check_the_log(self) -> None:
        """Each generation is a published state, whole, and not older than its parent."""
        log = history(self.lake) if self.lake.list("manifests/") else []
        places = [self.releases.index(held(g.manifest)) for g in log]
        assert places == sorted(places)

    def teardown(self) -> None:
        """Some runs die, the others end; then one clean run is enough."""
        for number, each in enumerate(list(self.runs)):
            if number % 2:
                each.step()
            else:
                each.kill()
        self.bury()
        mirror(
            self.server,
            self.lake,
            utcnow,
            allow=frozenset({"foreign-files", "removals", "shrink"}),
        )
        assert_whole(self.lake)
        self.nothing_kept_changes_or_goes()
        newest = history(self.lake)[-1].manifest
        assert held(newest) == self.releases[-1]
        assert mirror(self.server, self.lake, utcnow).name == "Unchanged"
        counts["generations"] += newest.generation
        counts["histories"] += 1
        shutil.rmtree(self.lake.root.parent)


@pytest.fixture
def one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run does in several threads it does in one, and no run waits for a clock.

    Each run stands for a process of its own: the end of one is no word to the others to stop.
    """
    monkeypatch.setattr(stop, "_call", lambda: None)
    monkeypatch.setattr(running, "IN_FLIGHT", 1)
    monkeypatch.setattr(publishing, "COPIES_IN_FLIGHT", 1)
    clock = SimpleNamespace(sleep=lambda _: None, perf_counter=lambda: 0.0)
    monkeypatch.setattr(publishing, "time", clock)


def test_no_order_of_steps_crashes_and_tampering_loses_mixes_or_misleads(
    server: SampleServer, one_thread_at_a_time: None
) -> None:
    class Served(Lake):
        pass

    Served.server = server
    counts.clear()
    run_state_machine_as_test(
        Served,
        settings=settings(
            max_examples=rounds(20, 100),
            stateful_step_count=200 if SOAK else 50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    tell(f"model: {dict(sorted(counts.items()))}")
    assert counts["histories"] > 0
