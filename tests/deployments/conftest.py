"""Deployments live in a Prefect workspace: each test starts, and leaves, with none of them."""

from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient

from tests.support.prefect_server import PrefectServer

POOL = "bls-data-quest"


@pytest.fixture
def workspace(prefect_api: PrefectServer) -> Iterator[SyncPrefectClient]:
    """A client of an empty workspace: what other tests left in it goes first."""
    with prefect_api.client() as client:
        clear(client)
        yield client
        clear(client)


def clear(client: SyncPrefectClient) -> None:
    for deployment in client.read_deployments():
        client.delete_deployment(deployment.id)
    for automation in client.read_automations():
        client.delete_automation(automation.id)
    for document in client.read_block_documents():
        client.delete_block_document(document.id)
    for pool in client.read_work_pools():
        client.delete_work_pool(pool.name)
    for limit in client.read_global_concurrency_limits():
        client.delete_global_concurrency_limit_by_name(limit.name)
