"""Blocks live in a Prefect workspace: each test of them starts with none of the project's."""

from contextlib import suppress

import pytest
from prefect.exceptions import ObjectNotFound

from tests.support.prefect_server import PrefectServer

DOCUMENTS = (
    ("s3-bucket", "lake"),
    ("aws-credentials", "lake"),
    ("local-file-system", "lake"),
    ("bls-source", "bls"),
    ("population-source", "datausa"),
)


@pytest.fixture
def workspace(prefect_api: PrefectServer) -> PrefectServer:
    """A workspace without the project's documents."""
    with prefect_api.client() as client:
        for kind, name in DOCUMENTS:
            with suppress(ObjectNotFound):
                client.delete_block_document(client.read_block_document_by_name(name, kind).id)
    return prefect_api
