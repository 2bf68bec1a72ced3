"""A source that changes during the run: no commit mixes two of its states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import SourceError
from blsquest.sources.sample.pages import published
from tests.support.lakes import (
    LONG_AGO,
    PR,
    TO_RELEASE_2,
    assert_whole,
    contents,
    history,
    kinds,
    mirror,
    small,
)

if TYPE_CHECKING:
    from blsquest.lake.stores.directory import DirectoryStore
    from blsquest.sources.sample.server import Request, SampleServer


def publish_once(server: SampleServer, path: str, number: int) -> None:
    """Bring out a release as soon as a request for `path` arrives."""

    def react(request: Request) -> None:
        if request.path.endswith(path):
            server.on_request = lambda _: None
            server.publish(number)

    server.on_request = react


def test_a_release_that_comes_out_during_the_transfers_is_mirrored_whole(
    server: SampleServer, lake: DirectoryStore
) -> None:
    publish_once(server, "pr.measure", 2)
    outcome = mirror(server, lake)
    offered = {f"{PR}/{name}": file.body for name, file in server.surveys["pr"].items()}
    assert contents(lake, f"{PR}/") == offered
    assert outcome.generation == 1
    assert len(history(lake)) == 1
    listings = [r for r in server.requests if r.path.endswith("/")]
    assert len(listings) == 3
    assert_whole(lake)


def test_a_release_that_comes_out_between_transfers_and_second_listing_is_mirrored_whole(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    server.surveys["pr"]["pr.txt"] = published(b"other\r\n", LONG_AGO, generated=True)
    seen: list[str] = []

    def react(request: Request) -> None:
        seen.append(request.path)
        if len(seen) == 3:
            server.publish(2)

    server.on_request = react
    assert kinds(mirror(server, lake)) == TO_RELEASE_2
    assert_whole(lake)


def test_a_file_that_is_replaced_after_it_was_fetched_is_fetched_again(
    server: SampleServer, lake: DirectoryStore
) -> None:
    server.surveys["pr"] = small(1, 1)

    def react(request: Request) -> None:
        if request.path.endswith("/") and len(server.requests) == 3:
            server.surveys["pr"] = small(2, 1)

    server.on_request = react
    mirror(server, lake)
    assert contents(lake, f"{PR}/") == {f"{PR}/pr.data.0.Some": b"0 of release 2"}


def test_a_listing_that_moves_twice_ends_the_run_with_an_unchanged_lake(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    before = contents(lake)
    body = bytearray(b"x")

    def react(request: Request) -> None:
        if request.path.endswith("/"):
            body.extend(b"x")
            server.surveys["pr"]["pr.txt"] = published(bytes(body), LONG_AGO, generated=True)

    server.on_request = react
    with pytest.raises(SourceError, match="moved twice") as caught:
        mirror(server, lake)
    assert caught.value.transient is True
    after = contents(lake)
    assert {key: body for key, body in after.items() if "/pr.txt/" not in key} == {
        key: body for key, body in before.items() if "/pr.txt/" not in key
    }
    server.on_request = lambda _: None
    assert kinds(mirror(server, lake)) == {"pr.txt": "changed"}
    assert_whole(lake)
