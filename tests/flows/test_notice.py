"""The notice of a release: sent by the run that found it, once, and never in a run's way."""

from collections.abc import Iterator
from typing import Any

import pytest
from prefect.blocks.webhook import Webhook
from pydantic import SecretStr

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.notice import read_notified
from tests.support.inbox import Inbox, inbox
from tests.support.runs import Runs

PEOPLE = "webhook/people"


@pytest.fixture
def received(runs: Runs) -> Iterator[Inbox]:
    """People who get notices through `webhook/people`."""
    with inbox() as one:
        Webhook(url=SecretStr(one.url)).save("people", overwrite=True)
        yield one


def test_a_release_has_one_notice_in_words_with_where_to_look(runs: Runs, received: Inbox) -> None:
    runs.pipeline(notice=PEOPLE)
    assert received.texts == []  # a lake's first generation is no news
    runs.server.publish(2)

    state = runs.pipeline(notice=PEOPLE)
    runs.pipeline(notice=PEOPLE)
    runs.mirror(notice=PEOPLE)

    assert state.name == "Changed"
    [text] = received.texts
    lines = text.splitlines()
    assert lines[0].startswith("BLS Data Quest: a release of bls/pr (generated sample, not real")
    assert "generation 2" in lines[0]
    assert (
        "pr.data.0.Current: 826 values revised, none added, none removed, in 103 series." in lines
    )
    largest = [line for line in lines if line.startswith("Largest revision: ")]
    assert len(largest) == 2
    assert all(" to " in line for line in largest)
    assert f"All differences: {runs.lake}/analytics/revisions/pr/00000002/" in lines
    assert lines[-1].startswith(f"The run: {runs.api.api_url.removesuffix('/api')}/runs/flow-run/")


def test_a_notice_that_an_earlier_run_could_not_send_is_sent_by_the_next(
    runs: Runs, received: Inbox, said: list[str]
) -> None:
    runs.mirror(notice=PEOPLE)
    runs.server.publish(2)
    received.status = 500

    failed = runs.mirror(notice=PEOPLE)

    assert (failed.name, failed.is_completed()) == ("Changed", True)
    [warning] = [line for line in said if line.startswith("No notice of the release")]
    assert "the receiver answered 500" in warning
    assert not [line for line in said if "hush" in line or received.url in line]
    received.status = 200
    received.bodies.clear()
    assert runs.mirror(notice=PEOPLE).name == "Unchanged"
    assert len(received.texts) == 1


def test_a_run_that_died_after_its_commit_leaves_its_notice_to_the_next(
    runs: Runs, received: Inbox
) -> None:
    runs.mirror(notice=PEOPLE)
    runs.server.publish(2)
    runs.mirror(revisions=False)  # all that is there of it: the commit

    runs.mirror(notice=PEOPLE)

    [text] = received.texts
    assert "826 values revised" in text


def test_a_run_that_began_before_another_sent_the_notice_does_not_send_it_again(
    runs: Runs, received: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.mirror(notice=PEOPLE)
    before = read_notified(DirectoryStore(runs.lake), "bls/pr")
    runs.server.publish(2)
    runs.mirror(notice=PEOPLE)
    monkeypatch.setattr("flows.ingest.begin", lambda *_: before)

    runs.mirror(notice=PEOPLE)

    assert len(received.texts) == 1
    assert not list((runs.lake / "state/bls/pr").glob("notice-*"))


def test_a_notice_that_is_switched_on_names_nothing_old_and_none_is_off(
    runs: Runs, received: Inbox
) -> None:
    runs.mirror()
    runs.server.publish(2)
    runs.mirror()
    runs.mirror(notice=PEOPLE)

    assert received.texts == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"notice": "webhook/nobody"}, "No block webhook/nobody is registered"),
        ({"notice": "https://hooks.example.org/hush"}, "The notice is no reference to a block"),
        ({"notice": PEOPLE, "revisions": False}, "this run does not look for them"),
    ],
)
def test_a_notice_that_can_not_be_sent_is_refused_before_anything_is_written(
    runs: Runs, received: Inbox, given: dict[str, Any], said: str
) -> None:
    state = runs.pipeline(**given)

    assert state.name == "Failed"
    assert said in str(state.message)
    assert "hush" not in str(state.message)
    assert runs.asked() == 0
    assert not runs.lake.exists()
