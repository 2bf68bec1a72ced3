"""What a notice says, and which generation has had one, whatever a run dies of."""

from datetime import UTC, datetime, timedelta

import pytest

from blsquest.core.errors import QuestError
from blsquest.lake.keys import notice_claim_key, notice_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Generation
from blsquest.products.notice import (
    STALE,
    begin,
    claim,
    has_news,
    kept_comparison,
    mark_notified,
    notice_base,
    notice_text,
    read_notified,
    release,
)
from blsquest.products.revisions import revise
from tests.support.lakes import PR
from tests.support.pasts import TITLE, Past, data

OLD = data(
    ("PRS1", 2024, "Q01", "1.5", ""), ("PRS1", 2024, "Q02", "2", ""), ("PRS1", 2024, "Q03", "-", "")
)
NEW = data(
    ("PRS1", 2024, "Q01", "1.8", "R"),
    ("PRS1", 2024, "Q02", "-", ""),
    ("PRS1", 2024, "Q03", "4", ""),
)
NOW = datetime(2025, 8, 15, 12, tzinfo=UTC)


def newest(past: Past) -> Generation:
    return ManifestLog(past.store, PR).newest()


def test_it_names_what_changed_withdrawn_first_and_the_largest_in_words(past: Past) -> None:
    past.release(Current=OLD)
    past.release(Current=NEW)
    found = revise(past.store, PR, 2).summary

    assert has_news(found)
    text = notice_text(found, {"All differences": "s3://bucket/key"})
    sample = "(generated sample, not real statistics)"
    states = "generation 2 (2025-02-01), against generation 1"
    moved = "1.5 to 1.8 index (2017=100) (+0.3, +20.0%)"
    counts = "1 value withdrawn, 1 filled, 1 revised, none added, none removed, in 1 series"
    assert text.splitlines() == [
        f"BLS Data Quest: a release of bls/pr {sample}, {states}.",
        f"pr.data.0.Current: {counts}.",
        f"Withdrawn: {TITLE} (PRS1), 2nd quarter 2024, which was 2.0.",
        f"Filled: {TITLE} (PRS1), 3rd quarter 2024: 4.0.",
        f"Largest revision: {TITLE} (PRS1), 1st quarter 2024: {moved}.",
        "All differences: s3://bucket/key",
    ]


def test_a_publishers_words_call_nobody_and_link_nowhere(past: Past) -> None:
    sector = "sector_code\tsector_name\r\n3000\t<!channel> @all https://evil.example\r\n"
    past.release(Current=OLD, sector=sector)
    past.release(Current=NEW, sector=sector)
    text = notice_text(revise(past.store, PR, 2).summary, {})
    for words in ("<!", "@all", "://"):
        assert words not in text


def test_without_a_difference_there_is_no_news(past: Past) -> None:
    past.release(Current=OLD)
    past.release(Current=OLD.replace("\t         1.5", "\t        1.50"))
    assert not has_news(revise(past.store, PR, 2).summary)


def test_notices_begin_with_what_comes_after_the_first_run_that_has_them_on(past: Past) -> None:
    assert begin(past.store, PR) is None
    past.release(Current=OLD)
    past.release(Current=NEW)

    notified = begin(past.store, PR)

    assert notified is not None
    assert notified.generation == 2
    assert notice_base(past.store, PR, notified, newest(past)) is None
    past.release(Current=OLD)
    past.release(Current=NEW)
    assert begin(past.store, PR) == notified  # also in a run that finds nothing new itself
    assert notice_base(past.store, PR, notified, newest(past)) == 2


def test_a_mark_of_another_log_is_replaced_and_no_notice_is_of_anything_old(past: Past) -> None:
    past.release(Current=OLD)
    mark_notified(past.store, PR, newest(past))
    other = read_notified(past.store, PR)
    assert other is not None
    past.release(Current=NEW)
    other = other.model_copy(update={"manifest_sha256": "another"})
    assert notice_base(past.store, PR, other, newest(past)) is None
    assert notice_base(past.store, PR, read_notified(past.store, PR), newest(past)) is None
    past.store.put(notice_key(PR), b"torn")
    assert read_notified(past.store, PR) is None


def test_of_runs_at_once_one_sends_and_one_that_died_is_taken_over(past: Past) -> None:
    store = past.store
    assert claim(store, PR, 2, run="one", now=NOW)
    assert not claim(store, PR, 2, run="other", now=NOW + timedelta(minutes=5))
    late = NOW + STALE + timedelta(seconds=1)
    assert claim(store, PR, 2, run="other", now=late)
    assert not claim(store, PR, 2, run="third", now=late)
    release(store, PR, 2)
    assert claim(store, PR, 2, run="third", now=late)
    for altered in (b"torn", b"{}", b"[]", b'{"at": "2024-01-01T00:00:00", "tries": 1}'):
        store.put(notice_claim_key(PR, 2), altered)
        assert claim(store, PR, 2, run="fourth", now=late), altered
    release(store, PR, 2)
    assert claim(store, PR, 2, run="third", now=late)
    for tries in (2, 3):  # what ends every run is not tried for ever
        assert claim(store, PR, 2, run="a", now=late + 2 * STALE * tries)
    with pytest.raises(QuestError, match="3 runs died"):
        claim(store, PR, 2, run="a", now=late + 2 * STALE * 4)


def test_a_comparison_that_was_made_is_not_made_again(past: Past) -> None:
    past.release(Current=OLD)
    past.release(Current=NEW)
    assert kept_comparison(past.store, PR, newest(past), 1) is None
    found = revise(past.store, PR, 2).summary
    assert kept_comparison(past.store, PR, newest(past), 1) == found
    past.release(Current=OLD)
    assert kept_comparison(past.store, PR, newest(past), 1) is None
