"""Planted secrets show nowhere: streams, the Prefect API, the lake, errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from blocks.lake import open_lake
from blocks.register import register, wanted_blocks
from blsquest.core.errors import Misuse
from blsquest.sources.config import check_root, check_url
from blsquest.sources.sample.server import SampleServer
from tests.reliability.histories import raw_bucket
from tests.support.commands import Command, Ended
from tests.support.prefect_server import PrefectServer, eventually
from tests.support.s3_servers import S3Server

CONTACT = "planted-contact@example.org"
IN_THE_BLOCK = "planted-secret-key-of-the-block"
IN_THE_ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": "planted-secret-key-of-the-environment",
    "AWS_SESSION_TOKEN": "planted-session-token",
    "PREFECT_API_KEY": "planted-api-key",
}
SECRETS = (IN_THE_BLOCK, *IN_THE_ENVIRONMENT.values())

KINDS = ("logs", "artifacts", "events", "flow_runs", "task_runs", "block_documents")
"""What the Prefect API keeps of runs and of blocks."""


def everything_kept(server: PrefectServer) -> dict[str, str]:
    """All that the API hands out of these, newest first, as text."""
    sort = {"logs": "TIMESTAMP_DESC", "artifacts": "CREATED_DESC"}
    with server.client() as client:

        def ask(kind: str) -> str:
            body: dict[str, object] = {"limit": 50 if kind == "events" else 200}
            body |= {"sort": sort[kind]} if kind in sort else {}
            url = cast("Any", f"/{kind}/filter")  # Prefect lists the paths that it has as a type
            return client.request("POST", url, json=body).text

        return {kind: ask(kind) for kind in KINDS}


def test_no_secret_shows_in_streams_the_api_or_the_lake(
    prefect_api: PrefectServer, moto_s3: S3Server, server: SampleServer, tmp_path: Path
) -> None:
    bucket = moto_s3.fresh_bucket()
    wanted = {
        "LAKE": f"s3://{bucket}/lake",
        "LAKE_ENDPOINT_URL": moto_s3.endpoint,
        "LAKE_REGION": "us-east-1",
        "LAKE_ACCESS_KEY_ID": "AKIAPLANTED",
        "LAKE_SECRET_ACCESS_KEY": IN_THE_BLOCK,
        "BLS_CONTACT": CONTACT,
        "BLS_URL": server.bls_url,
        "BLS_DOWNLOADS_PER_SECOND": "0",
        "POPULATION_URL": server.population_url,
    }
    assert [d.what for d in register(wanted_blocks(wanted))]
    environment = prefect_api.environment | IN_THE_ENVIRONMENT
    environment |= {
        "AWS_ACCESS_KEY_ID": "AKIAOTHER",
        "AWS_ENDPOINT_URL": moto_s3.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def run(*arguments: str) -> Ended:
        return Command(list(arguments), tmp_path, environment).ended()

    blocks = ("--bls-url", "bls-source/bls", "--population-url", "population-source/datausa")
    well = run("flows", "pipeline", "--lake", "s3-bucket/lake", *blocks, "--verbose")
    assert list(register(wanted_blocks(wanted | {"LAKE": "s3://no-such-bucket/lake"})))
    badly = run("flows", "mirror", "--lake", "s3-bucket/lake", *blocks[:2], "--verbose")

    assert well.code == 0, well.said
    assert badly.code == 1
    assert "the bucket does not exist" in badly.out

    def recorded() -> dict[str, str] | None:
        found = everything_kept(prefect_api)
        whole = bucket in found["events"] and "no-such-bucket" in found["logs"]
        return found if whole else None

    api = eventually(recorded, "event and log of these runs")
    lake = raw_bucket(moto_s3.client(), bucket, "")
    assert any(key.endswith("report.json") for key in lake)
    for secret in SECRETS:
        assert secret not in well.said + badly.said
        assert [kind for kind, text in api.items() if secret in text] == []
        assert [key for key, body in lake.items() if secret.encode() in body] == []
    # The contact is no secret, but a person's: it is in the block, and sent to publishers.
    assert CONTACT in api["block_documents"]
    assert [k for k, text in api.items() if CONTACT in text] == ["block_documents"]
    assert CONTACT not in well.said + badly.said
    assert [key for key, body in lake.items() if CONTACT.encode() in body] == []


@pytest.mark.parametrize(
    ("check", "url"),
    [
        (check_root, "https://example.org/?X-Amz-Signature=planted"),
        (check_url, "https://example.org/?X-Amz-Signature=planted#x"),
        (open_lake, "s3://bucket/lake?X-Amz-Signature=planted"),
    ],
)
def test_a_signed_address_is_refused_without_showing_the_signature(
    check: Callable[[str], object], url: str
) -> None:
    with pytest.raises(Misuse) as caught:
        check(url)

    assert "planted" not in str(caught.value)
    assert caught.value.remedy
