"""Notices, on a real server: nobody loses them unasked, and nothing is left when they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployments.apply import drift
from deployments.webhook import registered, told
from tests.deployments.installation import applied, declared, sentences

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient


def ids(client: SyncPrefectClient) -> set[UUID]:
    return {automation.id for automation in client.read_automations()}


def test_notices_that_someone_set_up_stay_where_nothing_is_said_of_them(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("weekly", NOTIFY_WEBHOOK_URL="https://hooks.example.org/hush"))
    block, automations = registered(workspace), ids(workspace)

    assert drift(declared("weekly")) == ()
    assert applied(declared("weekly")) == []

    assert block is not None
    assert registered(workspace) == block
    assert len(automations) == 5
    assert ids(workspace) == automations
    assert told(workspace, "kept") == (
        "NOTIFY_WEBHOOK_URL is not set: the block webhook/bls-data-quest that is registered stays, "
        "and its notices with it (none removes them)."
    )


def test_notices_go_with_their_secret_when_none_is_said(workspace: SyncPrefectClient) -> None:
    applied(declared("weekly", NOTIFY_WEBHOOK_URL="https://hooks.example.org/hush"))
    nobody = declared("weekly", NOTIFY_WEBHOOK_URL="none")

    foreseen = sentences(drift(nobody))

    assert len(foreseen) == 4
    assert all(
        change.startswith("delete automation BLS Data Quest: tell") for change in foreseen[:3]
    )
    assert foreseen[3] == "delete block webhook/bls-data-quest"
    assert sentences(applied(nobody)) == foreseen
    assert drift(nobody) == ()
    assert registered(workspace) is None
    assert told(workspace, "none") == "Nobody is notified of failures: NOTIFY_WEBHOOK_URL is none."
