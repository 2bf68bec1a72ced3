"""Deployments live in a Prefect workspace: each test starts, and leaves, with none of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from prefect.exceptions import ObjectNotFound

from deployments.automations import PREFIX
from tests.blocks.conftest import DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.orchestration import SyncPrefectClient

    from tests.support.prefect_server import PrefectServer

POOL = "bls-data-quest"


@pytest.fixture
def workspace(prefect_api: PrefectServer) -> Iterator[SyncPrefectClient]:
    """A client of a workspace without pool, deployments, automations or blocks of ours."""
    with prefect_api.client() as client:
        clear(client)
        yield client
        clear(client)


def clear(client: SyncPrefectClient) -> None:
    for deployment in client.read_deployments():
        client.delete_deployment(deployment.id)
    for automation in client.read_automations():
        if automation.name.startswith(PREFIX):
            client.delete_automation(automation.id)
    for kind, name in (*DOCUMENTS, ("webhook", "bls-data-quest")):
        with suppress(ObjectNotFound):
            client.delete_block_document(client.read_block_document_by_name(name, kind).id)
    with suppress(ObjectNotFound):
        client.delete_work_pool(POOL)
