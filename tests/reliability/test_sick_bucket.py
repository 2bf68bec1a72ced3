"""A bucket that fails in mid-run leaves a whole lake, and the next run ends as if well."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import unquote

import pytest

from blsquest.core.errors import StoreError
from blsquest.lake.keys import view_record_key
from blsquest.lake.stores import s3 as store_s3
from blsquest.lake.stores import s3_client, s3_fast, s3_multipart
from blsquest.lake.stores.s3 import S3Store
from blsquest.products.audit import audit
from blsquest.sources.sample.pages import published
from tests.conftest import NewWire
from tests.reliability.stage import Stage, mirrored, staged
from tests.support.lakes import LONG_AGO, PR, contents
from tests.support.s3_proxy import LOSE, Fault, Request, Wire, answer
from tests.support.s3_servers import S3Server

PATIENCE_SECONDS = 0.5
"""Of a client that meets a silent server."""


@dataclass(frozen=True)
class Step:
    """One storage request of a run: its verb and a part of its key."""

    verb: str
    key: str

    def matches(self, request: Request) -> bool:
        return request.verb == self.verb and self.key in unquote(request.target)


COMMIT = Step("PUT", "manifests/bls/pr/")
BEFORE_COMMIT = [
    Step("LIST", "manifests/bls/pr/"),
    Step("GET", "manifests/bls/pr/"),
    Step("GET", view_record_key(PR)),
    Step("HEAD", "vintages/bls/pr/pr.data.0.Current/"),
    Step("PUT", "vintages/bls/pr/pr.data.0.Current/"),
    COMMIT,
]
AFTER_COMMIT = [
    Step("LIST", "prefix={lake}/bls/pr/"),
    Step("COPY", "/bls/pr/pr.data.0.Current"),
    Step("DELETE", "/bls/pr/pr.contacts"),
    Step("PUT", view_record_key(PR)),
]
LOST = "every answer lost"
SLOW_DOWN = answer("503 Slow Down", "SlowDown")
FAILURES = {
    "SlowDown": SLOW_DOWN,
    "AccessDenied": answer("403 Forbidden", "AccessDenied"),
    LOST: LOSE,
}


@pytest.fixture(scope="module", autouse=True)
def impatient_client() -> Iterator[None]:
    """A client that asks once: backing off is botocore's, and takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_client, "ATTEMPTS", 1)
        patch.setattr(s3_client, "connect", cache(s3_client.connect.__wrapped__))
        yield


@pytest.fixture(autouse=True)
def well_obstore() -> None:
    """Forget what failed in another test: then obstore asks for nothing any more."""
    s3_fast.fast_bucket.cache_clear()


def spoken(failure: bytes, request: Request) -> bytes:
    """The failure as this request hears it: the answer to a HEAD is no more than its status."""
    return failure.partition(b"<?xml")[0] if request.verb == "HEAD" else failure


@dataclass
class Lake:
    """A lake in a bucket, seen through a relay, and its publisher."""

    store: S3Store
    wire: Wire
    stage: Stage

    def breaks(self, step: Step, failure: bytes) -> None:
        """Every request of that step fails so, until `heal`."""
        step = replace(step, key=step.key.format(lake=self.store.url.rpartition("/")[2]))

        def decide(request: Request) -> Fault:
            return spoken(failure, request) if step.matches(request) else None

        self.wire.fault = decide

    def heal(self) -> None:
        """The storage is well again, and nothing was counted yet."""
        self.wire.reset()

    def uploads(self) -> set[str]:
        """The vintages whose whole bodies went over the wire."""
        targets = {unquote(r.target) for r in self.wire.requests if r.verb == "PUT"}
        return {target for target in targets if "/vintages/" in target}


@pytest.fixture
def empty_lake(seaweed: S3Server, wire: NewWire, stage: Stage, tmp_path: Path) -> Lake:
    relay = wire(seaweed)
    options = replace(seaweed.options, endpoint=relay.endpoint)
    return Lake(S3Store(seaweed.bucket, tmp_path.name, options), relay, stage)


@pytest.fixture
def lake(empty_lake: Lake) -> Lake:
    """The lake holds release 1, and release 2 is out."""
    with staged(PR, 1) as before:
        before.run(empty_lake.store)
    empty_lake.heal()
    return empty_lake


def check_kept(before: dict[str, bytes], lake: Lake, step: Step) -> None:
    """The old state, or the new one with a view on its way; no vintage or manifest is lost."""
    after = contents(lake.store)
    immutable = {k: v for k, v in before.items() if k.startswith(("vintages/", "manifests/"))}
    assert immutable.items() <= after.items()
    if step in BEFORE_COMMIT:
        assert before.items() <= after.items()
        assert all(key.startswith("vintages/") for key in after.keys() - before.keys())


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("step", BEFORE_COMMIT + AFTER_COMMIT, ids=lambda s: f"{s.verb} {s.key}")
def test_a_failed_request_leaves_a_whole_lake_and_the_next_run_repeats_no_upload(
    lake: Lake, step: Step, failure: str, in_health: dict[str, dict[str, Any]]
) -> None:
    before = contents(lake.store)
    lake.breaks(step, FAILURES[failure])
    if failure == LOST and step == COMMIT:
        # The commit asks what is there, finds its own manifest, and goes on.
        assert lake.stage.run(lake.store).name == "Changed"
        step = AFTER_COMMIT[0]
    else:
        with pytest.raises(StoreError, match=re.escape(lake.store.url)) as caught:
            lake.stage.run(lake.store)
        assert caught.value.transient is (failure != "AccessDenied")
        assert caught.value.remedy
    # The publisher is not asked for what can't be compared with a log.
    assert bool(lake.stage.server.requests) == (step not in BEFORE_COMMIT[:3])
    arrived = lake.uploads()
    lake.heal()
    check_kept(before, lake, step)
    lake.stage.run(lake.store)
    assert mirrored(lake.store, PR) == in_health[PR]
    repeated = arrived & lake.uploads()
    assert {key for key in repeated if not (step.verb == "PUT" and step.key in key)} == set()
    assert failure != LOST or repeated == set()


@pytest.mark.parametrize("step", [BEFORE_COMMIT[0], COMMIT, AFTER_COMMIT[2]])
def test_a_silent_storage_is_given_up_and_the_next_run_converges(
    lake: Lake,
    step: Step,
    in_health: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lake.store._client, "fast", s3_fast.FastBucket(None))
    monkeypatch.setattr(s3_client, "OPERATION_SECONDS", 2 * PATIENCE_SECONDS)
    over = Event()

    def silence(request: Request) -> Fault:
        if step.matches(request):
            over.wait(20 * PATIENCE_SECONDS)
        return SLOW_DOWN if step.matches(request) else None

    lake.wire.fault = silence
    with pytest.raises(StoreError, match="no answer from") as caught:
        lake.stage.run(lake.store)
    over.set()
    assert caught.value.transient
    monkeypatch.undo()  # the storage may be slow again
    lake.heal()
    lake.stage.run(lake.store)
    assert mirrored(lake.store, PR) == in_health[PR]


# -- Parts -------------------------------------------------------------------------------------


@pytest.fixture
def lake_with_parts(empty_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An empty lake, and a publisher with one file that goes up in two parts."""
    monkeypatch.setattr(store_s3, "LARGEST_PUT", 5 << 20)
    monkeypatch.setattr(s3_multipart, "PART", 5 << 20)
    files = empty_lake.stage.server.surveys["pr"]
    files.clear()
    files["pr.data.0.Current"] = published(os.urandom((5 << 20) + 1), LONG_AGO)
    return empty_lake


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("verb", ["START", "PART", "COMPLETE"])
def test_a_multipart_that_fails_is_aborted_and_the_next_run_puts_the_file_once(
    lake_with_parts: Lake, verb: str, failure: str
) -> None:
    lake = lake_with_parts
    lake.breaks(Step(verb, "vintages/"), FAILURES[failure])
    with pytest.raises(StoreError, match=r"vintages/bls/pr/pr\.data\.0\.Current/") as caught:
        lake.stage.run(lake.store)
    assert caught.value.transient is (failure != "AccessDenied")
    lake.heal()
    assert lake.store.list("manifests/") == []
    if (verb, failure) != ("START", LOST):  # nobody knows that upload's name
        assert lake.store.unfinished() == []
    assert lake.stage.run(lake.store).name == "Changed"
    done_already = (verb, failure) == ("COMPLETE", LOST)
    assert lake.wire.verbs.get("PART", 0) == (0 if done_already else 2)
    assert len(lake.store.list("vintages/")) == 1
    assert lake.stage.run(lake.store).name == "Unchanged"


def test_a_multipart_that_cannot_even_be_aborted_is_named_by_the_audit_after_a_day(
    lake_with_parts: Lake,
) -> None:
    lake, failing = lake_with_parts, answer("500 Internal Server Error", "InternalError")
    lake.wire.fault = lambda request: failing if request.verb in {"PART", "ABORT"} else None
    with pytest.raises(StoreError, match="busy or failing"):
        lake.stage.run(lake.store)
    lake.heal()
    assert lake.stage.run(lake.store).name == "Changed"
    assert audit(lake.store).findings == ()
    (found,) = audit(lake.store, now=datetime.now(UTC) + timedelta(hours=25)).findings
    assert (found.severity, found.key) == ("note", lake.store.list("vintages/")[0].key)
    assert "lifecycle rule" in found.remedy
