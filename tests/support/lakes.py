"""What tests of the lake share: real sources over a sample server, and looks at a whole lake.

A store that is `watched` tells of each call: a test can break it, hold it up, or let someone else
in between two calls.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import IO, Any, Literal, cast

from blsquest.lake.keys import generation_of, manifest_folder, vintage_key
from blsquest.lake.manifest import Change, Generation, decode
from blsquest.lake.outcome import Outcome
from blsquest.lake.run import Options, run
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.lake.view import view_of
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.datausa import PopulationSource
from blsquest.sources.http import Client, Retries
from blsquest.sources.pacer import Pacer
from blsquest.sources.sample.pages import PublishedFile, published
from blsquest.sources.sample.server import SampleServer

PR = "bls/pr"
LONG_AGO = datetime(2024, 5, 2, 12, 30, 7, tzinfo=UTC)
"""Older than any age that matters: what is published under it settles at once."""

TO_RELEASE_2: dict[str, Change] = {
    "pr.class": "restamped",
    "pr.contacts": "removed",
    "pr.data.0.Current": "changed",
    "pr.data.1.AllData": "changed",
    "pr.notice": "added",
}
"""What the generated release 2 is against release 1."""
BACK_TO_RELEASE_1: dict[str, Change] = TO_RELEASE_2 | {
    "pr.contacts": "returned",
    "pr.notice": "removed",
}


@dataclass
class Clock:
    """A clock that a test sets; call it for the time."""

    moment: datetime = datetime(2025, 8, 15, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


# -- Sources -----------------------------------------------------------------------------------


def client() -> Client:
    """Asks without a pace, and again at once."""
    return Client(Pacer(None), contact="tests@example.org", retries=Retries(first_wait=0.0))


def survey(server: SampleServer) -> BlsSurvey:
    return BlsSurvey("pr", client(), server.bls_url)


def census(server: SampleServer, **options: Any) -> PopulationSource:
    return PopulationSource(client(), url=server.population_url, **options)


def mirror(
    server: SampleServer, store: Store, now: Callable[[], datetime] | None = None, **options: Any
) -> Outcome:
    """One run of `pr`; `options` are `Options`'s fields."""
    server.now = now or Clock()
    return run(survey(server), store, Options(**options), now=server.now)


def take_population(
    server: SampleServer, store: Store, now: Callable[[], datetime] | None = None
) -> Outcome:
    """One run of the population."""
    server.now = now or Clock()
    return run(census(server), store, now=server.now)


def release(
    contents: Mapping[str, bytes | str], modified: datetime = LONG_AGO
) -> dict[str, PublishedFile]:
    """Return a small release of files with these contents."""
    bodies = {n: c.encode() if isinstance(c, str) else c for n, c in contents.items()}
    return {name: published(body, modified, generated=True) for name, body in bodies.items()}


def small(number: int = 1, files: int = 3) -> dict[str, PublishedFile]:
    """Return a release whose files are a few bytes; each number gives all files other contents."""
    modified = LONG_AGO.replace(month=number)
    bodies = {f"pr.data.{n}.Some": b"%d of release %d" % (n, number) for n in range(files)}
    return release(bodies, modified)


# -- Looks at a lake ---------------------------------------------------------------------------


def kinds(outcome: Outcome) -> dict[str, Change]:
    """Return what a run recorded, by file."""
    return {change.name: change.change for change in outcome.changes}


def contents(store: Store, prefix: str = "") -> dict[str, bytes]:
    """Every object, by key."""
    return {stored.key: store.read(stored.key) for stored in store.list(prefix)}


def history(store: Store, source: str = PR) -> list[Generation]:
    """Return the whole log, which must be linear: each generation names its parent's bytes."""
    bodies = contents(store, manifest_folder(source))
    assert [generation_of(key) for key in bodies] == list(range(1, len(bodies) + 1))
    log = [decode(body) for body in bodies.values()]
    assert [g.sha256 for g in log] == [sha256(body).hexdigest() for body in bodies.values()]
    assert [g.manifest.parent for g in log] == [None, *(g.sha256 for g in log)][:-1]
    times = [g.manifest.committed for g in log]
    assert times == sorted(set(times))
    return log


def assert_whole(store: Store, source: str = PR) -> None:
    """Check that the view is the newest generation, and that every generation's vintages exist."""
    log = history(store, source)
    vintages = contents(store, f"vintages/{source}/")
    assert {key.rsplit("/", 1)[1] for key in vintages} == {
        sha256(body).hexdigest() for body in vintages.values()
    }
    for generation in log:
        for entry in generation.manifest.files:
            assert vintage_key(source, entry.name, entry.sha256) in vintages
    newest = log[-1].manifest
    wanted = {key: vintages[vintage] for key, vintage in view_of(newest).items()}
    shown = contents(store, f"{source}/")
    if newest.layout == "daily":
        assert wanted.items() <= shown.items()
    else:
        assert wanted == shown


def state(store: Store, source: str = PR) -> dict[str, str]:
    """Return a digest of the view, the vintages and the newest generation without its times."""
    log = history(store, source)
    document = json.loads(store.read(f"{manifest_folder(source)}{len(log):08}.json"))
    for part in (
        document,
        *document["files"],
        *document["tombstones"],
        *(tombstone["last"] for tombstone in document["tombstones"]),
    ):
        for key in ("committed", "parent", "run", "first_seen", "last_seen", "removed"):
            part.pop(key, None)
    kept = contents(store, f"{source}/") | contents(store, f"vintages/{source}/")
    kept["newest"] = json.dumps(document, sort_keys=True).encode()
    return {key: sha256(body).hexdigest() for key, body in kept.items()}


def twin(lake: DirectoryStore, target: Path) -> DirectoryStore:
    """Copy a lake with its tokens: objects are replaced, never written into."""
    if lake.root.exists():
        shutil.copytree(lake.root, target, copy_function=os.link)
    return DirectoryStore(target)


# -- Stores that are watched and broken --------------------------------------------------------


def twin_of(store: Store) -> Callable[[], Store]:
    """Return how another process opens the same lake."""
    if isinstance(store, DirectoryStore):
        return partial(DirectoryStore, store.root)
    assert isinstance(store, S3Store)
    bucket, prefix = store.url.removeprefix("s3://").split("/", 1)
    return partial(S3Store, bucket, prefix, store._client.options)


class Killed(BaseException):
    """Stands for the end of the process: no handler of the code under test may catch it."""


When = Literal["before", "after"]


class _Watched:
    def __init__(self, store: Store, hook: Callable[[When, str, str], object]) -> None:
        self._store, self._hook = store, hook

    @contextmanager
    def _observed(self, verb: str, key: str) -> Iterator[None]:
        self._hook("before", verb, key)
        try:
            yield
        finally:  # an error is an answer too
            self._hook("after", verb, key)

    @contextmanager
    def open(self, key: str) -> Iterator[IO[bytes]]:
        with self._observed("open", key), self._store.open(key) as stream:
            yield stream

    def __getattr__(self, verb: str) -> Any:
        member = getattr(self._store, verb)
        if not callable(member):
            return member

        def call(*given: Any) -> Any:
            key = given[verb in {"upload", "copy"}] if given else ""
            with self._observed(verb, key):
                return member(*given)

        return call


def watched(store: Store, hook: Callable[[When, str, str], object]) -> Store:
    """Return the same store, which calls `hook(when, verb, key)` before and after its calls."""
    return cast("Store", _Watched(store, hook))


@dataclass
class Fails:
    """A hook that breaks the call `at`, counted from 1, before or after it is done; 0 for none.

    With `Killed` as its error, every later call of the process dies too.
    """

    at: int
    when: When
    error: BaseException = field(default_factory=Killed)
    calls: int = 0
    struck: bool = False
    _mine: dict[tuple[str, str], int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, when: When, verb: str, key: str) -> None:
        with self._lock:
            if when == "before":
                self.calls += 1
                self._mine[verb, key] = self.calls
            dead = self.struck and isinstance(self.error, Killed)
            due = self.when == when and self._mine[verb, key] == self.at
            self.struck |= due
        if dead or due:
            raise self.error


def recorded(store: Store, *verbs: str) -> tuple[Store, list[tuple[str, str]]]:
    """Return the same store, and a list that fills with its calls (verb, key) of these verbs."""
    calls: list[tuple[str, str]] = []

    def note(when: When, verb: str, key: str) -> None:
        if when == "before" and (verb in verbs or not verbs):
            calls.append((verb, key))

    return watched(store, note), calls
