"""What a run should do, decided from a listing and the last manifest. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.core.errors import Refused
from blsquest.core.source import Listing, RemoteFile
from blsquest.lake.model import Entry, Manifest, Tombstone
from blsquest.lake.plan import plan as plan_at
from blsquest.lake.transfer import SETTLED_AFTER, SETTLED_AGE, Arrival, entry_for, is_settled

NOW = datetime(2025, 8, 15, 12, tzinfo=UTC)
plan = partial(plan_at, now=NOW)
MODIFIED = "Thu, 06 Feb 2025 13:30:00 GMT"
OLD_ENOUGH = SETTLED_AGE.total_seconds()
DIGEST = sha256(b"").hexdigest()


def kept(name: str, size: int = 100, stamp: str = "monday", **changes: object) -> Entry:
    """A settled file of the manifest."""
    entry = Entry(name, size, DIGEST, DIGEST, stamp, MODIFIED, NOW, NOW, settled=True)
    return replace(entry, **changes)  # type: ignore[arg-type]  # its own fields


def manifest(*files: Entry, graves: tuple[Entry, ...] = (), sample: bool = False) -> Manifest:
    """The last generation."""
    return Manifest(
        source="bls/pr",
        layout="flat",
        sample=sample,
        generation=1,
        parent=None,
        committed=NOW,
        run="r",
        files=files,
        tombstones=tuple(Tombstone(entry, NOW) for entry in graves),
    )


def listing(*files: tuple[str, int | None, str]) -> Listing:
    """What the publisher offers."""
    return Listing(tuple(RemoteFile(*file) for file in files))


def arrival(age: float | None, stamp: str = "monday", modified: str | None = MODIFIED) -> Arrival:
    """The content of a file, served `age` seconds after its publication."""
    return Arrival(RemoteFile("a", 0, stamp), 0, DIGEST, DIGEST, modified, age)


# -- Keep, ask, remove -------------------------------------------------------------------------


def test_a_first_run_asks_for_everything_unconditionally() -> None:
    todo = plan(listing(("a", 1, "monday"), ("b", None, "")), None)
    assert [(a.file.name, a.why, a.prior, a.if_modified_since) for a in todo.ask] == [
        ("a", "new", None, None),
        ("b", "new", None, None),
    ]
    assert (todo.keep, todo.remove) == ((), ())


@pytest.mark.parametrize(
    ("entry", "row", "why", "since"),
    [
        (kept("a"), ("a", 100, "tuesday"), "restamped", MODIFIED),
        (kept("a"), ("a", 101, "monday"), "resized", None),
        (kept("a"), ("a", 101, "tuesday"), "resized", None),
        (kept("a", settled=False), ("a", 100, "monday"), "unsettled", MODIFIED),
        (kept("a", settled=False), ("a", None, "monday"), "unsettled", MODIFIED),
        (kept("a", settled=False, last_modified=None), ("a", 100, "monday"), "unsettled", None),
    ],
)
def test_a_file_is_asked_for_when_its_row_moved_or_is_not_trusted(
    entry: Entry, row: tuple[str, int | None, str], why: str, since: str | None
) -> None:
    (ask,) = plan(listing(row), manifest(entry)).ask
    assert (ask.why, ask.prior, ask.if_modified_since) == (why, entry, since)


def test_a_settled_file_under_the_same_row_is_kept_unless_a_recheck_is_asked_for() -> None:
    entry = kept("a")
    assert plan(listing(("a", 100, "monday")), manifest(entry)).keep == (entry,)
    (ask,) = plan(listing(("a", 100, "monday")), manifest(entry), recheck=True).ask
    assert (ask.why, ask.if_modified_since) == ("recheck", None)


def test_a_file_that_comes_back_is_asked_for_against_its_tombstone() -> None:
    grave = kept("b")
    last = manifest(kept("a"), graves=(grave,))
    (ask,) = plan(listing(("a", 100, "monday"), ("b", 100, "tuesday")), last).ask
    assert (ask.why, ask.prior, ask.if_modified_since) == ("returned", grave, MODIFIED)
    (ask,) = plan(listing(("a", 100, "monday"), ("b", 99, "tuesday")), last).ask
    assert (ask.why, ask.prior, ask.if_modified_since) == ("returned", grave, None)


rows = st.tuples(
    st.sampled_from("abcdefgh"), st.integers(50, 52) | st.none(), st.sampled_from(["", "x", "y"])
)


@given(
    st.lists(rows, unique_by=lambda r: r[0], min_size=1),
    st.lists(rows, unique_by=lambda r: r[0]),
    st.booleans(),
    st.integers(0, 8),
)
def test_every_listed_file_is_kept_or_asked_for_and_every_other_is_removed(
    offered: list[tuple[str, int | None, str]],
    held: list[tuple[str, int | None, str]],
    recheck: bool,
    dead: int,
) -> None:
    entries = [kept(name, size or 0, stamp) for name, size, stamp in held]
    last = manifest(*entries[dead:], graves=tuple(entries[:dead]))
    todo = plan(listing(*offered), last, recheck=recheck, allow={"removals", "shrink"})
    assert sorted([e.name for e in todo.keep] + [a.file.name for a in todo.ask]) == sorted(
        name for name, _, _ in offered
    )
    assert {e.name for e in todo.remove} == {e.name for e in last.files} - {o[0] for o in offered}
    if recheck:
        assert todo.keep == ()


# -- Guards ------------------------------------------------------------------------------------


FOUR = [kept(f"pr.data.{number}") for number in range(4)]


@pytest.mark.parametrize(("files", "gone", "refused"), [(4, 1, False), (8, 2, False), (4, 2, True)])
def test_more_than_one_and_more_than_a_quarter_of_the_files_may_not_go(
    files: int, gone: int, *, refused: bool
) -> None:
    last = manifest(*(kept(f"pr.data.{number}") for number in range(files)))
    offered = listing(*((e.name, 100, "monday") for e in last.files[gone:]))
    if refused:
        with pytest.raises(Refused, match=rf"lacks {gone} of the {files} files of bls/pr"):
            plan(offered, last)
    else:
        assert len(plan(offered, last).remove) == gone
    assert len(plan(offered, last, allow={"removals"}).remove) == gone


@pytest.mark.parametrize(("size", "refused"), [(50, False), (49, True), (0, True)])
@pytest.mark.parametrize(("name", "guarded"), [("pr.data.0", True), ("pr.series", False)])
def test_a_data_file_may_not_shrink_by_more_than_half(
    name: str, size: int, *, guarded: bool, refused: bool
) -> None:
    last = manifest(kept("pr.data.9"), kept(name))
    offered = listing(("pr.data.9", 100, "monday"), (name, size, "tuesday"))
    if guarded and refused:
        with pytest.raises(Refused, match=rf"{name} shrank from 100 to {size} bytes"):
            plan(offered, last, data_prefix="pr.data.")
    allowed = plan(offered, last, data_prefix="pr.data.", allow={"shrink"})
    assert [a.file.name for a in allowed.ask] == [name]


def test_an_empty_listing_is_refused_whatever_is_allowed() -> None:
    with pytest.raises(Refused, match="listing is empty"):
        plan(listing(), None, allow={"no-data", "removals", "shrink", "subdirectories"})


def test_a_listing_without_the_surveys_data_is_refused_also_on_the_first_run() -> None:
    offered = listing(("pr.class", 1, "monday"), ("cu.data.1", 1, "monday"))
    with pytest.raises(Refused, match=r"2 files but no data file \(pr\.data\.\*\)"):
        plan(offered, None, data_prefix="pr.data.")
    assert len(plan(offered, None, data_prefix="pr.data.", allow={"no-data"}).ask) == 2


@pytest.mark.parametrize("sample", [True, False])
def test_sample_and_real_data_are_never_mixed(*, sample: bool) -> None:
    offered = replace(listing(("a", 100, "monday")), sample=not sample)
    with pytest.raises(Refused, match="never mixed"):
        plan(offered, manifest(kept("a"), sample=sample))


# -- Settled -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "settled"),
    [(OLD_ENOUGH, True), (OLD_ENOUGH - 1, False), (0, False), (-5, False), (None, False)],
)
def test_a_first_sight_is_trusted_when_the_body_was_a_quarter_of_an_hour_old(
    age: float | None, *, settled: bool
) -> None:
    assert is_settled(arrival(age), None, now=NOW) is settled


def test_a_stamp_that_moved_is_trusted_only_if_last_modified_moved_too() -> None:
    prior = kept("a", stamp="sunday")
    assert not is_settled(arrival(OLD_ENOUGH), prior, now=NOW)
    assert is_settled(arrival(OLD_ENOUGH, modified="later"), prior, now=NOW)
    assert not is_settled(arrival(0, modified="later"), prior, now=NOW)


def test_the_same_bytes_under_the_same_stamp_are_trusted_a_day_after_first_sight() -> None:
    prior = kept("a", settled=False)
    tick = timedelta(microseconds=1)
    assert not is_settled(arrival(OLD_ENOUGH), prior, now=NOW + SETTLED_AFTER - tick)
    assert is_settled(arrival(None), prior, now=NOW + SETTLED_AFTER)
    assert is_settled(arrival(None), kept("a"), now=NOW)


def test_a_file_without_a_stamp_never_settles() -> None:
    prior = kept("a", stamp="", settled=False)
    years = timedelta(days=4000)
    assert not is_settled(arrival(OLD_ENOUGH, stamp=""), prior, now=NOW + years)


# -- What is recorded --------------------------------------------------------------------------


def test_the_same_identity_keeps_the_stored_bytes() -> None:
    prior = kept("a", size=7, sha256="1" * 64, identity="2" * 64)
    spelled = replace(arrival(None), size=9, sha256="3" * 64, identity="2" * 64)
    later = NOW + timedelta(hours=1)
    entry = entry_for(spelled, prior, now=later)
    assert (entry.size, entry.sha256, entry.first_seen) == (7, "1" * 64, NOW)
    assert entry.last_seen == later


@pytest.mark.parametrize("change", [{"identity": "4" * 64}, {"file": RemoteFile("a", 0, "new")}])
def test_other_bytes_or_another_stamp_are_seen_for_the_first_time(
    change: dict[str, object],
) -> None:
    later = NOW + timedelta(hours=1)
    arrived = replace(arrival(None), **change)  # type: ignore[arg-type]  # its own fields
    assert entry_for(arrived, kept("a"), now=later).first_seen == later


def test_the_request_that_settles_a_file_rests_on_no_date() -> None:
    last = manifest(replace(kept("a"), settled=False, first_seen=NOW - SETTLED_AFTER))
    (ask,) = plan(listing(("a", 100, "monday")), last).ask
    assert (ask.why, ask.if_modified_since) == ("unsettled", None)


def test_before_that_an_unsettled_file_is_asked_for_by_its_date() -> None:
    last = manifest(replace(kept("a"), settled=False, first_seen=NOW - timedelta(hours=23)))
    (ask,) = plan(listing(("a", 100, "monday")), last).ask
    assert (ask.why, ask.if_modified_since) == ("unsettled", MODIFIED)
