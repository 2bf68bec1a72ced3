"""The block that notices are sent through: whose it is, and when it goes.

Whoever applies without NOTIFY_WEBHOOK_URL (a person at a terminal, where CI has it as a secret) has
said nothing about notices: those that somebody set up stay. Only `none` removes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from uuid import UUID

from prefect.exceptions import ObjectNotFound

from deployments.automations import TAG, desired_automations
from deployments.changes import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

KIND = "webhook"
NAME = TAG

Notify = Literal["set", "kept", "none"]
"""A webhook's address was given; or nothing was said; or that there be none."""

_UNKNOWN = UUID(int=0)
"""Stands for the block while there is none yet."""


def registered(client: SyncPrefectClient) -> UUID | None:
    """The block, if there is one."""
    try:
        return client.read_block_document_by_name(NAME, KIND).id
    except ObjectNotFound:
        return None


def automations(client: SyncPrefectClient, notify: Notify) -> tuple[AutomationCore, ...]:
    """All automations that there should be: those that notify, where there is something to."""
    block = registered(client)
    if notify == "set":
        return desired_automations(block or _UNKNOWN)
    return desired_automations(block if notify == "kept" else None)


def told(client: SyncPrefectClient, notify: Notify) -> str | None:
    """What a person should know about notices, if anything."""
    if notify == "set":
        return None
    if notify == "none":
        return "Nobody is notified of failures: NOTIFY_WEBHOOK_URL is none."
    if registered(client):
        return (
            f"NOTIFY_WEBHOOK_URL is not set: the block {KIND}/{NAME} that is registered stays, and "
            "its notices with it (none removes them)."
        )
    return "Nobody is notified of failures: NOTIFY_WEBHOOK_URL is not set."


def drop(client: SyncPrefectClient, notify: Notify, *, dry_run: bool) -> Iterator[Change]:
    """Delete the block where there should be none; after the automations that call it."""
    block = registered(client) if notify == "none" else None
    if block:
        if not dry_run:
            client.delete_block_document(block)
        yield Change("delete", "block", f"{KIND}/{NAME}")
