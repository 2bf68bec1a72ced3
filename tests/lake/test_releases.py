"""The release before: the last generation in which a file had other bytes."""

from __future__ import annotations

from blsquest.lake.log import ManifestLog, release_before
from tests.support.lakes import PR
from tests.support.pasts import CURRENT, Past


def before(past: Past, number: int, name: str = CURRENT) -> tuple[int, int] | None:
    """The generation before, and its file's size."""
    log = ManifestLog(past.store, PR)
    found = release_before(log, log.read(number), name)
    return (found[0].manifest.generation, found[1].size) if found else None


def test_generations_in_which_the_file_stayed_are_passed_over(past: Past) -> None:
    past.release(Current="1")
    past.release(Current="22")
    past.release(Current="22", notice="other")
    past.release(Current="22", notice="another")
    assert before(past, 4) == (1, 1)
    assert before(past, 2) == (1, 1)
    assert before(past, 4, "pr.notice") == (3, 5)


def test_bytes_that_came_back_are_compared_with_what_stood_between(past: Past) -> None:
    for text in ("1", "22", "1"):
        past.release(Current=text)
    assert before(past, 3) == (2, 2)


def test_a_file_without_a_past_has_none(past: Past) -> None:
    past.release(Current="1")
    past.release(Current="1", notice="new")
    assert before(past, 1) is None
    assert before(past, 2) is None
    assert before(past, 2, "pr.notice") is None
