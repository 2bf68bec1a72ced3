"""What a failure of the Prefect API means, and what to do about it."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from httpx import HTTPStatusError, RequestError
from prefect.client.orchestration import get_client

from flows.lake.model import QuestError

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNAUTHORISED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@contextmanager
def explain_api() -> Iterator[str]:
    """Turn the API's failures within into a `QuestError`; gives its address, without secrets."""
    address = "the configured address"
    try:
        with get_client(sync_client=True) as client:
            address = _shown(str(client.api_url))
            client.read_block_types()
        yield address
    except HTTPStatusError as error:
        status = error.response.status_code
        if status in _UNAUTHORISED:
            raise QuestError(
                f"The Prefect API at {address} did not accept the credentials ({status}).",
                "Set PREFECT_API_KEY (Prefect Cloud) or PREFECT_API_AUTH_STRING (a server of your "
                "own), or log in again with: prefect cloud login",
            ) from error
        raise QuestError(
            f"The Prefect API at {address} answered {status}.",
            "Check that PREFECT_API_URL ends in /api (or names a workspace of Prefect Cloud), and "
            "that the server is of the same version as this client.",
        ) from error
    except (RequestError, RuntimeError) as error:
        raise QuestError(
            f"The Prefect API at {address} does not answer ({type(error).__name__}).",
            "Start it (make dashboard), or correct PREFECT_API_URL.",
        ) from error


def _shown(url: str) -> str:
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
