"""What a run should do, decided from a listing and the last manifest. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.core.errors import Mixed, Refused
from blsquest.core.source import Listing, RemoteFile
from blsquest.lake.guards import Allowance
from blsquest.lake.manifest import Entry, Tombstone
from blsquest.lake.plan import SETTLED_AFTER, Plan
from blsquest.lake.plan import plan as plan_at
from tests.support.manifests import MODIFIED, NOW, kept, manifest

plan = partial(plan_at, now=NOW)


def listing(*files: tuple[str, int | None, str]) -> Listing:
    return Listing(tuple(RemoteFile(*file) for file in files))


def test_a_first_run_asks_for_everything_unconditionally() -> None:
    todo = plan(listing(("a", 1, "monday"), ("b", None, "")), None)
    assert [(a.file.name, a.why, a.prior, a.if_modified_since) for a in todo.ask] == [
        ("a", "new", None, None),
        ("b", "new", None, None),
    ]
    assert (todo.keep, todo.remove) == ((), ())


UNSETTLED = kept(settled=False)
SEEN_LATELY = kept(settled=False, first_seen=NOW - timedelta(hours=23))
SEEN_LONG_AGO = kept(settled=False, first_seen=NOW - SETTLED_AFTER)


@pytest.mark.parametrize(
    ("entry", "size", "stamp", "why", "since"),
    [
        (kept(), 100, "tuesday", "restamped", MODIFIED),
        (kept(), 101, "monday", "resized", None),
        (kept(), 101, "tuesday", "resized", None),
        (UNSETTLED, 100, "monday", "unsettled", MODIFIED),
        (UNSETTLED, None, "monday", "unsettled", MODIFIED),
        (replace(UNSETTLED, last_modified=None), 100, "monday", "unsettled", None),
        (SEEN_LATELY, 100, "monday", "unsettled", MODIFIED),
        # The request that settles a file rests on no date.
        (SEEN_LONG_AGO, 100, "monday", "unsettled", None),
    ],
)
def test_a_file_is_asked_for_when_its_row_moved_or_is_not_trusted(
    entry: Entry, size: int | None, stamp: str, why: str, since: str | None
) -> None:
    (ask,) = plan(listing(("a", size, stamp)), manifest(entry)).ask
    assert (ask.why, ask.prior, ask.if_modified_since) == (why, entry, since)


def test_a_settled_file_under_the_same_row_is_kept_unless_a_recheck_is_asked_for() -> None:
    entry = kept("a")
    assert plan(listing(("a", 100, "monday")), manifest(entry)).keep == (entry,)
    (ask,) = plan(listing(("a", 100, "monday")), manifest(entry), recheck=True).ask
    assert (ask.why, ask.if_modified_since) == ("recheck", None)


@pytest.mark.parametrize(("size", "since"), [(100, MODIFIED), (99, None)])
def test_a_file_that_returns_is_asked_for_by_its_tombstone(size: int, since: str | None) -> None:
    grave = kept("b")
    last = manifest(kept("a"), tombstones=(Tombstone(grave, NOW),))
    (ask,) = plan(listing(("a", 100, "monday"), ("b", size, "tuesday")), last).ask
    assert (ask.why, ask.prior, ask.if_modified_since) == ("returned", grave, since)


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
    last = manifest(*entries[dead:], tombstones=tuple(Tombstone(e, NOW) for e in entries[:dead]))
    todo = plan(listing(*offered), last, recheck=recheck, allow={"removals", "shrink"})
    assert sorted([e.name for e in todo.keep] + [a.file.name for a in todo.ask]) == sorted(
        name for name, _, _ in offered
    )
    assert {e.name for e in todo.remove} == {e.name for e in last.files} - {o[0] for o in offered}
    if recheck:
        assert todo.keep == ()
        assert {ask.if_modified_since for ask in todo.ask} == {None}


@pytest.mark.parametrize(("files", "gone", "refused"), [(3, 1, False), (8, 2, False), (4, 2, True)])
def test_only_one_or_a_quarter_of_the_files_may_go(files: int, gone: int, *, refused: bool) -> None:
    last = manifest(*(kept(f"pr.data.{number}") for number in range(files)))
    offered = listing(*((e.name, 100, "monday") for e in last.files[gone:]))
    if refused:
        with refuses(rf"lacks {gone} of the {files} files of bls/pr", "--allow removals"):
            plan(offered, last)
    else:
        assert len(plan(offered, last).remove) == gone
    assert len(plan(offered, last, allow={"removals"}).remove) == gone


@contextmanager
def refuses(what: str, remedy: str) -> Iterator[None]:
    with pytest.raises(Refused, match=what) as caught:
        yield
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(("size", "refused"), [(50, False), (49, True), (0, True)])
@pytest.mark.parametrize(("name", "guarded"), [("pr.data.0", True), ("pr.series", False)])
def test_a_data_file_may_shrink_by_half(
    name: str, size: int, *, guarded: bool, refused: bool
) -> None:
    last = manifest(kept("pr.data.9"), kept(name))
    offered = listing(("pr.data.9", 100, "monday"), (name, size, "tuesday"))
    if guarded and refused:
        with refuses(rf"{name} shrank from 100 to {size} bytes", "--allow shrink"):
            plan(offered, last, data_prefix="pr.data.")
    allow: tuple[Allowance, ...] = ("shrink",) if guarded and refused else ()
    allowed = plan(offered, last, data_prefix="pr.data.", allow=allow)
    assert [a.file.name for a in allowed.ask] == [name]


def test_an_empty_listing_of_what_the_lake_holds_is_refused_whatever_is_allowed() -> None:
    with refuses("listing is empty", "run again"):
        plan(listing(), manifest(kept()), allow=set(get_args(Allowance)))
    assert plan(listing(), None) == Plan((), (), ())


def test_a_listing_without_the_surveys_data_is_refused_also_on_the_first_run() -> None:
    offered = listing(("pr.class", 1, "monday"), ("cu.data.1", 1, "monday"))
    with refuses(r"2 files but no data file \(pr\.data\.\*\)", "--allow no-data"):
        plan(offered, None, data_prefix="pr.data.")
    assert len(plan(offered, None, data_prefix="pr.data.", allow={"no-data"}).ask) == 2
    table = listing(("pr.data.type", 1, "monday"), ("pr.txt", 1, "monday"))
    with refuses("2 files but no data file", "--allow no-data"):
        plan(table, None, data_prefix="pr.data.")


def test_sub_directories_are_refused_unless_a_person_allows_to_leave_them_out() -> None:
    offered = replace(listing(("a", 100, "monday")), directories=("maps",))
    with refuses("maps/", "subdirectories"):
        plan(offered, None)
    assert len(plan(offered, None, allow={"subdirectories"}).ask) == 1


@pytest.mark.parametrize("sample", [True, False])
def test_sample_and_real_data_are_never_mixed(*, sample: bool) -> None:
    offered = replace(listing(("a", 100, "monday")), sample=not sample)
    kinds = "sample data .* serves real" if sample else "real data .* serves sample"
    with pytest.raises(Mixed, match=f"{kinds} data: they are never mixed"):
        plan(offered, manifest(kept("a"), sample=sample), allow={"no-data", "removals", "shrink"})
