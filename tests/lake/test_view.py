"""What the public view should be, and what differs from that. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.lake.model import Entry, Manifest
from blsquest.lake.stores.base import Stored
from blsquest.lake.view import (
    Copied,
    damaged,
    decode_record,
    encode_record,
    repair,
    view_folder,
    view_of,
)

if TYPE_CHECKING:
    from blsquest.core.source import Layout

DAY_ONE = datetime(2025, 8, 15, 23, 59, 59, tzinfo=UTC)
DAY_TWO = datetime(2025, 8, 16, tzinfo=UTC)


def digest(content: str) -> str:
    return sha256(content.encode()).hexdigest()


def manifest(layout: Layout = "flat", seen: datetime = DAY_ONE, **files: str) -> Manifest:
    """A generation with these contents."""
    entries = [
        Entry(name, 1, digest(body), digest(body), "", None, seen, DAY_TWO, settled=False)
        for name, body in sorted(files.items())
    ]
    return Manifest(
        source="census" if layout == "daily" else "bls/pr",
        layout=layout,
        sample=False,
        generation=1,
        parent=None,
        committed=DAY_TWO,
        run="r",
        files=tuple(entries),
    )


def test_a_flat_view_has_the_publishers_names_under_the_sources_key() -> None:
    assert view_of(manifest(a="1")) == {"bls/pr/a": f"vintages/bls/pr/a/{digest('1')}"}
    assert view_folder(manifest(a="1")) == "bls/pr/"


def test_a_daily_view_lies_under_the_utc_day_its_content_was_first_seen() -> None:
    assert list(view_of(manifest("daily", DAY_ONE, c="1"))) == ["census/2025-08-15/c"]
    assert list(view_of(manifest("daily", DAY_TWO, c="1"))) == ["census/2025-08-16/c"]


def test_a_view_that_is_as_recorded_needs_nothing() -> None:
    wanted = manifest(a="1", b="2")
    listed = [Stored("bls/pr/a", 1, "t1"), Stored("bls/pr/b", 1, "t2")]
    record = {
        key: Copied(vintage, token)
        for (key, vintage), token in zip(view_of(wanted).items(), ["t1", "t2"], strict=True)
    }
    assert not repair(wanted, listed, record)


@pytest.mark.parametrize(
    ("listed", "record", "copied"),
    [
        ([], {"bls/pr/a": ("1", "t")}, True),
        ([("bls/pr/a", "t")], {}, True),
        ([("bls/pr/a", "other")], {"bls/pr/a": ("1", "t")}, True),
        ([("bls/pr/a", "t")], {"bls/pr/a": ("2", "t")}, True),
        ([("bls/pr/a", "t")], {"bls/pr/a": ("1", "t")}, False),
    ],
    ids=["absent", "unrecorded", "altered", "of another vintage", "right"],
)
def test_a_file_is_copied_unless_it_is_recorded_under_the_token_it_has(
    listed: list[tuple[str, str]], record: dict[str, tuple[str, str]], *, copied: bool
) -> None:
    found = [Stored(key, 1, token) for key, token in listed]
    noted = {
        key: Copied(f"vintages/bls/pr/a/{digest(body)}", token)
        for key, (body, token) in record.items()
    }
    todo = repair(manifest(a="1"), found, noted)
    assert todo.copies == (((f"vintages/bls/pr/a/{digest('1')}", "bls/pr/a"),) if copied else ())
    assert todo.deletes == ()


@pytest.mark.parametrize(
    ("size", "token", "is_damaged"), [(1, "ours", False), (2, "ours", True), (2, "theirs", False)]
)
def test_a_copy_of_our_own_of_another_size_was_made_of_a_damaged_vintage(
    size: int, token: str, *, is_damaged: bool
) -> None:
    wanted = manifest(a="1")
    ((key, vintage),) = view_of(wanted).items()
    listed = [Stored(key, size, token)]
    assert bool(repair(wanted, listed, {key: Copied(vintage, token)})) is (size != 1)
    told = damaged(wanted, listed, {key: Copied(vintage, "ours")})
    assert told == [(vintage, key)] * is_damaged


def test_what_a_flat_view_should_not_have_is_deleted_and_a_daily_one_keeps_its_folder() -> None:
    extra = [Stored("bls/pr/z", 1, "t"), Stored("bls/pr/b/c", 1, "t")]
    assert repair(manifest(), extra, {}).deletes == ("bls/pr/b/c", "bls/pr/z")
    notes = [Stored("census/2025-08-15/notes", 1, "t")]
    assert repair(manifest("daily", c="1"), notes, {}).deletes == ()


@given(st.dictionaries(st.text(max_size=5), st.builds(Copied, st.text(), st.text()), max_size=5))
def test_a_record_is_read_back_as_it_was_written(record: dict[str, Copied]) -> None:
    assert decode_record(encode_record(record)) == record


@given(st.binary(max_size=100))
def test_a_record_that_makes_no_sense_is_empty(body: bytes) -> None:
    assert decode_record(body) == {}


@pytest.mark.parametrize(
    "body", [b'{"copied": {"a": 1}}', b'{"copied": {"a": {"vintage": "v"}}}', b"[" * 100_000]
)
def test_a_record_of_another_shape_is_empty(body: bytes) -> None:
    assert decode_record(body) == {}
